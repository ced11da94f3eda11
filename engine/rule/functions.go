package rule

import (
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// function is one function that Picket adds to CEL. All are methods.
type function struct {
	name     string
	overload string // its id, by which costs are known
	target   *types.Type
	args     []*types.Type
	result   *types.Type
	bind     func(args ...ref.Val) ref.Val

	// form is how it is written, doc what it gives, examples show it about the
	// fact of docs/rules.md. A form of the same name without a doc of its own
	// shares that of the one before.
	form, doc string
	examples  []Example

	// traversals is how often the target is walked, for the cost.
	traversals int
	// fixed is what a call costs beside that, in the units of CEL.
	fixed uint64
	// literal says what is wrong with the arguments, where they must be written
	// out and be looked at when the rule is loaded. Nil leaves them be.
	literal func(args []ast.Expr) *badArgument
}

var (
	oneString  = []*types.Type{types.StringType}
	stringList = types.NewListType(types.StringType)
)

// option declares the function; cel-go calls those of one and two arguments
// without making a slice, so they are bound that way.
func (f function) option() cel.EnvOption {
	args := append([]*types.Type{f.target}, f.args...)
	binding := cel.FunctionBinding(f.bind)
	switch len(args) {
	case 1:
		binding = cel.UnaryBinding(func(a ref.Val) ref.Val { return f.bind(a) })
	case 2:
		binding = cel.BinaryBinding(func(a, b ref.Val) ref.Val { return f.bind(a, b) })
	}
	return cel.Function(f.name, cel.MemberOverload(f.overload, args, f.result, binding))
}

func functionByOverload(id string) (function, bool) {
	for _, f := range functions {
		if f.overload == id {
			return f, true
		}
	}
	return function{}, false
}

func functionByName(name string) (function, bool) {
	for _, f := range functions {
		if f.name == name {
			return f, true
		}
	}
	return function{}, false
}

func unary(f func(string) string) func(...ref.Val) ref.Val {
	return func(args ...ref.Val) ref.Val {
		s, ok := args[0].(types.String)
		if !ok {
			return types.MaybeNoSuchOverloadErr(args[0])
		}
		return types.String(f(string(s)))
	}
}

func predicate(f func(s, arg string) bool) func(...ref.Val) ref.Val {
	return func(args ...ref.Val) ref.Val {
		s, ok := args[0].(types.String)
		if !ok {
			return types.MaybeNoSuchOverloadErr(args[0])
		}
		arg, ok := args[1].(types.String)
		if !ok {
			return types.MaybeNoSuchOverloadErr(args[1])
		}
		return types.Bool(f(string(s), string(arg)))
	}
}

// needsLiteral stands for functions whose argument is compiled at load; the
// planner replaces every call that the checks let through.
func needsLiteral(...ref.Val) ref.Val {
	return types.NewErr("the argument was not compiled at load")
}
