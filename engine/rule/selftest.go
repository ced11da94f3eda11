package rule

import (
	"cmp"
	"fmt"
	"slices"
	"time"
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

// Player runs tests of stateful rules, which need more than this package: it
// plays the steps of a test through a set, and answers how often the rule
// alerted, before suppression. Detail is the first message, or "".
type Player interface {
	Play(set *Set, r *Rule, t *TestCase) (alerts int, detail string, err error)
}

// Test runs the tests of the rules of a set that decide fact by fact. Every
// fact of a test is shown to the rule; alerts counts the matches that neither
// an exception nor a filter lets pass, before suppression, which is the
// engine's. Tests of stateful rules are left out: see TestWith.
func Test(set *Set) []TestResult { return TestWith(set, nil) }

// TestWith runs all tests of a set, those of stateful rules by p. Where p is
// nil they are left out.
func TestWith(set *Set, p Player) []TestResult {
	rules := set.Rules()
	results := make([][]TestResult, len(rules))
	each(len(rules), func(i int) {
		r := rules[i]
		for k := range r.Tests {
			switch {
			case !r.Stateful():
				results[i] = append(results[i], r.runTest(&r.Tests[k]))
			case p != nil:
				results[i] = append(results[i], r.playTest(set, p, &r.Tests[k]))
			}
		}
	})
	return slices.Concat(results...)
}

func (r *Rule) result(t *TestCase) TestResult {
	return TestResult{Rule: r.ID, Name: t.Name, File: cmp.Or(t.File, r.File), Line: t.Line, Want: t.Alerts}
}

func (r *Rule) playTest(set *Set, p Player, t *TestCase) TestResult {
	res := r.result(t)
	var err error
	if res.Got, res.Detail, err = p.Play(set, r, t); err != nil {
		res.Detail = err.Error()
	}
	res.Passed = err == nil && res.Got == res.Want
	return res
}

func (r *Rule) runTest(t *TestCase) TestResult {
	res := r.result(t)
	v := new(Vars)
	var failed error
	for _, s := range t.Steps {
		if s.Fact == nil || !slices.Contains(r.On, s.Fact.Kind) {
			continue
		}
		v.Reset(s.Fact, t.Prevalence)
		matched, err := r.alerts(v, s.At)
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

// alerts reports whether the rule alerts on the fact in v. In a test an
// exception that fails is an error: on a hub it only would not hold.
func (r *Rule) alerts(v *Vars, now time.Time) (bool, error) {
	matched, err := r.Evaluate(v)
	if err != nil || !matched {
		return false, err
	}
	excuse, err := r.Excused(v, now)
	if err != nil {
		return false, fmt.Errorf("asking the exceptions: %w", err)
	}
	if _, err := r.ScoreOf(v); err != nil {
		return false, fmt.Errorf("working out the score: %w", err)
	}
	return !excuse.Found(), nil
}

// RenderMessage writes the rule's message for the fact in v. Where a part of it
// fails the message is written nevertheless, with "unknown" in its place.
func (r *Rule) RenderMessage(v *Vars) (string, error) { return r.message.render(v) }

// Verify turns the tests that do not hold into findings: errors for stable
// rules, warnings for others. Tests of stateful rules are left out.
func Verify(set *Set) Findings { return VerifyWith(set, nil) }

// VerifyWith is Verify with the tests of stateful rules, as TestWith runs them.
func VerifyWith(set *Set, p Player) Findings {
	var out Findings
	for _, res := range TestWith(set, p) {
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
		f := r.sourceOf(res).finding(level, CodeTestFailed, place{res.Line, 1}, message, suggestion)
		out = append(out, f)
	}
	out.sort()
	return out
}

// sourceOf is the file in which a test of the rule stands.
func (r *Rule) sourceOf(res TestResult) *source {
	for _, t := range r.Tests {
		if t.Name == res.Name && t.src != nil {
			return t.src
		}
	}
	return r.document.src
}
