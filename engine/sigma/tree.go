package sigma

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// node is a condition over one event: a test, or what and, or and not make of
// others.
type node struct {
	op   op
	kids []*node
	name string // the search identifier that it stands for, where it is one
	test *test
}

type op int

const (
	opTest op = iota
	opAnd
	opOr
	opNot
)

// join is the conjunction or disjunction of nodes; parts without a name that say
// the same are taken in. One node stands for itself.
func join(o op, nodes []*node) *node {
	var kids []*node
	for _, n := range nodes {
		if n.op == o && n.name == "" {
			kids = append(kids, n.kids...)
			continue
		}
		kids = append(kids, n)
	}
	if len(kids) == 1 {
		return kids[0]
	}
	return &node{op: o, kids: kids}
}

func not(n *node) *node {
	if n.op == opNot {
		return n.kids[0]
	}
	return &node{op: opNot, kids: []*node{n}}
}

// size counts the nodes.
func (n *node) size() int {
	count := 1
	for _, k := range n.kids {
		count += k.size()
	}
	return count
}

// fields adds the fields that are tested to those of seen.
func (n *node) fields(seen []*field) []*field {
	for _, k := range n.kids {
		seen = k.fields(seen)
	}
	if n.op == opTest && !slices.Contains(seen, n.test.field) {
		seen = append(seen, n.test.field)
	}
	return seen
}

// test is one comparison of one field. A test of a field that the event does not
// have is false, but for absent.
type test struct {
	field *field
	kind  testKind

	pattern pattern
	fold    folding
	regex   string // as written for RE2, flags included
	re      *regexp.Regexp
	compare string // ==, <, <=, >, >= of numbers
	number  number
	part    string // of a time: the modifier that takes it
	other   *field // of ref
	shape   shape  // of ref: how the two texts are compared
	truth   bool   // of truth
	network netip.Prefix
}

type testKind int

const (
	testText testKind = iota
	testRegex
	testNumber
	testTruth
	testPresent
	testRef
	testNetwork
)

// number is a number as Sigma wrote it, and what it is worth.
type number struct {
	text  string
	value float64
}

// event is the evaluator's view of one event: the values of the fields that it
// has, as text, float64, bool or []string. What is empty is not there.
type event map[*field]any

// within reports whether a field of the object is there.
func (e event) within(object *field) bool {
	for f := range e {
		if strings.HasPrefix(f.path, object.path+".") {
			return true
		}
	}
	return false
}

// holds evaluates the condition as Sigma means it.
func (n *node) holds(e event) bool {
	switch n.op {
	case opAnd:
		return !slices.ContainsFunc(n.kids, func(k *node) bool { return !k.holds(e) })
	case opOr:
		return slices.ContainsFunc(n.kids, func(k *node) bool { return k.holds(e) })
	case opNot:
		return !n.kids[0].holds(e)
	}
	return n.test.holds(e)
}

func (t *test) holds(e event) bool {
	value, present := e[t.field]
	switch t.kind {
	case testPresent:
		return present || t.field.kind == kindObject && e.within(t.field)
	case testTruth:
		b, _ := value.(bool)
		return b == t.truth
	case testText:
		if len(t.pattern) == 0 {
			return !present // an empty text is not told from none
		}
	}
	if !present {
		return false
	}
	if list, ok := value.([]string); ok {
		return slices.ContainsFunc(list, func(s string) bool { return t.meets(e, s) })
	}
	return t.meets(e, value)
}

// meets tests a value that is there.
func (t *test) meets(e event, value any) bool {
	switch t.kind {
	case testText:
		s, ok := value.(string)
		return ok && t.pattern.fits(s, t.fold)
	case testRegex:
		s, ok := value.(string)
		return ok && t.re.MatchString(s)
	case testNumber:
		return t.meetsNumber(value)
	case testNetwork:
		s, _ := value.(string)
		addr, err := netip.ParseAddr(s)
		return err == nil && t.network.Contains(addr.Unmap())
	case testRef:
		other, present := e[t.other]
		s, ok := other.(string)
		text, isText := value.(string)
		if !present || !ok || !isText {
			return present && other == value && t.shape == shapeEquals
		}
		p := pattern{{literal, s}}.within(t.shape == shapeSuffix || t.shape == shapeContains, t.shape == shapePrefix || t.shape == shapeContains)
		return p.fits(text, t.fold)
	}
	return false
}
