package rule

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// Bounds of patterns: instructions of the compiled program, and instructions
// times bytes of the string it is held against.
const (
	maxRegex     = 1000
	maxRegexWork = maxRegex * 4096
)

// deadline ends a condition that its cost did not: only list macros can take
// long, and only they look.
const deadline = 100 * time.Millisecond

// Causes of an evaluation that ended neither in yes nor in no.
const (
	ErrEval  = "rule.eval_failed"
	ErrCost  = "rule.cost_exceeded"
	ErrTime  = "rule.timed_out"
	ErrPanic = "rule.panicked"
)

// EvalError is the third outcome of a condition, beside match and no match.
type EvalError struct {
	// ID is one of ErrEval, ErrCost, ErrTime and ErrPanic.
	ID string
	// Detail says what happened.
	Detail string
}

func (e *EvalError) Error() string { return e.ID + ": " + e.Detail }

// program is one compiled expression.
type program struct {
	prog  cel.Program
	loops bool
}

// newProgram is the only place that plans an expression, so that none goes
// without its bounds. track asks for the values of all sub-expressions.
func newProgram(env *cel.Env, a *cel.Ast, est *estimator, track bool) (*program, error) {
	options := cel.OptOptimize
	if track {
		options |= cel.OptTrackState
	}
	prog, err := env.Program(a,
		cel.EvalOptions(options),
		cel.CostTracking(est),
		cel.CostLimit(MaxCost),
		cel.InterruptCheckFrequency(interruptEvery),
		cel.OptimizeRegex(boundedRegex, compiledGlob, compiledCIDR, compiledBase64),
		cel.CustomDecoratorV2(sharedLists),
	)
	if err != nil {
		return nil, err
	}
	return &program{prog: prog, loops: hasLoop(a.NativeRep())}, nil
}

// eval runs the program. Without list macros nothing in it can take long, and
// a deadline would cost more than the rule.
func (p *program) eval(v *Vars) (ref.Val, *cel.EvalDetails, error) {
	var (
		out     ref.Val
		details *cel.EvalDetails
		err     error
	)
	if p.loops {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		out, details, err = p.prog.ContextEval(ctx, v)
		cancel()
	} else {
		out, details, err = p.prog.Eval(v)
	}
	if err != nil {
		return nil, details, evalError(err)
	}
	return out, details, nil
}

// evalError sorts what cel-go returns. A panic in an evaluation comes back from
// it as an "internal error".
func evalError(err error) *EvalError {
	var cancelled interpreter.EvalCancelledError
	switch {
	case errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded:
		return &EvalError{ErrCost, fmt.Sprintf("the condition cost more than %d", MaxCost)}
	case errors.As(err, &cancelled), errors.Is(err, interpreter.InterruptError{}):
		return &EvalError{ErrTime, fmt.Sprintf("the condition took longer than %v", deadline)}
	case strings.HasPrefix(err.Error(), "internal error: "):
		return &EvalError{ErrPanic, strings.TrimPrefix(err.Error(), "internal error: ")}
	}
	return &EvalError{ErrEval, strings.ReplaceAll(err.Error(), packageAlias, packageField)}
}

// hasLoop reports whether the expression has a list macro, the only thing in CEL
// that does more work for a larger fact than a walk over its texts.
func hasLoop(a *ast.AST) bool {
	found := false
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		found = found || e.Kind() == ast.ComprehensionKind
	}))
	return found
}

// sharedLists plans `x in lists.NAME` as a look-up in the list's own table;
// cel-go would build a table of its own for every rule.
func sharedLists(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || call.OverloadID() != overloads.InList {
		return i, nil
	}
	c, ok := call.Args()[1].(interpreter.InterpretableConst)
	if !ok {
		return i, nil
	}
	list, ok := c.Value().(*constList)
	if !ok {
		return i, nil
	}
	return interpreter.NewCall(call.ID(), call.Function(), inConstList, call.Args(), func(args ...ref.Val) ref.Val {
		return list.Contains(args[0])
	}), nil
}

var boundedRegex = &interpreter.RegexOptimization{
	Function: "matches", OverloadID: overloads.MatchesString, RegexIndex: 1, Factory: patternCall(func(p string) string { return p }),
}

var compiledGlob = &interpreter.RegexOptimization{
	Function: "glob", OverloadID: "picket_glob", RegexIndex: 1, Factory: patternCall(globRegex),
}

// pattern is a compiled pattern with the longest string it is held against.
type pattern struct {
	re      *regexp.Regexp
	size    int
	longest int
}

// compilePattern also settles how long a text may be for the pattern: the work of
// RE2 is at most the product of both.
func compilePattern(regex string) (*pattern, error) {
	size, err := programSize(regex)
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(regex)
	if err != nil {
		return nil, err
	}
	return &pattern{re: re, size: size, longest: maxRegexWork / size}, nil
}

// patternCall compiles a literal pattern once. CEL's cost counts the length of
// a pattern, not what it compiles to, so the work is bounded here.
func patternCall(regex func(string) string) func(interpreter.InterpretableCall, string) (interpreter.InterpretableCall, error) {
	return func(call interpreter.InterpretableCall, literal string) (interpreter.InterpretableCall, error) {
		p, err := compilePattern(regex(literal))
		if err != nil {
			return nil, err
		}
		return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), func(args ...ref.Val) ref.Val {
			s, ok := args[0].(types.String)
			if !ok {
				return types.MaybeNoSuchOverloadErr(args[0])
			}
			if len(s) > p.longest {
				return types.NewErr("a string of %d bytes is too long for a pattern of %d instructions", len(s), p.size)
			}
			return types.Bool(p.re.MatchString(string(s)))
		}), nil
	}
}

// programSize is how many instructions a pattern compiles to.
func programSize(pattern string) (int, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, err
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return 0, err
	}
	return len(prog.Inst), nil
}

// globRegex writes a glob as a regular expression: * and ? stop at a slash, **
// does not.
func globRegex(glob string) string {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(glob); i++ {
		switch {
		case strings.HasPrefix(glob[i:], "**"):
			b.WriteString(".*")
			i++
		case glob[i] == '*':
			b.WriteString("[^/]*")
		case glob[i] == '?':
			b.WriteString("[^/]")
		default:
			j := i + strings.IndexAny(glob[i:]+"*", "*?")
			b.WriteString(regexp.QuoteMeta(glob[i:j]))
			i = j - 1
		}
	}
	b.WriteString(`\z`)
	return b.String()
}
