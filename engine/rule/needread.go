package rule

import (
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// needReader reads a condition as data off a checked one.
type needReader struct {
	s     *schema
	lists map[string]*constList
	info  *ast.SourceInfo
	// item is the variable of the list macro around the expression, and the list
	// of texts that it is one of; nil outside of such.
	item string
	list *Subject
	// shadow is the variable of a macro over a list of literals around the
	// expression, which stands for no field.
	shadow string
}

func (r needReader) opaque(e ast.Expr) *Need { return &Need{expr: e, info: r.info} }

// necessary reads e, or with not its negation, down to where parts are plain
// enough to be tests. One part of an && decides, all parts of an || together.
func (r needReader) necessary(e ast.Expr, not bool) *Need {
	n := r.read(e, not)
	if n == nil {
		return r.opaque(e)
	}
	return n
}

func (r needReader) read(e ast.Expr, not bool) *Need {
	switch e.Kind() {
	case ast.IdentKind, ast.SelectKind:
		return turn(r.truth(e), not)
	case ast.ComprehensionKind:
		return r.macro(e, not)
	case ast.CallKind:
		return r.call(e, not)
	}
	return nil
}

func (r needReader) call(e ast.Expr, not bool) *Need {
	c := e.AsCall()
	args := c.Args()
	switch c.FunctionName() {
	case operators.LogicalNot:
		return r.read(args[0], !not)
	case operators.LogicalAnd, operators.LogicalOr:
		op := NeedAll
		if (c.FunctionName() == operators.LogicalOr) != not {
			op = NeedAny
		}
		n := &Need{Op: op}
		for _, arg := range args {
			n.Parts = append(n.Parts, r.necessary(arg, not))
		}
		return n
	case operators.Equals:
		return turn(r.equal(args[0], args[1]), not)
	case operators.NotEquals:
		return turn(r.equal(args[0], args[1]), !not)
	case operators.In:
		if n := r.has(args[0], args[1]); n != nil {
			n.expr, n.info, n.Not = e, r.info, not
			return n
		}
		return turn(r.member(args[0], args[1]), not)
	case operators.Greater, operators.GreaterEquals, operators.Less, operators.LessEquals:
		return turn(r.order(c), not)
	case "matches", "glob":
		return r.pattern(c, not)
	}
	return turn(r.compare(c), not)
}

// turn negates a Need.
func turn(n *Need, not bool) *Need {
	if n == nil || !not {
		return n
	}
	out := *n
	switch n.Op {
	case NeedAll, NeedAny:
		out.Op, out.Parts = NeedAll+NeedAny-n.Op, nil
		for _, p := range n.Parts {
			out.Parts = append(out.Parts, turn(p, true))
		}
	case NeedTest, NeedItem:
		out.Not = !n.Not
	}
	return &out
}

// loop is a list macro, exists or all, taken apart.
type loop struct {
	over, body ast.Expr
	variable   string
	all        bool
}

func loopOf(c ast.ComprehensionExpr) (loop, bool) {
	step := c.LoopStep()
	if c.HasIterVar2() || step.Kind() != ast.CallKind || len(step.AsCall().Args()) != 2 ||
		c.Result().Kind() != ast.IdentKind || c.Result().AsIdent() != c.AccuVar() {
		return loop{}, false
	}
	accu, body := step.AsCall().Args()[0], step.AsCall().Args()[1]
	l := loop{over: c.IterRange(), body: body, variable: c.IterVar(), all: step.AsCall().FunctionName() == operators.LogicalAnd}
	init := c.AccuInit()
	ok := (l.all || step.AsCall().FunctionName() == operators.LogicalOr) &&
		init.Kind() == ast.LiteralKind && init.AsLiteral() == types.Bool(l.all) &&
		accu.Kind() == ast.IdentKind && accu.AsIdent() == c.AccuVar()
	return l, ok
}

// macro reads list.exists(x, …) and list.all(x, …), which is that no item fails,
// over a list of texts. One such macro within another is left to the full
// condition: it multiplies the work.
func (r needReader) macro(e ast.Expr, not bool) *Need {
	l, ok := loopOf(e.AsComprehension())
	if !ok {
		return nil
	}
	if values, ok := r.literals(l.over); ok {
		return turn(r.anyOf(l, values), not)
	}
	list := r.textList(l.over)
	if list == nil || r.list != nil || r.shadow != "" {
		return nil
	}
	inner := r
	inner.item, inner.list = l.variable, list
	return &Need{Op: NeedItem, list: list, Parts: []*Need{inner.necessary(l.body, l.all)}, Not: l.all != not, expr: e, info: r.info}
}

// maxAnyOf is how many literals a text is compared with one by one.
const maxAnyOf = 256

// literals are the texts of a list that is written down.
func (r needReader) literals(e ast.Expr) ([]string, bool) {
	if list, ok := r.lists[listName(e)]; ok {
		return list.source, list.elem == types.StringType && len(list.source) <= maxAnyOf
	}
	if e.Kind() != ast.ListKind || len(e.AsList().Elements()) > maxAnyOf {
		return nil, false
	}
	var out []string
	for _, item := range e.AsList().Elements() {
		text, ok := stringLiteral(item)
		if !ok {
			return nil, false
		}
		out = append(out, text)
	}
	return out, true
}

// anyOf reads literals.exists(x, field.contains(x)), and literals.all(x, !…).
func (r needReader) anyOf(l loop, values []string) *Need {
	body := l.body
	if l.all {
		if body.Kind() != ast.CallKind || body.AsCall().FunctionName() != operators.LogicalNot {
			return nil
		}
		body = body.AsCall().Args()[0]
	}
	if body.Kind() != ast.CallKind || !body.AsCall().IsMemberFunction() || len(body.AsCall().Args()) != 1 {
		return nil
	}
	c := body.AsCall()
	test, ok := textTests[c.FunctionName()]
	if arg := c.Args()[0]; !ok || arg.Kind() != ast.IdentKind || arg.AsIdent() != l.variable {
		return nil
	}
	r.shadow = l.variable
	o, ok := r.operand(c.Target())
	if !ok || !o.IsText() {
		return nil
	}
	return turn(o.compare(test, values), l.all)
}

// textList is a field that is a list of texts, nil where e is none.
func (r needReader) textList(e ast.Expr) *Subject {
	name, test, ok := fieldName(e)
	if !ok || test {
		return nil
	}
	p, f, ok := r.s.pathTo(name)
	if !ok || f.form != formStrings {
		return nil
	}
	return newSubject(name, p)
}

// truth is a bool field by itself, or has(field).
func (r needReader) truth(e ast.Expr) *Need {
	name, test, ok := fieldName(e)
	if !ok {
		return nil
	}
	p, f, ok := r.s.pathTo(name)
	switch {
	case !ok:
		return nil
	case test:
		s := *newSubject(name, p)
		s.Name = name // a list is there or not as one
		return tested(&Atom{Kind: TestPresent, Subject: &s})
	case f.form == formBool:
		return tested(&Atom{Kind: TestNumber, Subject: newSubject(name, p), Numbers: []uint64{1}})
	}
	return nil
}

func tested(t *Atom) *Need { return &Need{Op: NeedTest, Test: t} }
