package rule

import (
	"maps"
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// needReader reads the necessary condition off a checked one.
type needReader struct {
	s     *schema
	lists map[string]*constList
	info  *ast.SourceInfo
	// items are the variables of list macros around the expression, each an item
	// of a list of texts.
	items map[string]*Subject
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
		return r.macro(e.AsComprehension(), not)
	case ast.CallKind:
		return r.call(e.AsCall(), not)
	}
	return nil
}

func (r needReader) call(c ast.CallExpr, not bool) *Need {
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
		if n := r.has(args[0], args[1]); n != nil && !not {
			return n
		}
		return turn(r.member(args[0], args[1]), not)
	case "matches", "glob":
		return r.pattern(c, not)
	}
	return turn(r.compare(c), not)
}

// turn negates a Need that is exact, as all are that it is given: made of tests
// that are met if and only if the expression is true, and that cannot fail.
func turn(n *Need, not bool) *Need {
	if n == nil || !not {
		return n
	}
	switch n.Op {
	case NeedAll, NeedAny:
		out := &Need{Op: NeedAll + NeedAny - n.Op}
		for _, p := range n.Parts {
			out.Parts = append(out.Parts, turn(p, true))
		}
		return out
	}
	return &Need{Op: NeedTest, Test: n.Test, Not: !n.Not}
}

// macro reads list.exists(x, …), and the negation of list.all(x, …), over a
// list of texts. What the items must meet together, each must meet by itself.
func (r needReader) macro(c ast.ComprehensionExpr, not bool) *Need {
	step, op := c.LoopStep(), operators.LogicalOr
	if not {
		op = operators.LogicalAnd
	}
	if c.HasIterVar2() || step.Kind() != ast.CallKind || step.AsCall().FunctionName() != op || len(step.AsCall().Args()) != 2 ||
		c.Result().Kind() != ast.IdentKind || c.Result().AsIdent() != c.AccuVar() {
		return nil
	}
	if init := c.AccuInit(); init.Kind() != ast.LiteralKind || init.AsLiteral() != types.Bool(not) {
		return nil
	}
	accu, body := step.AsCall().Args()[0], step.AsCall().Args()[1]
	if accu.Kind() != ast.IdentKind || accu.AsIdent() != c.AccuVar() {
		return nil
	}
	name, test, ok := fieldName(c.IterRange())
	if !ok || test {
		return nil
	}
	p, f, ok := r.s.pathTo(name)
	if !ok || f.form != formStrings {
		return nil
	}
	inner := r
	inner.items = maps.Clone(r.items)
	if inner.items == nil {
		inner.items = map[string]*Subject{}
	}
	inner.items[c.IterVar()] = newSubject(name, p)
	n := inner.necessary(body, not)
	n.loose = n.Op == NeedAll || !ofItems(n)
	return n
}

// ofItems reports whether all tests are of items of a list: then one item meets
// the whole where one item meets a part.
func ofItems(n *Need) bool {
	switch n.Op {
	case NeedTest:
		return n.Test.Subject.each
	case NeedAny:
		return !slices.ContainsFunc(n.Parts, func(p *Need) bool { return !ofItems(p) })
	}
	return false
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
		s := newSubject(name, p)
		s.Name = name
		return tested(&Atom{Kind: TestPresent, Subject: s})
	case f.form == formBool:
		return tested(&Atom{Kind: TestNumber, Subject: newSubject(name, p), Numbers: []uint64{1}})
	}
	return nil
}

func tested(t *Atom) *Need { return &Need{Op: NeedTest, Test: t} }
