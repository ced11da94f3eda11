package rule

import (
	"fmt"
	"math"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"go.yaml.in/yaml/v3"
)

const maxScore = 100

// score reads a number, or an expression that gives one.
func (w *walker) score(r *Rule, e entry) {
	if e.value.Kind == yaml.ScalarNode && e.value.ShortTag() == "!!str" {
		r.document.score = e.value
		r.ScoreWhere, _ = w.str(e.value, "score", maxExpression)
		return
	}
	r.Score, _ = w.number(e.value, "score", 0, maxScore)
}

// scoreGuard compiles an expression that gives a number.
func (e *expression) scoreGuard() *guard {
	checked := e.compile()
	if checked == nil {
		return nil
	}
	a := checked.NativeRep()
	switch {
	case !numeric(checked.OutputType()):
		e.w.fail(CodeType, e.startOf(a, a.Expr()), fmt.Sprintf("the score is %s, not a number", cel.FormatCELType(checked.OutputType())), "write user.id == \"0\" ? 80 : 40")
		return nil
	case closed(a.Expr()):
		e.w.fail(CodeConstant, e.startOf(a, a.Expr()), "the score is the same for every fact", "write it as a number, without quotes")
		return nil
	}
	return e.planned(checked)
}

func numeric(t *cel.Type) bool {
	return t.Kind() == types.IntKind || t.Kind() == types.UintKind || t.Kind() == types.DoubleKind
}

// ScoreOf is the rule's score for the fact in v, from 0 to 100. Where its
// expression fails, the error comes with the score of the severity.
func (r *Rule) ScoreOf(v *Vars) (float64, error) {
	if r.score == nil {
		return r.Score, nil
	}
	out, err := r.score.value(v)
	if err != nil {
		return r.Score, err
	}
	n, ok := numberOf(out)
	if !ok || math.IsNaN(n) {
		return r.Score, &EvalError{ErrEval, fmt.Sprintf("the score is %s", plainText(out))}
	}
	return min(max(n, 0), maxScore), nil
}

func numberOf(v ref.Val) (float64, bool) {
	switch x := v.(type) {
	case types.Int:
		return float64(x), true
	case types.Uint:
		return float64(x), true
	case types.Double:
		return float64(x), true
	}
	return 0, false
}
