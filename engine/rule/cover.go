package rule

import (
	"fmt"
	"slices"
)

// Coverage says which parts of a rule's condition its tests have seen both true
// and false.
type Coverage struct {
	Rule string `json:"rule"`
	File string `json:"file"`
	// Branches is how many outcomes the parts of the condition can have, two a
	// part; Seen is how many of them the tests have had.
	Branches int      `json:"branches"`
	Seen     int      `json:"seen"`
	Missing  []Unseen `json:"missing,omitempty"`
	// Error says why the rule could not be measured; empty where it was.
	Error string `json:"error,omitempty"`
}

// What a part of a condition never was in any test.
const (
	NeverTrue      = "true"
	NeverFalse     = "false"
	NeverEvaluated = "evaluated" // another part always decided before it
)

// Unseen is a part of a condition with an outcome that no test has.
type Unseen struct {
	Never     string `json:"never"` // true, false or evaluated
	Text      string `json:"text"`  // the part, on one line
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
	Source    string `json:"source"` // the line that it begins in
}

// String renders the part with its line underlined, as Finding.String does.
func (u Unseen) String(file string) string {
	message := fmt.Sprintf("never %s in any test", u.Never)
	f := Finding{Level: "untested", File: file, Line: u.Line, Column: u.Column, Message: message, Source: u.Source}
	return f.underlined(u.EndLine, u.EndColumn)
}

// Cover measures every rule of a set.
func Cover(set *Set) []Coverage {
	rules := set.Rules()
	out := make([]Coverage, len(rules))
	each(len(rules), func(i int) { out[i] = rules[i].cover() })
	return out
}

func (r *Rule) cover() Coverage {
	c := Coverage{Rule: r.ID, File: r.File}
	if !r.document.conditional() {
		return c // it has no condition
	}
	tree := r.clauseTree()
	root := tree.root()
	prog, err := r.tracedProgram(tree, root, false)
	if err != nil {
		c.Error = err.Error()
		return c
	}
	var total trace
	total.seen = map[int64][]bool{}
	v := new(Vars)
	for _, t := range r.Tests {
		for _, f := range t.Facts {
			if !slices.Contains(r.On, f.Kind) {
				continue
			}
			v.Reset(f, t.Prevalence)
			v.trace = newTrace()
			_, _, _ = prog.eval(v) // an error is the test's to report; what was seen before it counts
			for id, values := range v.trace.seen {
				total.note(id, values)
			}
		}
	}
	root.branches(func(p *clause) { c.add(p, total.seen[p.id], r) })
	return c
}

// note keeps of each part whether it was ever true, and ever false.
func (t *trace) note(id int64, values []bool) {
	for _, value := range []bool{true, false} {
		if slices.Contains(values, value) && !slices.Contains(t.seen[id], value) {
			t.seen[id] = append(t.seen[id], value)
		}
	}
}

func (c *Coverage) add(p *clause, seen []bool, r *Rule) {
	c.Branches += 2
	c.Seen += len(seen)
	if len(seen) == 2 {
		return
	}
	u := Unseen{Text: cut(p.text, 4*maxValue), Line: p.from.line, Column: p.from.column, EndLine: p.to.line, EndColumn: p.to.column,
		Source: r.document.src.line(p.from.line)}
	switch {
	case len(seen) == 0:
		u.Never = NeverEvaluated
	case seen[0]:
		u.Never = NeverFalse
	default:
		u.Never = NeverTrue
	}
	c.Missing = append(c.Missing, u)
}
