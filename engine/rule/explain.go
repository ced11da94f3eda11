package rule

import (
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// maxValues bounds how many parts of a condition an alert tells the values of.
const maxValues = 32

// Explain evaluates the condition once more and returns the value that each of
// its parts had: fields, comparisons and calls by their text in the rule. Parts
// that were not looked at are left out. It is for matches, not for every fact.
func (r *Rule) Explain(v *Vars) (map[string]string, error) {
	x, d := r.explain, r.document
	if !d.conditional() {
		return nil, nil // it has no condition of its own
	}
	x.once.Do(func() {
		x.ast = d.checked()
		x.prog, x.err = newProgram(d.env, x.ast, d.est, true)
	})
	if x.err != nil {
		return nil, x.err
	}
	_, details, err := x.prog.eval(v)
	if err != nil {
		return nil, err
	}
	return partValues(x.ast.NativeRep(), details, listPrefix+d.prefix), nil
}

// partValues reads the values of the parts off an evaluation that kept them, the
// outermost first, so that the bound cuts details.
func partValues(a *ast.AST, details *cel.EvalDetails, own string) map[string]string {
	values := map[string]string{}
	state := details.State()
	var visit func(n ast.Expr)
	visit = func(n ast.Expr) {
		if len(values) >= maxValues {
			return
		}
		if telling(n) {
			if val, ok := state.Value(n.ID()); ok && !types.IsUnknownOrError(val) {
				if text, err := cel.ExprToString(n, a.SourceInfo()); err == nil {
					text = strings.ReplaceAll(text, own, listPrefix)
					values[cut(unaliasPackage(text), maxValue)] = cut(plainText(val), maxValue)
				}
			}
		}
		if n.Kind() == ast.SelectKind || n.Kind() == ast.ComprehensionKind {
			return
		}
		for _, child := range children(n) {
			visit(child)
		}
	}
	visit(a.Expr())
	return values
}

// telling reports whether the value of a part says something by itself: not
// literals, and not the truth of && and ||, which their parts tell better.
func telling(n ast.Expr) bool {
	switch n.Kind() {
	case ast.SelectKind, ast.ComprehensionKind:
		return true
	case ast.IdentKind:
		return listName(n) == ""
	case ast.CallKind:
		switch n.AsCall().FunctionName() {
		case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot:
			return false
		}
		return true
	}
	return false
}
