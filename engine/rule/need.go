package rule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
)

// Need is a rule's condition as data, as far as it can be told so, read off the
// checked condition once. Asked of a fact, it says that the condition is true,
// that it is false, or that the full condition must be asked, within all its
// bounds. It decides as CEL does: true decides an || and false an &&, even where
// another part ends in an error. It must never decide where the condition ends
// in an error; only an error for cost or time may be spared, where some part
// decides.
type Need struct {
	Op    NeedOp
	Parts []*Need // of NeedAll and NeedAny; of NeedItem what one item must meet
	Test  *Atom   // of NeedTest
	// Not turns a test around, and with NeedItem says that no item may meet it.
	Not bool

	list *Subject // of NeedItem
	why  string   // see Why, where expr is let go of
	// Of NeedOpaque and NeedItem: what it was read off, and where its text is found.
	expr ast.Expr
	info *ast.SourceInfo
}

// NeedOp is how a Need is made of its parts.
type NeedOp int

const (
	NeedOpaque NeedOp = iota // nothing is known: the full condition decides
	NeedAll                  // all parts hold
	NeedAny                  // one part holds
	NeedTest                 // the test says yes
	NeedItem                 // one item of a list of texts meets the part
)

// TestKind is what a test compares.
type TestKind int

const (
	TestEquals   TestKind = iota // the text is one of Values
	TestPrefix                   // it begins with one of Values
	TestSuffix                   // it ends with one of Values
	TestContains                 // it contains one of Values
	TestNumber                   // the number, or truth value, is one of Numbers
	TestAtLeast                  // the number is Numbers[0] or more
	TestPresent                  // the field is there
	TestPattern                  // the text matches a pattern; what it must contain for that are tests of their own
)

var testNames = [...]string{"equals", "begins with", "ends with", "contains", "equals", "is at least", "is present", "matches"}

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

// outcome of a test: a pattern may be neither met nor missed. Of several texts
// of which one must be met, the greatest counts.
type outcome int

const (
	no outcome = iota
	unsure
	yes
)

func (o outcome) turned(not bool) outcome {
	if not {
		return yes - o
	}
	return o
}

func outcomeOf(b bool) outcome {
	if b {
		return yes
	}
	return no
}

// fewValues are compared one by one; a table is slower for them.
const fewValues = 8

// Holds reports whether the condition may be true of the fact, or an error.
func (n *Need) Holds(v *Vars) bool { return n.decide(v, nil) != no }

// decide is the condition's outcome, as far as the Need can tell. item is the
// one of a list that is asked about, nil outside of lists.
func (n *Need) decide(v *Vars, item *string) outcome {
	switch n.Op {
	case NeedAll:
		return n.join(v, item, no)
	case NeedAny:
		return n.join(v, item, yes)
	case NeedTest:
		return n.Test.ask(v, item).turned(n.Not)
	case NeedItem:
		return n.anyItem(v).turned(n.Not)
	}
	return unsure
}

// join asks the parts until one decides.
func (n *Need) join(v *Vars, item *string, decides outcome) outcome {
	all := decides.turned(true)
	for _, p := range n.Parts {
		switch p.decide(v, item) {
		case decides:
			return decides
		case unsure:
			all = unsure
		}
	}
	return all
}

func (n *Need) anyItem(v *Vars) outcome {
	items, all := n.list.Texts(v), no
	for i := range items {
		switch n.Parts[0].decide(v, &items[i]) {
		case yes:
			return yes
		case unsure:
			all = unsure
		}
	}
	return all
}

// ask applies a test; of a list outside of a NeedItem, one item must pass.
func (t *Atom) ask(v *Vars, item *string) outcome {
	s := t.Subject
	switch {
	case t.Kind == TestPresent:
		return outcomeOf(s.Has(v))
	case t.Kind == TestNumber:
		return outcomeOf(slices.Contains(t.Numbers, s.Number(v)))
	case t.Kind == TestAtLeast:
		return outcomeOf(t.reaches(s.Number(v)))
	case s.place > 0:
		if items := s.Texts(v); len(items) >= s.place {
			return t.text(s.partOf(items[s.place-1]))
		}
		return unsure
	case !s.each:
		return t.text(s.Text(v))
	case item != nil:
		return t.text(s.partOf(*item))
	}
	any := no
	for _, item := range s.Texts(v) {
		any = max(any, t.text(s.partOf(item)))
	}
	return any
}

// MeetsText reports whether the test may be met by a text.
func (t *Atom) MeetsText(text string) bool { return t.text(text) != no }

// MeetsNumber reports whether the test is met by a number.
func (t *Atom) MeetsNumber(n uint64) bool { return slices.Contains(t.Numbers, n) }

// reaches compares as the type of the field does.
func (t *Atom) reaches(n uint64) bool {
	if t.Subject.form == formInt {
		return int64(n) >= int64(t.Numbers[0])
	}
	return n >= t.Numbers[0]
}

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

// Why is the part of the condition that a NeedOpaque or NeedItem stands for.
func (n *Need) Why() string {
	if n.expr == nil {
		return n.why
	}
	text, err := cel.ExprToString(n.expr, n.info)
	if err != nil {
		return ""
	}
	return cut(strings.Join(strings.Fields(unaliasPackage(text)), " "), maxValue)
}

// Exact reports whether the Need tells of every fact whether the condition is
// true, but where it ends in an error.
func (n *Need) Exact() bool {
	return n.Op != NeedOpaque && !slices.ContainsFunc(n.Parts, func(p *Need) bool { return !p.Exact() })
}

// Need is the rule's condition as data.
func (r *Rule) Need() *Need { return r.need }

// setNeed reads the condition as data off the checked one.
func (r *Rule) setNeed(a *cel.Ast, lists map[string]*constList) {
	native := a.NativeRep()
	reader := needReader{s: factSchema(), lists: lists, info: native.SourceInfo()}
	r.need = reader.necessary(native.Expr(), false)
	if r.need.Exact() {
		r.need.letGo()
	}
}

// letGo keeps nothing of the checked condition but what is said of it.
func (n *Need) letGo() {
	if n.Op == NeedItem && n.Not {
		n.why = n.Why()
	}
	n.expr, n.info = nil, nil
	for _, p := range n.Parts {
		p.letGo()
	}
}
