package rule

import (
	"maps"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
)

// known is what must be true of a fact where a part of a condition is looked
// at: the parts that came before it decided so. It never guesses: what it
// cannot tell it calls unsettled.
type known struct {
	canon canon
	atoms map[string]bool
	// only are the values that a field can still have, never those that it
	// cannot; both by the canonical text of the field and of the value.
	only, never map[string]map[string]string
}

func newKnown(c canon) *known {
	return &known{c, map[string]bool{}, map[string]map[string]string{}, map[string]map[string]string{}}
}

func (k *known) clone() *known {
	return &known{k.canon, maps.Clone(k.atoms), maps.Clone(k.only), maps.Clone(k.never)}
}

// answer is what is known of a part.
type answer int

const (
	unsettled answer = iota
	always
	never
)

func (a answer) not() answer {
	switch a {
	case always:
		return never
	case never:
		return always
	}
	return unsettled
}

func settled(v bool) answer {
	if v {
		return always
	}
	return never
}

// learn takes a part for true or for false.
func (k *known) learn(n ast.Expr, truth bool) {
	if n.Kind() == ast.CallKind {
		call := n.AsCall()
		switch name := call.FunctionName(); {
		case name == operators.LogicalNot:
			k.learn(call.Args()[0], !truth)
			return
		case name == operators.LogicalAnd && truth, name == operators.LogicalOr && !truth:
			for _, part := range chain(n, name) {
				k.learn(part, truth)
			}
			return
		}
	}
	text, negated := k.atom(n)
	k.atoms[text] = truth != negated
	field, values, negated, ok := k.membership(n)
	if !ok {
		return
	}
	if truth != negated {
		k.only[field] = intersect(k.only[field], values)
		return
	}
	k.never[field] = union(k.never[field], values)
}

// atom is the text of a part, without the ! of a !=.
func (k *known) atom(n ast.Expr) (text string, negated bool) {
	if n.Kind() == ast.CallKind && n.AsCall().FunctionName() == operators.NotEquals {
		return k.canon.sides(n.AsCall().Args()), true
	}
	return k.canon.text(n), false
}

// membership reads a comparison of a field with one literal or with several.
func (k *known) membership(n ast.Expr) (field string, values map[string]string, negated, ok bool) {
	if n.Kind() != ast.CallKind || len(n.AsCall().Args()) != 2 || n.AsCall().IsMemberFunction() {
		return "", nil, false, false
	}
	name, left, right := n.AsCall().FunctionName(), n.AsCall().Args()[0], n.AsCall().Args()[1]
	values = map[string]string{}
	switch name {
	case operators.Equals, operators.NotEquals:
		if left.Kind() == ast.LiteralKind {
			left, right = right, left
		}
		if right.Kind() != ast.LiteralKind {
			return "", nil, false, false
		}
		addLiteral(values, right)
	case operators.In:
		if right.Kind() != ast.ListKind || len(right.AsList().Elements()) == 0 {
			return "", nil, false, false
		}
		for _, item := range right.AsList().Elements() {
			if item.Kind() != ast.LiteralKind {
				return "", nil, false, false
			}
			addLiteral(values, item)
		}
	default:
		return "", nil, false, false
	}
	if _, test, ok := fieldName(left); !ok || test {
		return "", nil, false, false
	}
	return k.canon.text(left), values, name == operators.NotEquals, true
}

// addLiteral keeps the text of a string beside its canonical form.
func addLiteral(values map[string]string, n ast.Expr) {
	s, _ := stringLiteral(n)
	values[literalText(n)] = s
}

// ask answers whether a part is true.
func (k *known) ask(n ast.Expr) answer {
	if n.Kind() == ast.CallKind {
		call := n.AsCall()
		switch name := call.FunctionName(); name {
		case operators.LogicalNot:
			return k.ask(call.Args()[0]).not()
		case operators.LogicalAnd, operators.LogicalOr:
			if a := k.askChain(chain(n, name), name); a != unsettled {
				return a
			}
		}
	}
	if text, negated := k.atom(n); true {
		if truth, ok := k.atoms[text]; ok {
			return settled(truth != negated)
		}
	}
	if field, values, negated, ok := k.membership(n); ok {
		a := k.askMember(field, values)
		if negated {
			return a.not()
		}
		return a
	}
	return k.askTest(n)
}

func (k *known) askChain(parts []ast.Expr, operator string) answer {
	decides := never // one such part decides an &&
	if operator == operators.LogicalOr {
		decides = always
	}
	all := true
	for _, part := range parts {
		switch a := k.ask(part); a {
		case decides:
			return decides
		case unsettled:
			all = false
		}
	}
	if all {
		return decides.not()
	}
	return unsettled
}

func (k *known) askMember(field string, values map[string]string) answer {
	if only := k.only[field]; only != nil {
		inside := len(intersect(only, values))
		switch inside {
		case 0:
			return never
		case len(only):
			return always
		}
	}
	for v := range values {
		if _, out := k.never[field][v]; !out {
			return unsettled
		}
	}
	return never
}

// stringTests are the tests whose answer a known text decides.
var stringTests = map[string]func(s, arg string) bool{
	"startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix, "contains": strings.Contains,
	"under": under, "equalsFold": equalsFold,
}

// askTest tries startsWith and the like on each value that the field can still
// have.
func (k *known) askTest(n ast.Expr) answer {
	if n.Kind() != ast.CallKind || !n.AsCall().IsMemberFunction() || len(n.AsCall().Args()) != 1 {
		return unsettled
	}
	call := n.AsCall()
	test, ok := stringTests[call.FunctionName()]
	arg, isString := stringLiteral(call.Args()[0])
	only := k.only[k.canon.text(call.Target())]
	if !ok || !isString || len(only) == 0 {
		return unsettled
	}
	holds := 0
	for _, v := range only {
		if test(v, arg) {
			holds++
		}
	}
	switch holds {
	case 0:
		return never
	case len(only):
		return always
	}
	return unsettled
}

func intersect(a, b map[string]string) map[string]string {
	if a == nil {
		return b
	}
	out := map[string]string{}
	for v, s := range a {
		if _, ok := b[v]; ok {
			out[v] = s
		}
	}
	return out
}

func union(a, b map[string]string) map[string]string {
	out := maps.Clone(b)
	maps.Copy(out, a)
	return out
}
