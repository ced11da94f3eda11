package bench

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// document is a fact as the other engines read it: flat, each field that a rule
// reads under a name of its own, absent ones with their default.
type document map[string]any

var notName = regexp.MustCompile(`[^a-z0-9]+`)

// name is what a test looks at as an identifier.
func name(t *rule.Atom) string {
	s := strings.Trim(notName.ReplaceAllString(t.Subject.Name, "_"), "_")
	switch {
	case t.Kind == rule.TestPresent:
		return "has_" + s
	case t.Fold:
		return "lower_" + s
	}
	return "f_" + s
}

// tests are all tests of the rules by the names of what they look at.
func tests(rules []*rule.Rule) map[string]*rule.Atom {
	out := map[string]*rule.Atom{}
	var visit func(n *rule.Need)
	visit = func(n *rule.Need) {
		if n.Op == rule.NeedTest {
			out[name(n.Test)] = n.Test
		}
		for _, p := range n.Parts {
			visit(p)
		}
	}
	for _, r := range rules {
		visit(r.Need())
	}
	return out
}

func documentOf(f *fact.Fact, p *fact.Prevalence, fields map[string]*rule.Atom) document {
	v := rule.NewVars(f, p)
	doc := document{"kind": string(f.Kind)}
	for name, t := range fields {
		s := t.Subject
		switch {
		case t.Kind == rule.TestPresent:
			doc[name] = s.Has(v)
		case s.IsList():
			items := []string{}
			for _, item := range s.Texts(v) {
				items = append(items, fold(t, s.Part(item)))
			}
			doc[name] = items
		case s.IsText():
			doc[name] = fold(t, s.Text(v))
		default:
			doc[name] = int(int64(s.Number(v)))
		}
	}
	return doc
}

func fold(t *rule.Atom, s string) string {
	if t.Fold {
		return strings.ToLower(s)
	}
	return s
}

// translatable are the rules that the others can be told exactly.
func translatable(rules []*rule.Rule) (out []*rule.Rule) {
	for _, r := range rules {
		if r.Need().Exact() && plain(r.Need()) {
			out = append(out, r)
		}
	}
	return out
}

// plain reports whether what an item of a list must meet is one test of many:
// the others see a list in as many forms as tests look at it.
func plain(n *rule.Need) bool {
	switch n.Op {
	case rule.NeedItem:
		return !n.Not && oneTest(n.Parts[0])
	case rule.NeedTest:
		return n.Test.Kind != rule.TestAtLeast && !n.Test.Subject.MayFail()
	}
	return !slices.ContainsFunc(n.Parts, func(p *rule.Need) bool { return !plain(p) })
}

func oneTest(n *rule.Need) bool {
	switch n.Op {
	case rule.NeedTest:
		return n.Test.Subject.IsList() && n.Test.Kind != rule.TestPresent
	case rule.NeedAny:
		return !slices.ContainsFunc(n.Parts, func(p *rule.Need) bool { return !oneTest(p) })
	}
	return false
}

// implied reports whether a test was read off a pattern beside it, and so says
// nothing more: the others get the pattern alone.
func implied(t *rule.Atom) bool { return t.Longest > 0 && t.Kind != rule.TestPattern }

// essential are the parts of a Need that is met together, without what others imply.
func essential(n *rule.Need) []*rule.Need {
	return slices.DeleteFunc(slices.Clone(n.Parts), func(p *rule.Need) bool { return p.Op == rule.NeedTest && implied(p.Test) })
}

func quoted(values []string) string {
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprintf("%q", v))
	}
	return strings.Join(out, ", ")
}

func numbers(values []uint64) string {
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprint(int64(v)))
	}
	return strings.Join(out, ", ")
}
