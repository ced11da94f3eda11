package rule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
)

// Need is a necessary condition of a rule as data, read off its checked
// condition once: where it does not hold, the condition is false, whatever the
// rest of it would give, because false decides an && even where another part
// ends in an error. Where it holds, the full condition is asked, within all its
// bounds. It must never fail to hold where the condition is true or an error;
// only an error for cost or time may be spared, where some part is false.
type Need struct {
	Op    NeedOp
	Parts []*Need // of NeedAll and NeedAny
	Test  *Atom   // of NeedTest
	// Not turns the test around.
	Not bool

	// loose: it may hold where the condition that it was read off does not.
	loose bool
	// Of NeedOpaque: what could not be read, and where its text is found.
	expr ast.Expr
	info *ast.SourceInfo
}

// NeedOp is how a Need is made of its parts.
type NeedOp int

const (
	NeedOpaque NeedOp = iota // nothing is known: it always holds
	NeedAll                  // all parts hold
	NeedAny                  // one part holds
	NeedTest                 // the test says yes
)

// TestKind is what a test compares.
type TestKind int

const (
	TestEquals   TestKind = iota // the text is one of Values
	TestPrefix                   // it begins with one of Values
	TestSuffix                   // it ends with one of Values
	TestContains                 // it contains one of Values
	TestNumber                   // the number, or truth value, is one of Numbers
	TestPresent                  // the field is there
	TestPattern                  // the text matches a pattern; what it must contain for that are tests of their own
)

var testNames = [...]string{"equals", "begins with", "ends with", "contains", "equals", "is present", "matches"}

func (k TestKind) String() string { return testNames[k] }

// Atom is one comparison of a field with literals: a test. One without values is
// never met.
type Atom struct {
	Kind    TestKind
	Subject *Subject
	Values  []string
	Numbers []uint64
	// Fold ignores the case of ASCII letters; Values are in lower case then.
	Fold bool
	// Longest is how long a text may be for the test to be sure, where it is not
	// 0: the pattern that the test was read off is an error on longer ones.
	Longest int

	set     map[string]struct{} // of Values, where they are many
	pattern *regexp.Regexp
}

// String is the test as a person says it, cut to a line.
func (t *Atom) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", t.Subject.Name, t.Kind)
	n := len(t.Values) + len(t.Numbers)
	for i := range min(n, maxSaid) {
		if i > 0 {
			b.WriteString(" or")
		}
		if i < len(t.Values) {
			fmt.Fprintf(&b, " %q", cut(t.Values[i], 64))
		} else {
			b.WriteString(" " + t.number(i-len(t.Values)))
		}
	}
	if n > maxSaid {
		fmt.Fprintf(&b, " or %d more", n-maxSaid)
	}
	if n == 0 && t.Kind != TestPresent {
		b.WriteString(" nothing")
	}
	if t.Fold {
		b.WriteString(" in any case")
	}
	return b.String()
}

// maxSaid is how many literals a test is said with.
const maxSaid = 3

func (t *Atom) number(i int) string {
	switch t.Subject.form {
	case formBool:
		return fmt.Sprint(t.Numbers[i] == 1)
	case formInt:
		return fmt.Sprint(int64(t.Numbers[i]))
	}
	return fmt.Sprint(t.Numbers[i])
}

// outcome of a test: a pattern may be neither met nor missed.
type outcome int

const (
	no outcome = iota
	yes
	unsure
)

func outcomeOf(b bool) outcome {
	if b {
		return yes
	}
	return no
}

// fewValues are compared one by one; a table is slower for them.
const fewValues = 8

// Holds reports whether the fact meets the Need.
func (n *Need) Holds(v *Vars) bool {
	switch n.Op {
	case NeedAll:
		for _, p := range n.Parts {
			if !p.Holds(v) {
				return false
			}
		}
		return true
	case NeedAny:
		for _, p := range n.Parts {
			if p.Holds(v) {
				return true
			}
		}
		return false
	case NeedTest:
		return n.Test.holds(v, n.Not)
	}
	return true
}

