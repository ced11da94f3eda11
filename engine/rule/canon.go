package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// canon writes conditions in one form: two that differ only in the order of
// what && and || join, of the sides of ==, or of the values of a list, read the
// same. A rule's own list reads as its values.
type canon struct {
	lists map[string]*constList
}

func (c canon) text(n ast.Expr) string {
	switch n.Kind() {
	case ast.IdentKind:
		return c.ident(n)
	case ast.LiteralKind:
		return literalText(n)
	case ast.SelectKind:
		sel := n.AsSelect()
		if sel.IsTestOnly() {
			return "has(" + c.text(sel.Operand()) + "." + sel.FieldName() + ")"
		}
		return c.text(sel.Operand()) + "." + sel.FieldName()
	case ast.ListKind:
		return "[" + strings.Join(c.all(n.AsList().Elements()), ",") + "]"
	case ast.CallKind:
		return c.call(n)
	case ast.ComprehensionKind:
		x := n.AsComprehension()
		parts := []ast.Expr{x.IterRange(), x.AccuInit(), x.LoopCondition(), x.LoopStep(), x.Result()}
		return "fold(" + x.IterVar() + "," + strings.Join(c.all(parts), ",") + ")"
	}
	return "?"
}

func (c canon) ident(n ast.Expr) string {
	if name := listName(n); strings.HasPrefix(name, "@") && c.lists[name] != nil {
		values := slices.Sorted(slices.Values(c.lists[name].source))
		return fmt.Sprintf("%q", slices.Compact(values))
	}
	return n.AsIdent()
}

func literalText(n ast.Expr) string {
	switch v := n.AsLiteral().(type) {
	case types.String:
		return fmt.Sprintf("%q", string(v))
	default:
		return fmt.Sprintf("%s(%v)", v.Type().TypeName(), v.Value())
	}
}

func (c canon) all(parts []ast.Expr) []string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = c.text(p)
	}
	return out
}

func (c canon) call(n ast.Expr) string {
	call := n.AsCall()
	name, args := call.FunctionName(), call.Args()
	switch name {
	case operators.LogicalAnd, operators.LogicalOr:
		parts := c.all(chain(n, name))
		slices.Sort(parts)
		return name + "(" + strings.Join(slices.Compact(parts), ",") + ")"
	case operators.NotEquals:
		return operators.LogicalNot + "(" + c.sides(args) + ")"
	case operators.Equals:
		return c.sides(args)
	case operators.In:
		if args[1].Kind() == ast.ListKind {
			values := slices.Sorted(slices.Values(c.all(args[1].AsList().Elements())))
			return operators.In + "(" + c.text(args[0]) + "," + strings.Join(slices.Compact(values), ",") + ")"
		}
	}
	text := strings.Join(c.all(args), ",")
	if call.IsMemberFunction() {
		return c.text(call.Target()) + "." + name + "(" + text + ")"
	}
	return name + "(" + text + ")"
}

func (c canon) sides(args []ast.Expr) string {
	sides := c.all(args)
	slices.Sort(sides)
	return operators.Equals + "(" + strings.Join(sides, ",") + ")"
}

// chain is what one operator joins, however it is nested, in the order in which
// it is written.
func chain(n ast.Expr, operator string) []ast.Expr {
	if n.Kind() != ast.CallKind || n.AsCall().FunctionName() != operator {
		return []ast.Expr{n}
	}
	args := n.AsCall().Args()
	return append(chain(args[0], operator), chain(args[1], operator)...)
}
