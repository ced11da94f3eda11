package rule

import (
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// gate is a necessary condition of a rule in plain Go: where it says no, the
// condition is false, whatever the rest of it would give, because false decides
// an && even where another part ends in an error. Where it says yes, the full
// condition is asked, within all its bounds.
type gate func(*Vars) bool

// fieldPath is a field as indexes from the top of the fact.
type fieldPath struct {
	prevalence bool
	steps      []int
}

// pathTo resolves a dotted name.
func (s *schema) pathTo(dotted string) (fieldPath, *field, bool) {
	names := strings.Split(dotted, ".")
	p, st := fieldPath{}, s.root
	if names[0] == "prevalence" {
		p.prevalence, st, names = true, s.prev, names[1:]
	}
	var f *field
	for i, name := range names {
		at, ok := st.index[name]
		if !ok || i > 0 && f.form != formObject {
			return fieldPath{}, nil, false
		}
		f = &st.fields[at]
		p.steps = append(p.steps, at)
		if f.elem != nil {
			st = f.elem
		}
	}
	return p, f, f != nil
}

// block is the object that holds the field; absent objects read as empty ones.
func (p fieldPath) block(v *Vars) *block {
	b := v.root
	if p.prevalence {
		b = v.prev
	}
	for _, i := range p.steps[:len(p.steps)-1] {
		b = b.get(i).(*block)
	}
	return b
}

func (p fieldPath) read(v *Vars) ref.Val { return p.block(v).get(p.steps[len(p.steps)-1]) }

func (p fieldPath) has(v *Vars) bool { return p.block(v).has(p.steps[len(p.steps)-1]) }

// gater reads gates off a checked condition.
type gater struct {
	s     *schema
	lists map[string]*constList
}

// necessary is the gate of an expression, nil where it has none. Where it says
// no, the expression is false, not an error: so one part of an && decides, and
// all parts of an || together.
func (g gater) necessary(e ast.Expr) gate {
	if e.Kind() == ast.CallKind {
		c := e.AsCall()
		switch c.FunctionName() {
		case operators.LogicalAnd:
			return both(g.necessary(c.Args()[0]), g.necessary(c.Args()[1]))
		case operators.LogicalOr:
			return either(g.necessary(c.Args()[0]), g.necessary(c.Args()[1]))
		case "matches", "glob":
			return g.pattern(c)
		}
	}
	return g.exact(e)
}

// both keeps what there is: a part without a gate does not weaken the other.
func both(a, b gate) gate {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(v *Vars) bool { return a(v) && b(v) }
}

// either needs both: a part without a gate may be true for any fact.
func either(a, b gate) gate {
	if a == nil || b == nil {
		return nil
	}
	return func(v *Vars) bool { return a(v) || b(v) }
}

// exact is a gate that says yes if and only if e is true, nil where e is not
// plain enough for that. Only such a gate can be negated.
func (g gater) exact(e ast.Expr) gate {
	switch e.Kind() {
	case ast.IdentKind, ast.SelectKind:
		return g.truth(e)
	case ast.CallKind:
		return g.call(e.AsCall())
	}
	return nil
}

// truth is a bool field by itself, or has(field).
func (g gater) truth(e ast.Expr) gate {
	name, test, ok := fieldName(e)
	if !ok {
		return nil
	}
	p, f, ok := g.s.pathTo(name)
	switch {
	case !ok:
		return nil
	case test:
		return p.has
	case f.form == formBool:
		return func(v *Vars) bool { return p.read(v) == types.True }
	}
	return nil
}

func (g gater) call(c ast.CallExpr) gate {
	args := c.Args()
	switch c.FunctionName() {
	case operators.LogicalNot:
		if inner := g.exact(args[0]); inner != nil {
			return func(v *Vars) bool { return !inner(v) }
		}
	case operators.LogicalAnd:
		if a, b := g.exact(args[0]), g.exact(args[1]); a != nil && b != nil {
			return both(a, b)
		}
	case operators.LogicalOr:
		return either(g.exact(args[0]), g.exact(args[1]))
	case operators.Equals:
		return g.equal(args[0], args[1])
	case operators.NotEquals:
		if inner := g.equal(args[0], args[1]); inner != nil {
			return func(v *Vars) bool { return !inner(v) }
		}
	case operators.In:
		return g.member(args[0], args[1])
	case "startsWith", "endsWith", "contains", "under", "equalsFold":
		return g.test(c)
	}
	return nil
}

// plainForms are the forms whose values Go compares as CEL does.
var plainForms = []form{formString, formInt, formUint, formBool}

// operand reads a field, or the last part of a path in a field.
func (g gater) operand(e ast.Expr) (func(*Vars) ref.Val, bool) {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "base" && e.AsCall().IsMemberFunction() {
		inner, ok := g.operand(e.AsCall().Target())
		return func(v *Vars) ref.Val {
			s, _ := inner(v).(types.String)
			return types.String(base(string(s)))
		}, ok
	}
	name, test, ok := fieldName(e)
	if !ok || test {
		return nil, false
	}
	p, f, ok := g.s.pathTo(name)
	return p.read, ok && slices.Contains(plainForms, f.form)
}

func (g gater) equal(a, b ast.Expr) gate {
	if a.Kind() == ast.LiteralKind {
		a, b = b, a
	}
	read, ok := g.operand(a)
	if !ok || b.Kind() != ast.LiteralKind {
		return nil
	}
	want := b.AsLiteral()
	return func(v *Vars) bool { return read(v) == want }
}

// member is `x in [literals]` and `x in lists.NAME`.
func (g gater) member(a, b ast.Expr) gate {
	read, ok := g.operand(a)
	if !ok {
		return nil
	}
	set := map[ref.Val]struct{}{}
	if list, ok := g.lists[listName(b)]; ok {
		set = list.set
	} else {
		if b.Kind() != ast.ListKind {
			return nil
		}
		for _, item := range b.AsList().Elements() {
			if item.Kind() != ast.LiteralKind {
				return nil
			}
			set[item.AsLiteral()] = struct{}{}
		}
	}
	return func(v *Vars) bool {
		_, ok := set[read(v)]
		return ok
	}
}

var stringTests = map[string]func(s, arg string) bool{
	"startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix, "contains": strings.Contains,
	"under": under, "equalsFold": equalsFold,
}

func (g gater) test(c ast.CallExpr) gate {
	read, arg, ok := g.method(c)
	if !ok {
		return nil
	}
	f := stringTests[c.FunctionName()]
	return func(v *Vars) bool {
		s, ok := read(v).(types.String)
		return ok && f(string(s), arg)
	}
}

// method takes a call of a method of a field with one literal.
func (g gater) method(c ast.CallExpr) (func(*Vars) ref.Val, string, bool) {
	if !c.IsMemberFunction() || len(c.Args()) != 1 {
		return nil, "", false
	}
	read, ok := g.operand(c.Target())
	arg, isString := stringLiteral(c.Args()[0])
	return read, arg, ok && isString
}

// pattern is the gate of matches and glob. A string that is too long for the
// pattern passes: the full condition makes an error of it.
func (g gater) pattern(c ast.CallExpr) gate {
	read, arg, ok := g.method(c)
	if !ok {
		return nil
	}
	if c.FunctionName() == "glob" {
		arg = globRegex(arg)
	}
	p, err := compilePattern(arg)
	if err != nil {
		return nil
	}
	return func(v *Vars) bool {
		s, ok := read(v).(types.String)
		return !ok || len(s) > p.longest || p.re.MatchString(string(s))
	}
}

// fieldName is the dotted name of a field that e reads, or tests with has().
// Variables of list macros are not fields; they shadow nothing, because the
// checks refuse macros whose variable is named like a block.
func fieldName(e ast.Expr) (name string, test, ok bool) {
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() {
		test = true
		sel := e.AsSelect()
		prefix, _, ok := fieldName(sel.Operand())
		if sel.Operand().Kind() == ast.IdentKind && sel.Operand().AsIdent() == rootName {
			return sel.FieldName(), true, true
		}
		return prefix + "." + sel.FieldName(), test, ok
	}
	switch e.Kind() {
	case ast.IdentKind:
		return factName(e.AsIdent()), false, e.AsIdent() != rootName
	case ast.SelectKind:
		sel := e.AsSelect()
		prefix, _, ok := fieldName(sel.Operand())
		return prefix + "." + sel.FieldName(), false, ok
	}
	return "", false, false
}
