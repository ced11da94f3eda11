package rule

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// How an evaluation tells which of a condition's parts were true and which
// false: each of them is wrapped in a call that notes its value and hands it
// on. That also counts the parts of list macros, once an element, of which
// cel-go's own state keeps the last alone.

// Neither name is an identifier of the language: no source can write it.
const (
	seenFunction = "@seen"
	seenOverload = "picket_seen"
	traceName    = "@trace"
)

var traceType = types.NewOpaqueType("picket.trace")

// trace is what one evaluation notes, by the id of the part. It belongs to the
// Vars that carries it.
type trace struct{ seen map[int64][]bool }

// maxSeen bounds what is kept of one part: the elements of a list macro.
const maxSeen = 1000

func newTrace() *trace { return &trace{seen: map[int64][]bool{}} }

// seenOption declares the call that notes a value.
func seenOption() cel.EnvOption {
	return cel.Function(seenFunction, cel.Overload(seenOverload, []*types.Type{traceType, types.IntType, types.BoolType}, types.BoolType,
		cel.FunctionBinding(func(args ...ref.Val) ref.Val {
			t, isTrace := args[0].(*trace)
			id, isInt := args[1].(types.Int)
			value, isBool := args[2].(types.Bool)
			if !isTrace || !isInt || !isBool {
				return types.NewErr("internal error: a part of the condition is no truth value")
			}
			if t != nil && len(t.seen[int64(id)]) < maxSeen {
				t.seen[int64(id)] = append(t.seen[int64(id)], bool(value))
			}
			return value
		})))
}

// wrapParts wraps every part of an expression whose id is in ids.
func wrapParts(out *ast.AST, ids map[int64]bool) {
	fac := ast.NewExprFactory()
	next := ast.MaxID(out)
	fresh := func() int64 { next++; return next }
	var wrap []ast.Expr
	ast.PostOrderVisit(out.Expr(), ast.NewExprVisitor(func(n ast.Expr) {
		if ids[n.ID()] {
			wrap = append(wrap, n)
		}
	}))
	for _, n := range wrap {
		inner := fac.NewUnspecifiedExpr(fresh())
		inner.SetKindCase(n)
		out.SetType(inner.ID(), out.GetType(n.ID()))
		if r, ok := out.ReferenceMap()[n.ID()]; ok {
			out.SetReference(inner.ID(), r)
		}
		keeper, number := fac.NewIdent(fresh(), traceName), fac.NewLiteral(fresh(), types.Int(n.ID()))
		out.SetType(keeper.ID(), traceType)
		out.SetReference(keeper.ID(), ast.NewIdentReference(traceName, nil))
		out.SetType(number.ID(), types.IntType)
		n.SetKindCase(fac.NewCall(n.ID(), seenFunction, keeper, number, inner))
		out.SetReference(n.ID(), ast.NewFunctionReference(seenOverload))
	}
}

// tracedProgram plans the condition once more so that it notes the value of
// every branch below root.
func (r *Rule) tracedProgram(t clauseTree, root *clause, track bool) (*program, error) {
	ids := map[int64]bool{}
	root.branches(func(p *clause) { ids[p.id] = true })
	d := r.document
	copier, err := cel.NewStaticOptimizer() // without optimizations it only copies
	if err != nil {
		return nil, err
	}
	a, iss := copier.Optimize(d.env, t.checked)
	if iss.Err() != nil {
		return nil, iss.Err()
	}
	wrapParts(a.NativeRep(), ids)
	return newProgram(d.env, a, d.est, track)
}

// ConvertToNative implements ref.Val.
func (t *trace) ConvertToNative(reflect.Type) (any, error) {
	return nil, fmt.Errorf("a trace is no value")
}

// ConvertToType implements ref.Val.
func (t *trace) ConvertToType(ref.Type) ref.Val { return types.NewErr("a trace is no value") }

// Equal implements ref.Val.
func (t *trace) Equal(other ref.Val) ref.Val { return types.Bool(ref.Val(t) == other) }

// Type implements ref.Val.
func (t *trace) Type() ref.Type { return traceType }

// Value implements ref.Val.
func (t *trace) Value() any { return t }
