package rule

import (
	"fmt"
	"slices"
)

// TestResult is what became of one test of one rule.
type TestResult struct {
	Rule   string `json:"rule"`
	Name   string `json:"name"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Passed bool   `json:"passed"`
	Want   int    `json:"want"` // facts that the rule should match
	Got    int    `json:"got"`  // facts that it matched
	// Detail is the first message that the rule wrote, or why it could not be evaluated.
	Detail string `json:"detail,omitempty"`
}

// Test runs the tests that the rules of a set carry. Every fact of a test is
// shown to the rule; alerts counts the matches, before suppression, which is
// the engine's.
func Test(set *Set) []TestResult {
	rules := set.Rules()
	results := make([][]TestResult, len(rules))
	inParallel(len(rules), func(i int) {
		for t := range rules[i].Tests {
			results[i] = append(results[i], rules[i].runTest(&rules[i].Tests[t]))
		}
	})
	return slices.Concat(results...)
}

func (r *Rule) runTest(t *TestCase) TestResult {
	res := TestResult{Rule: r.ID, Name: t.Name, File: r.File, Line: t.Line, Want: t.Alerts}
	v := new(Vars)
	var failed error
	for _, f := range t.Facts {
		if !slices.Contains(r.On, f.Kind) {
			continue
		}
		v.Reset(f, t.Prevalence)
		matched, err := r.Evaluate(v)
		if err != nil {
			failed = err
			break
		}
		if !matched {
			continue
		}
		res.Got++
		text, err := r.RenderMessage(v)
		if err != nil {
			failed = fmt.Errorf("writing the message: %w", err)
		}
		if res.Detail == "" {
			res.Detail = text
		}
	}
	if failed != nil {
		res.Detail = failed.Error()
	}
	res.Passed = failed == nil && res.Got == res.Want
	return res
}

// RenderMessage writes the rule's message for the fact in v. Where a part of it
// fails the message is written nevertheless, with "unknown" in its place.
func (r *Rule) RenderMessage(v *Vars) (string, error) { return r.message.render(v) }

// Verify turns the tests that do not hold into findings: errors for stable
// rules, warnings for others.
func Verify(set *Set) Findings {
	var out Findings
	for _, res := range Test(set) {
		if res.Passed {
			continue
		}
		r, _ := set.Rule(res.Rule)
		level := LevelWarning
		if r.Status == StatusStable {
			level = LevelError
		}
		message := fmt.Sprintf("test %q of %s: %d alerts, wanted %d", res.Name, res.Rule, res.Got, res.Want)
		suggestion := ""
		if res.Got == 0 || res.Detail != "" {
			suggestion = res.Detail
		}
		f := r.document.src.finding(level, CodeTestFailed, place{res.Line, 1}, message, suggestion)
		out = append(out, f)
	}
	out.sort()
	return out
}
