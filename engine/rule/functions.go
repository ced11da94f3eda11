package rule

import (
	"github.com/google/cel-go/cel"
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

	// traversals is how often the target is walked, for the cost.
	traversals int
}

var (
	oneString  = []*types.Type{types.StringType}
	stringList = types.NewListType(types.StringType)
)

// functions is the whole table; docs/rules.md describes each, and its examples
// are run by a test.
var functions = []function{
	{name: "base", overload: "picket_base", target: types.StringType, result: types.StringType, bind: unary(base), traversals: 1},
	{name: "dir", overload: "picket_dir", target: types.StringType, result: types.StringType, bind: unary(dir), traversals: 1},
	{name: "under", overload: "picket_under", target: types.StringType, args: oneString, result: types.BoolType, bind: predicate(under), traversals: 1},
	{name: "glob", overload: "picket_glob", target: types.StringType, args: oneString, result: types.BoolType, bind: needsLiteral, traversals: 1},
	{name: "equalsFold", overload: "picket_equals_fold", target: types.StringType, args: oneString, result: types.BoolType, bind: predicate(equalsFold), traversals: 1},
	{name: "containsFold", overload: "picket_contains_fold", target: types.StringType, args: oneString, result: types.BoolType, bind: predicate(containsFold), traversals: 2},
	{name: "startsWithFold", overload: "picket_starts_with_fold", target: types.StringType, args: oneString, result: types.BoolType, bind: predicate(startsWithFold), traversals: 1},
	{name: "endsWithFold", overload: "picket_ends_with_fold", target: types.StringType, args: oneString, result: types.BoolType, bind: predicate(endsWithFold), traversals: 1},
	{name: "lowerAscii", overload: "picket_lower_ascii", target: types.StringType, result: types.StringType, bind: unary(lowerASCII), traversals: 1},
	{name: "upperAscii", overload: "picket_upper_ascii", target: types.StringType, result: types.StringType, bind: unary(upperASCII), traversals: 1},
	{name: "trim", overload: "picket_trim", target: types.StringType, result: types.StringType, bind: unary(trim), traversals: 1},
	{name: "indexOf", overload: "picket_index_of", target: types.StringType, args: oneString, result: types.IntType, bind: indexOf, traversals: 2},
	{name: "substring", overload: "picket_substring", target: types.StringType, args: []*types.Type{types.IntType}, result: types.StringType, bind: substring, traversals: 1},
	{name: "substring", overload: "picket_substring_range", target: types.StringType, args: []*types.Type{types.IntType, types.IntType}, result: types.StringType, bind: substring, traversals: 1},
	{name: "split", overload: "picket_split", target: types.StringType, args: oneString, result: stringList, bind: split, traversals: 2},
	{name: "join", overload: "picket_join", target: stringList, args: oneString, result: types.StringType, bind: join, traversals: 1},
}

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
	return types.NewErr("the pattern was not compiled at load")
}
