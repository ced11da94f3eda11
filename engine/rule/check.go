package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"

	"picket.internal/fact"
)

// check finds what the type checker does not look for.
func (e *expression) check(checked *cel.Ast) {
	a := checked.NativeRep()
	before := len(e.w.findings)
	e.nesting(a, a.Expr(), 0)
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(n ast.Expr) { e.node(a, n) }))
	if e.condition && checked.OutputType().Kind() == types.BoolKind {
		e.constants(a, a.Expr(), true)
		e.contradictions(a, a.Expr(), map[string]ast.Expr{})
	}
	if len(e.w.findings) > before {
		return
	}
	if e.condition && checked.OutputType().Kind() == types.BoolKind {
		e.reach(a, a.Expr(), newKnown(canon{e.est.lists}), true)
	}
	e.bound(checked)
}

// bound refuses what the estimate says may cost too much.
func (e *expression) bound(checked *cel.Ast) {
	estimate, err := e.env.EstimateCost(checked, e.est)
	if err != nil {
		e.w.fail(CodeCost, e.text.place(e.from), "the cost cannot be estimated: "+err.Error(), "")
		return
	}
	e.cost = estimate.Max
	if estimate.Max > MaxCost {
		e.w.fail(CodeCost, e.text.place(e.from), fmt.Sprintf("%s can cost %s, over the bound of %d", e.what, costText(estimate.Max), MaxCost),
			"compare with literals, use lists.NAME for long lists, avoid list macros within list macros")
	}
}

// costText keeps numbers that only mean "unbounded" from the author.
func costText(n uint64) string {
	if n > 1e15 {
		return "any amount"
	}
	return fmt.Sprint(n)
}

// nesting bounds list macros within list macros: each level multiplies the cost
// by the length of a list that a host decides.
func (e *expression) nesting(a *ast.AST, n ast.Expr, depth int) {
	if n.Kind() == ast.ComprehensionKind {
		if depth++; depth > maxNesting {
			e.w.fail(CodeNesting, e.placeOf(a, n.ID()), fmt.Sprintf("list macros are nested deeper than %d", maxNesting), "")
			return
		}
	}
	for _, child := range children(n) {
		e.nesting(a, child, depth)
	}
}

// children are the parts of an expression in the order in which they are
// written.
func children(n ast.Expr) []ast.Expr {
	switch n.Kind() {
	case ast.CallKind:
		c := n.AsCall()
		if c.IsMemberFunction() {
			return append([]ast.Expr{c.Target()}, c.Args()...)
		}
		return c.Args()
	case ast.SelectKind:
		return []ast.Expr{n.AsSelect().Operand()}
	case ast.ListKind:
		return n.AsList().Elements()
	case ast.ComprehensionKind:
		c := n.AsComprehension()
		return []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()}
	}
	return nil
}

// node checks one part of an expression by itself.
func (e *expression) node(a *ast.AST, n ast.Expr) {
	switch n.Kind() {
	case ast.IdentKind:
		e.ident(a, n)
	case ast.SelectKind:
		if sel := n.AsSelect(); sel.Operand().Kind() == ast.IdentKind && sel.Operand().AsIdent() == rootName {
			e.block(a, n, sel.FieldName())
		}
	case ast.CallKind:
		c := n.AsCall()
		switch c.FunctionName() {
		case "matches", "glob":
			e.pattern(a, c)
		case operators.Equals, operators.NotEquals, operators.In:
			e.action(a, c)
		default:
			e.literalArguments(a, c)
		}
	}
}

func (e *expression) ident(a *ast.AST, n ast.Expr) {
	if name := listName(n); name != "" {
		e.used[listPrefix+name] = true
		return
	}
	if n.AsIdent() == windowName && !e.window {
		e.w.fail(CodeUnknownName, e.placeOf(a, n.ID()), "there is no window here", "window is for the message, the score and the exceptions of rules over several facts")
		return
	}
	e.block(a, n, factName(n.AsIdent()))
}

// shared are the blocks that facts of any kind may carry.
var shared = []string{"process", "file", "user", "service"}

// block refuses a block that no fact of the rule's kinds carries: the condition
// could not be what its author means.
func (e *expression) block(a *ast.AST, n ast.Expr, name string) {
	if e.carried(name) {
		return
	}
	e.w.fail(CodeNeverMatches, e.placeOf(a, n.ID()),
		fmt.Sprintf("facts of kind %s carry no block %q", strings.Join(e.on, " or "), name), fmt.Sprintf("add %s to on, or leave the part out", name))
}

// carried reports whether facts of the rule's kinds can have the block.
func (e *expression) carried(name string) bool {
	return e.on == nil || slices.Contains(shared, name) || slices.Contains(e.on, name) || !isKind(name)
}

// isKind reports whether a block is named after a kind, and so belongs to it.
func isKind(name string) bool {
	return slices.ContainsFunc(fact.Kinds(), func(k fact.KindInfo) bool { return string(k.Kind) == name })
}

