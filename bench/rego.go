package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"picket.internal/engine/rule"
)

// maxBodies is how many bodies a rule is taken apart into; what would need more
// is told by a helper rule, and so is what OPA's index does not know anyway.
const maxBodies = 32

// helps reports whether OPA's index knows one of the tests of each part.
func helps(n *rule.Need) bool {
	switch n.Op {
	case rule.NeedTest:
		return !n.Not && !n.Test.Subject.IsList() && n.Test.Kind != rule.TestContains && n.Test.Kind != rule.TestPattern
	case rule.NeedAny:
		return !slices.ContainsFunc(n.Parts, func(p *rule.Need) bool { return !helps(p) })
	}
	return slices.ContainsFunc(n.Parts, helps)
}

// regoWriter writes rules as one rego module: a partial set of the ids that a
// fact matches.
type regoWriter struct {
	module  strings.Builder
	helpers int
}

func regoModule(rules []*rule.Rule) string {
	w := &regoWriter{}
	w.module.WriteString("package picket\n\n")
	for _, r := range rules {
		for _, kind := range r.On {
			for _, body := range w.bodies(r.Need()) {
				fmt.Fprintf(&w.module, "matches contains %q if {\n\tinput.kind == %q\n\t%s\n}\n\n", r.ID, kind, strings.Join(body, "\n\t"))
			}
		}
	}
	return w.module.String()
}

// bodies are the conjunctions of which one must hold.
func (w *regoWriter) bodies(n *rule.Need) [][]string {
	switch n.Op {
	case rule.NeedTest:
		return w.test(n)
	case rule.NeedAny:
		var out [][]string
		for _, p := range n.Parts {
			out = append(out, w.bodies(p)...)
		}
		return out
	}
	out := [][]string{nil}
	for _, p := range essential(n) {
		inner := w.bodies(p)
		if len(inner) > 1 && (len(out)*len(inner) > maxBodies || !helps(p)) {
			inner = [][]string{{w.helper(inner)}}
		}
		var next [][]string
		for _, a := range out {
			for _, b := range inner {
				next = append(next, append(append([]string{}, a...), b...))
			}
		}
		out = next
	}
	return out
}

func (w *regoWriter) helper(bodies [][]string) string {
	w.helpers++
	name := fmt.Sprintf("helper%d", w.helpers)
	for _, body := range bodies {
		fmt.Fprintf(&w.module, "%s if {\n\t%s\n}\n\n", name, strings.Join(body, "\n\t"))
	}
	return name
}

func (w *regoWriter) test(n *rule.Need) [][]string {
	t := n.Test
	subject, not := "input."+name(t), ""
	var before []string
	if t.Subject.IsList() && t.Kind != rule.TestPresent {
		w.helpers++
		subject = fmt.Sprintf("item%d", w.helpers)
		before = []string{fmt.Sprintf("some %s in input.%s", subject, name(t))}
	}
	if n.Not {
		not = "not "
	}
	var alternatives []string
	switch t.Kind {
	case rule.TestPresent:
		alternatives = []string{subject + " == true"}
	case rule.TestNumber:
		alternatives = []string{among(subject, numbers(t.Numbers), len(t.Numbers))}
	case rule.TestEquals:
		alternatives = []string{among(subject, quoted(t.Values), len(t.Values))}
	case rule.TestPattern:
		alternatives = []string{fmt.Sprintf("regex.match(%q, %s)", t.Values[0], subject)}
	case rule.TestContains:
		for _, v := range t.Values {
			alternatives = append(alternatives, fmt.Sprintf("contains(%s, %q)", subject, v))
		}
	default:
		alternatives = []string{edge(t, subject)}
	}
	if n.Not { // none of them
		for _, a := range alternatives {
			before = append(before, not+a)
		}
		return [][]string{before}
	}
	var out [][]string
	for _, a := range alternatives {
		out = append(out, append(append([]string{}, before...), a))
	}
	return out
}

// edge is a test of a text's beginning or end, in the words that OPA indexes.
func edge(t *rule.Atom, subject string) string {
	one, many := "startswith", "strings.any_prefix_match"
	if t.Kind == rule.TestSuffix {
		one, many = "endswith", "strings.any_suffix_match"
	}
	if len(t.Values) == 1 {
		return fmt.Sprintf("%s(%s, %q)", one, subject, t.Values[0])
	}
	return fmt.Sprintf("%s(%s, {%s})", many, subject, quoted(t.Values))
}

func among(subject, values string, n int) string {
	if n == 1 {
		return subject + " == " + values
	}
	return fmt.Sprintf("%s in {%s}", subject, values)
}

// opa is a prepared query.
type opa struct{ query rego.PreparedEvalQuery }

func newOPA(rules []*rule.Rule) (*opa, error) {
	q, err := rego.New(rego.Query("data.picket.matches"), rego.Module("picket.rego", regoModule(rules))).PrepareForEval(context.Background())
	return &opa{q}, err
}

// parsed is a document as OPA evaluates it: made before, not while it is measured.
func parsed(doc document) (ast.Value, error) { return ast.InterfaceToValue(map[string]any(doc)) }

func (o *opa) match(input ast.Value) (ids []string, err error) {
	results, err := o.query.Eval(context.Background(), rego.EvalParsedInput(input))
	if err != nil || len(results) == 0 {
		return nil, err
	}
	for _, id := range results[0].Expressions[0].Value.([]any) {
		ids = append(ids, id.(string))
	}
	return ids, nil
}
