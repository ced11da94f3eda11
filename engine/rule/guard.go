package rule

import (
	"fmt"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// guard is an expression that is asked on a match only, within the bounds of
// every condition. Most are never asked, so it is planned when it is.
type guard struct {
	env *cel.Env
	ast *cel.Ast
	est *estimator

	once sync.Once
	prog *program
	err  error
}

// value evaluates the expression.
func (g *guard) value(v *Vars) (ref.Val, error) {
	g.once.Do(func() { g.prog, g.err = newProgram(g.env, g.ast, g.est, false) })
	if g.err != nil {
		return nil, &EvalError{ErrEval, g.err.Error()}
	}
	out, _, err := g.prog.eval(v)
	return out, err
}

func (g *guard) holds(v *Vars) (bool, error) {
	out, err := g.value(v)
	if err != nil {
		return false, err
	}
	b, ok := out.Value().(bool)
	if !ok {
		return false, &EvalError{ErrEval, fmt.Sprintf("the condition gave %s, not true or false", out.Type().TypeName())}
	}
	return b, nil
}

// boolean compiles the expression as a condition; nil where it made an error.
func (e *expression) boolean() *cel.Ast {
	e.condition = true
	checked := e.compile()
	if checked == nil {
		return nil
	}
	if checked.OutputType().Kind() != types.BoolKind {
		p := e.startOf(checked.NativeRep(), checked.NativeRep().Expr())
		e.w.fail(CodeNotBool, p, fmt.Sprintf("%s gives %s, not true or false", e.what, cel.FormatCELType(checked.OutputType())), "compare it with something")
		return nil
	}
	return checked
}

// guard compiles the expression as a condition that is asked only on a match.
func (e *expression) guard() *guard {
	checked := e.boolean()
	if checked == nil {
		return nil
	}
	return e.planned(checked)
}

// planned keeps an expression that is asked on a match only. It is planned once
// to see that it can be.
func (e *expression) planned(checked *cel.Ast) *guard {
	if _, err := newProgram(e.env, checked, e.est, false); err != nil {
		e.w.fail(CodeType, e.text.place(e.from), err.Error(), "")
		return nil
	}
	return &guard{env: e.env, ast: checked, est: e.est}
}