// pattern holds a pattern to its bounds: CEL's cost model does not see what it
// compiles to.
func (e *expression) pattern(a *ast.AST, c ast.CallExpr) {
	if len(c.Args()) != 1 {
		return
	}
	arg := c.Args()[0]
	p := e.placeOf(a, arg.ID())
	literal, ok := stringLiteral(arg)
	if !ok {
		e.w.fail(CodeRegexLiteral, p, fmt.Sprintf("the pattern of %s() must be written out", c.FunctionName()), "")
		return
	}
	regex := literal
	if c.FunctionName() == "glob" {
		regex = globRegex(literal)
	}
	size, err := programSize(regex)
	switch {
	case err != nil:
		e.w.fail(CodeRegexSyntax, p, err.Error(), "")
	case size > maxRegex:
		e.w.fail(CodeRegexSize, p, fmt.Sprintf("the pattern compiles to %d instructions, over the bound of %d (%d > %d)", size, maxRegex, size, maxRegex),
			"repeat less, as in x+ instead of x{1,1000}")
	default:
		e.est.programs[literal] = size
	}
}

func stringLiteral(n ast.Expr) (string, bool) {
	if n.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := n.AsLiteral().(types.String)
	return string(s), ok
}

// action refuses to compare the action of a block with one that it never has.
func (e *expression) action(a *ast.AST, c ast.CallExpr) {
	if len(c.Args()) != 2 {
		return
	}
	left, right := c.Args()[0], c.Args()[1]
	if c.FunctionName() != operators.In && left.Kind() == ast.LiteralKind {
		left, right = right, left
	}
	name, test, ok := fieldName(left)
	kind, isAction := strings.CutSuffix(name, ".action")
	if !ok || test || !isAction {
		return
	}
	values := []ast.Expr{right}
	if right.Kind() == ast.ListKind {
		values = right.AsList().Elements()
	}
	for _, k := range fact.Kinds() {
		if string(k.Kind) != kind {
			continue
		}
		for _, v := range values {
			if s, ok := stringLiteral(v); ok && s != "" && !slices.Contains(k.Actions, s) {
				suggestion := didYouMean(s, k.Actions)
				if suggestion == "" {
					suggestion = "its actions are " + strings.Join(k.Actions, ", ")
				}
				e.w.fail(CodeNeverMatches, e.placeOf(a, v.ID()), fmt.Sprintf("%s is never %q", name, s), suggestion)
			}
		}
	}
}

// constants refuses truth values that no fact can change: a whole condition, or
// a part of one that && and || join to others.
func (e *expression) constants(a *ast.AST, n ast.Expr, whole bool) {
	if closed(n) {
		message := "this part of the condition is the same for every fact"
		if whole {
			message = "the condition is the same for every fact"
		}
		e.w.fail(CodeConstant, e.startOf(a, n), message, "name a field of the fact")
		return
	}
	if n.Kind() != ast.CallKind {
		return
	}
	switch n.AsCall().FunctionName() {
	case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Conditional:
		for _, arg := range n.AsCall().Args() {
			e.constants(a, arg, false)
		}
	}
}

// closed reports whether an expression reads nothing of the fact.
func closed(n ast.Expr) bool {
	reads := false
	ast.PreOrderVisit(n, ast.NewExprVisitor(func(n ast.Expr) {
		if n.Kind() == ast.IdentKind {
			name := factName(n.AsIdent())
			_, isBlock := factSchema().root.index[name]
			reads = reads || isBlock || name == "prevalence" || name == rootName || name == windowName
		}
	}))
	return !reads
}

// startOf is where the leftmost part of an expression begins; cel-go places an
// operator, not its left side.
func (e *expression) startOf(a *ast.AST, n ast.Expr) place {
	first := e.placeOf(a, n.ID())
	ast.PreOrderVisit(n, ast.NewExprVisitor(func(n ast.Expr) {
		if a.SourceInfo().GetStartLocation(n.ID()).Line() < 1 {
			return
		}
		if p := e.placeOf(a, n.ID()); p.line < first.line || p.line == first.line && p.column < first.column {
			first = p
		}
	}))
	return first
}

// contradictions refuses a field that must equal two different values at once.
func (e *expression) contradictions(a *ast.AST, n ast.Expr, seen map[string]ast.Expr) {
	if n.Kind() != ast.CallKind {
		return
	}
	c := n.AsCall()
	switch c.FunctionName() {
	case operators.LogicalAnd:
		for _, arg := range c.Args() {
			e.contradictions(a, arg, seen)
		}
	case operators.Equals:
		left, right := c.Args()[0], c.Args()[1]
		if left.Kind() == ast.LiteralKind {
			left, right = right, left
		}
		name, _, ok := fieldName(left)
		if !ok || right.Kind() != ast.LiteralKind {
			return
		}
		if other, twice := seen[name]; twice && other.AsLiteral().Equal(right.AsLiteral()) != types.True {
			e.w.fail(CodeNeverMatches, e.placeOf(a, right.ID()), fmt.Sprintf("%s cannot equal two values at once", name),
				fmt.Sprintf("write %s in [...], or || instead of &&", name))
		}
		seen[name] = right
	}
}
