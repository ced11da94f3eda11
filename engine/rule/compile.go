package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
)

// expression is one CEL expression of a document while it is compiled.
type expression struct {
	w    *walker
	env  *cel.Env
	est  *estimator
	on   []string         // the rule's kinds; nil leaves them unchecked
	in   map[string]*List // lists that may be named
	used map[string]bool  // lists and macros that were, as lists.NAME and macros.NAME
	text *text            // the scalar that holds it
	from int              // where in the scalar's value it begins
	src  string           // the expression itself, from there
	what string           // for messages: "the condition", "the message"

	macros map[string]*Macro
	local  string // what the names of the rule's own lists begin with
	window bool   // it may read the variable window
	failed bool   // a macro that it reads is broken

	expanded map[int64]bool // the nodes that macros were written out as

	condition bool   // it decides whether the rule matches
	cost      uint64 // set by check
}

// place is where a position that cel-go counts in the expression stands in the
// file.
func (e *expression) place(line, column int) place {
	inner := &text{value: e.src}
	return e.text.place(e.from + inner.offset(line, column))
}

// placeOf is where a part of the expression stands in the file.
func (e *expression) placeOf(a *ast.AST, id int64) place {
	l := a.SourceInfo().GetStartLocation(id)
	return e.place(l.Line(), l.Column())
}

// compile parses, type-checks and checks; it answers nil where there was an
// error, and then there is at least one finding, here or at a macro.
func (e *expression) compile() *cel.Ast {
	parsed := e.parse()
	if parsed == nil {
		return nil
	}
	return e.checked(parsed)
}

func (e *expression) parse() *cel.Ast {
	if len(e.src) > maxExpression {
		e.w.fail(CodeTooLarge, e.text.place(e.from), fmt.Sprintf("%s is longer than %d bytes", e.what, maxExpression), "")
		return nil
	}
	if unaliasPackage(e.src) != e.src {
		e.w.fail(CodeUnknownName, e.text.place(e.from), fmt.Sprintf("there is no block or variable %q", packageAlias), "did you mean "+packageField+"?")
		return nil
	}
	parsed, iss := e.env.Parse(aliasPackage(e.src))
	if iss.Err() != nil {
		e.syntaxErrors(iss)
		return nil
	}
	return parsed
}

func (e *expression) checked(parsed *cel.Ast) *cel.Ast {
	if !e.allowed(parsed.NativeRep()) || !e.expand(parsed) {
		return nil
	}
	e.ownLists(parsed.NativeRep())
	checked, iss := e.env.Check(parsed)
	if iss.Err() != nil {
		e.typeErrors(parsed.NativeRep(), iss)
		return nil
	}
	before := len(e.w.findings)
	e.check(checked)
	if Findings(e.w.findings[before:]).HasErrors() {
		return nil
	}
	return checked
}

// ownLists reads lists.NAME as the rule's own list of that name, where it has
// one.
func (e *expression) ownLists(a *ast.AST) {
	if e.local == "" {
		return
	}
	factory := ast.NewExprFactory()
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(n ast.Expr) {
		if n.Kind() != ast.SelectKind || n.AsSelect().IsTestOnly() {
			return
		}
		sel := n.AsSelect()
		if sel.Operand().Kind() != ast.IdentKind || sel.Operand().AsIdent()+"." != listPrefix {
			return
		}
		if name := e.local + sel.FieldName(); e.est.lists[name] != nil {
			n.SetKindCase(factory.NewIdent(n.ID(), listPrefix+name))
		}
	}))
}

// otherNames are what expressions read beside the blocks of a fact.
var otherNames = []string{"prevalence", "lists", macrosName, windowName}

// allowed refuses what parses but has no place in a rule.
func (e *expression) allowed(a *ast.AST) bool {
	ok := true
	refuse := func(n ast.Expr, message, suggestion string) {
		e.w.fail(CodeUnsupported, e.placeOf(a, n.ID()), message, suggestion)
		ok = false
	}
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(n ast.Expr) {
		switch n.Kind() {
		case ast.MapKind:
			refuse(n, "conditions have no use for maps", "to test for one of several values write: field in [\"a\", \"b\"]")
		case ast.StructKind:
			refuse(n, "conditions make no objects", "")
		case ast.ComprehensionKind:
			v := n.AsComprehension().IterVar()
			_, isBlock := factSchema().root.index[factName(v)]
			if isBlock || slices.Contains(otherNames, v) {
				refuse(n, fmt.Sprintf("the variable %q of the list macro hides the block of that name", v), "give it another name, as in process.args.exists(a, a == \"-i\")")
			}
		case ast.LiteralKind:
			switch n.AsLiteral().Type() {
			case types.BytesType:
				refuse(n, "conditions have no use for bytes", "write a text without the b")
			case types.NullType:
				refuse(n, "conditions have no use for null", "to ask whether a field is there write has(field)")
			}
		}
	}))
	return ok
}

// syntaxErrors makes one finding of what the parser says: its list of all
// tokens that it would have taken helps nobody.
func (e *expression) syntaxErrors(iss *cel.Issues) {
	err := iss.Errors()[0] // what follows the first is mostly its echo
	message := strings.ReplaceAll(strings.TrimPrefix(err.Message, "Syntax error: "), packageAlias, packageField)
	if i := strings.Index(message, " expecting "); i > 0 {
		message = message[:i]
	}
	message = strings.Replace(message, "mismatched input '<EOF>'", "the expression ends too early", 1)
	p := e.place(err.Location.Line(), err.Location.Column())
	e.w.fail(CodeSyntax, p, fmt.Sprintf("malformed %s: %s", strings.TrimPrefix(e.what, "the "), message), e.syntaxHint(message))
}

// syntaxHint knows the slips of those who write Sigma, Python or SQL.
func (e *expression) syntaxHint(message string) string {
	words := map[string]string{"and": "&&", "or": "||", "not": "!"}
	hint := ""
	celTokens(e.src, func(from, to int) {
		if op, ok := words[e.src[from:to]]; ok && hint == "" {
			hint = fmt.Sprintf("write %s instead of %s", op, e.src[from:to])
		}
	})
	if hint == "" && strings.Contains(message, "token recognition error at: '=") {
		hint = "compare with =="
	}
	return hint
}