// holds applies a test; of a list, one item must pass, turned around or not.
func (t *Atom) holds(v *Vars, not bool) bool {
	refused := no
	if not {
		refused = yes
	}
	s := t.Subject
	switch {
	case t.Kind == TestPresent:
		return outcomeOf(s.Has(v)) != refused
	case t.Kind == TestNumber:
		return outcomeOf(slices.Contains(t.Numbers, s.Number(v))) != refused
	case s.each:
		for _, item := range s.Texts(v) {
			if t.text(s.partOf(item)) != refused {
				return true
			}
		}
		return false
	}
	return t.text(s.Text(v)) != refused
}

// MeetsText reports whether the test may be met by a text.
func (t *Atom) MeetsText(text string) bool { return t.text(text) != no }

// MeetsNumber reports whether the test is met by a number.
func (t *Atom) MeetsNumber(n uint64) bool { return slices.Contains(t.Numbers, n) }

func (t *Atom) text(s string) outcome {
	if t.Longest > 0 && len(s) > t.Longest {
		return unsure
	}
	if t.Kind == TestPattern {
		return outcomeOf(t.pattern.MatchString(s))
	}
	if t.Kind == TestEquals {
		return outcomeOf(t.equals(s))
	}
	compare := comparisons[t.Kind][0]
	if t.Fold {
		compare = comparisons[t.Kind][1]
	}
	for _, value := range t.Values {
		if compare(s, value) {
			return yes
		}
	}
	return no
}

// comparisons by kind, with case and without.
var comparisons = [...][2]func(s, value string) bool{
	TestPrefix:   {strings.HasPrefix, startsWithFold},
	TestSuffix:   {strings.HasSuffix, endsWithFold},
	TestContains: {strings.Contains, containsFold},
}

func (t *Atom) equals(s string) bool {
	if t.set != nil {
		if t.Fold {
			s = lowerASCII(s)
		}
		_, ok := t.set[s]
		return ok
	}
	for _, value := range t.Values {
		if s == value || t.Fold && equalsFold(s, value) {
			return true
		}
	}
	return false
}

// Why is the part of the condition that a NeedOpaque stands for.
func (n *Need) Why() string {
	if n.expr == nil {
		return ""
	}
	text, err := cel.ExprToString(n.expr, n.info)
	if err != nil {
		return ""
	}
	return cut(strings.Join(strings.Fields(unaliasPackage(text)), " "), maxValue)
}

// Exact reports whether the Need holds if and only if the condition is true, but
// for conditions that end in an error.
func (n *Need) Exact() bool {
	return n.Op != NeedOpaque && !n.loose && !slices.ContainsFunc(n.Parts, func(p *Need) bool { return !p.Exact() })
}

// gate is the Need without what always holds, nil where nothing is left: what
// is asked before the full condition.
func (n *Need) gate() *Need {
	switch n.Op {
	case NeedOpaque:
		return nil
	case NeedTest:
		return n
	}
	out := &Need{Op: n.Op}
	for _, p := range n.Parts {
		switch inner := p.gate(); {
		case inner == nil && n.Op == NeedAny:
			return nil
		case inner == nil:
		case inner.Op == n.Op:
			out.Parts = append(out.Parts, inner.Parts...)
		default:
			out.Parts = append(out.Parts, inner)
		}
	}
	switch len(out.Parts) {
	case 0:
		return nil
	case 1:
		return out.Parts[0]
	}
	return out
}

// Need is the rule's necessary condition.
func (r *Rule) Need() *Need { return r.need }

// setNeed reads the necessary condition off the checked one.
func (r *Rule) setNeed(a *cel.Ast, lists map[string]*constList) {
	native := a.NativeRep()
	reader := needReader{s: factSchema(), lists: lists, info: native.SourceInfo()}
	r.need = reader.necessary(native.Expr(), false)
	r.gate = r.need.gate()
}
