package rule

import (
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"go.yaml.in/yaml/v3"
)

// What joins the parts of a condition.
const (
	JoinAll    = "all"    // &&: true where every part is
	JoinAny    = "any"    // ||: true where one part is
	JoinNot    = "not"    // !: true where its part is false
	JoinChoose = "choose" // ? :: the second part where the first is true, else the third
	JoinEach   = "each"   // a list macro: its list, and what it asks of each element
)

// clause is a piece of a condition that says something by itself. Parts that are
// joined by the same operator are siblings, however cel-go nests them.
type clause struct {
	id       int64
	node     ast.Expr
	join     string // empty for a part whose parts are only operands
	branch   bool   // it decides something by being true or false
	text     string
	from, to place
	parts    []*clause
}

// clauseTree reads a condition's parts off its checked form.
type clauseTree struct {
	checked *cel.Ast
	a       *ast.AST
	spans   *spans
	text    *text
	own     string // what the names of the rule's own lists begin with
	inside  bool   // the part at hand is within a macro
}

func (r *Rule) clauseTree() clauseTree {
	d := r.document
	t := d.src.scalarText(d.where)
	checked := d.checked()
	a := checked.NativeRep()
	return clauseTree{checked: checked, a: a, spans: newSpans(t.value, a.SourceInfo()), text: t, own: listPrefix + d.prefix}
}

// withoutTies is a scalar of a document by itself: enough to find the places of
// its characters, without the rest of the document.
func withoutTies(n *yaml.Node) *yaml.Node {
	if n == nil {
		return nil
	}
	return &yaml.Node{Kind: n.Kind, Style: n.Style, Value: n.Value, Line: n.Line, Column: n.Column}
}

func (t clauseTree) root() *clause {
	p := t.clause(t.a.Expr())
	p.branch = p.join != JoinNot
	return p
}

func (t clauseTree) clause(n ast.Expr) *clause {
	p := &clause{id: n.ID(), node: n}
	expanded := t.spans.expanded(n)
	from, to := t.spans.of(n)
	p.text, p.from, p.to = oneLine(t.spans.src[from:to]), t.text.place(from), t.text.place(to)
	if expanded && t.inside || from == to { // the text of a macro stands elsewhere
		if text, err := cel.ExprToString(n, t.a.SourceInfo()); err == nil {
			p.text = strings.ReplaceAll(unaliasPackage(text), t.own, listPrefix)
		}
	}
	t.inside = expanded
	if call, ok := t.a.SourceInfo().GetMacroCall(n.ID()); ok && n.Kind() == ast.ComprehensionKind {
		t.each(p, call.AsCall())
		return p
	}
	switch operator(n) {
	case operators.LogicalAnd, operators.LogicalOr:
		p.join = map[string]string{operators.LogicalAnd: JoinAll, operators.LogicalOr: JoinAny}[operator(n)]
		for _, arg := range t.operands(n, operator(n)) {
			p.parts = append(p.parts, t.branch(arg))
		}
	case operators.LogicalNot:
		p.join = JoinNot
		p.parts = []*clause{t.branch(n.AsCall().Args()[0])}
	case operators.Conditional:
		p.join = JoinChoose
		args := n.AsCall().Args()
		p.parts = []*clause{t.branch(args[0]), t.maybeBranch(args[1]), t.maybeBranch(args[2])}
	default:
		t.readings(p, n)
	}
	return p
}

// each gives a list macro its list and what it asks of the elements.
func (t clauseTree) each(p *clause, call ast.CallExpr) {
	p.join = JoinEach
	args := call.Args()
	p.parts = []*clause{t.clause(call.Target()), t.maybeBranch(args[len(args)-1])}
}

func operator(n ast.Expr) string {
	if n.Kind() != ast.CallKind {
		return ""
	}
	return n.AsCall().FunctionName()
}

// operands are what one operator joins, in the order of evaluation. A macro is
// one operand, whatever it is made of.
func (t clauseTree) operands(n ast.Expr, op string) []ast.Expr {
	var out []ast.Expr
	for _, arg := range n.AsCall().Args() {
		if operator(arg) != op || t.spans.expanded(arg) != t.inside {
			out = append(out, arg)
		} else {
			out = append(out, t.operands(arg, op)...)
		}
	}
	return out
}

func (t clauseTree) branch(n ast.Expr) *clause {
	p := t.clause(n)
	p.branch = p.join != JoinNot && n.Kind() != ast.LiteralKind // of x and !x one is enough
	return p
}

// maybeBranch is a branch where it is true or false at all.
func (t clauseTree) maybeBranch(n ast.Expr) *clause {
	if typ := t.a.GetType(n.ID()); typ != nil && typ.Kind() == types.BoolKind {
		return t.branch(n)
	}
	return t.clause(n)
}

// readings are the fields and calls that a comparison or a call works with.
func (t clauseTree) readings(p *clause, n ast.Expr) {
	if n.Kind() == ast.SelectKind {
		return
	}
	for _, child := range children(n) {
		if telling(child) {
			p.parts = append(p.parts, t.clause(child))
			continue
		}
		inner := &clause{}
		if t.joined(child) {
			inner.parts = []*clause{t.clause(child)}
		} else {
			t.readings(inner, child)
		}
		p.parts = append(p.parts, inner.parts...)
	}
}

// joined reports whether a part that is an operand has branches of its own.
func (t clauseTree) joined(n ast.Expr) bool {
	switch operator(n) {
	case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot:
		return true
	}
	return false
}

// branches calls each for every branch below p, p included.
func (p *clause) branches(each func(*clause)) {
	if p.branch {
		each(p)
	}
	for _, child := range p.parts {
		child.branches(each)
	}
}
