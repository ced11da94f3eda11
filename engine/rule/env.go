package rule

import (
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/env"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/parser"
)

// Bounds of one expression. They hold at load; MaxCost holds at run time too.
const (
	maxExpression = 8 << 10 // code points
	maxNodes      = 2000    // nodes of the syntax tree
	maxParseDepth = 64
	maxNesting    = 2 // list macros within list macros

	// MaxCost bounds the estimated and the actual cost of a condition, in the
	// units of CEL: about 50 ns each.
	MaxCost = 250_000

	interruptEvery = 100 // steps of a list macro between looks at the deadline
)

// baseEnv is the language without lists: what cel-go calls an environment. It
// is immutable and takes milliseconds to build.
var baseEnv = sync.OnceValues(newBaseEnv)

// newBaseEnv declares the blocks of a fact as variables, our functions, and of
// the standard library what is named below: nothing is there by default.
func newBaseEnv() (*cel.Env, error) {
	s := factSchema()
	opts := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(standardSubset())),
		cel.Macros(hasMacro(s), parser.AllMacro, parser.ExistsMacro, parser.ExistsOneMacro, parser.FilterMacro, parser.MapMacro),
		cel.CustomTypeAdapter(types.DefaultTypeAdapter),
		cel.CustomTypeProvider(provider{s}),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.EnableMacroCallTracking(),
		cel.EagerlyValidateDeclarations(true),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(maxParseDepth),
		cel.ExpressionNodeLimit(maxNodes),
		cel.ASTValidators(
			cel.ValidateDurationLiterals(),
			cel.ValidateTimestampLiterals(),
			cel.ValidateHomogeneousAggregateLiterals(),
		),
		cel.Variable(rootName, s.root.cel),
		cel.Variable("prevalence", s.prev.cel),
		seenOption(),
		cel.Variable(windowName, s.window.cel),
	}
	for _, f := range s.root.fields {
		opts = append(opts, cel.Variable(celName(f.name), f.cel))
	}
	for _, f := range functions {
		opts = append(opts, f.option())
	}
	return cel.NewCustomEnv(opts...)
}

// standardSubset names what of CEL's standard library the language has. Left
// out: dyn and type (they get round the type checker), bytes, matches with a
// computed pattern, and the time zone forms (they read files).
func standardSubset() *env.LibrarySubset {
	names := []string{
		"_&&_", "_||_", "!_", "_?_:_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_",
		"_+_", "_-_", "-_", "_*_", "_/_", "_%_", "_[_]", "@in", "@not_strictly_false",
		"size", "contains", "startsWith", "endsWith",
		"int", "uint", "double", "string", "timestamp", "duration",
	}
	subset := env.NewLibrarySubset()
	subset.DisableMacros = true
	for _, n := range names {
		subset.AddIncludedFunctions(env.NewFunction(n))
	}
	subset.AddIncludedFunctions(env.NewFunction("matches", env.NewMemberOverload("matches_string", nil, nil, nil)))
	for name, overload := range map[string]string{
		"getFullYear": "timestamp_to_year", "getMonth": "timestamp_to_month",
		"getDayOfMonth": "timestamp_to_day_of_month", "getDayOfWeek": "timestamp_to_day_of_week",
		"getHours": "timestamp_to_hours", "getMinutes": "timestamp_to_minutes", "getSeconds": "timestamp_to_seconds",
	} {
		subset.AddIncludedFunctions(env.NewFunction(name, env.NewMemberOverload(overload, nil, nil, nil)))
	}
	return subset
}

// hasMacro is CEL's has() with one addition: it also takes a block of the fact,
// as in has(process), which standard CEL cannot ask for.
func hasMacro(s *schema) cel.Macro {
	return cel.GlobalMacro("has", 1, func(eh cel.MacroExprFactory, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		arg := args[0]
		switch arg.Kind() {
		case ast.SelectKind:
			sel := arg.AsSelect()
			return eh.NewPresenceTest(sel.Operand(), sel.FieldName()), nil
		case ast.IdentKind:
			if _, ok := s.root.index[factName(arg.AsIdent())]; ok {
				return eh.NewPresenceTest(eh.NewIdent(rootName), factName(arg.AsIdent())), nil
			}
		}
		return nil, eh.NewError(arg.ID(), "has() takes a field, as in has(process.hash)")
	})
}

// CEL reserves the word package, which is also the name of a block. Sources
// are rewritten to an alias of the same length before they are parsed, so that
// positions hold, and back in everything that people see.
const (
	packageField = "package"
	packageAlias = "Package"
)

func celName(field string) string {
	if field == packageField {
		return packageAlias
	}
	return field
}

func factName(ident string) string {
	if ident == packageAlias {
		return packageField
	}
	return ident
}

// provider tells cel-go about the structs of package fact.
type provider struct{ s *schema }

// EnumValue implements types.Provider: there are none.
func (provider) EnumValue(name string) ref.Val { return types.NewErr("unknown enum %q", name) }

// FindIdent implements types.Provider: all identifiers are variables.
func (provider) FindIdent(string) (ref.Val, bool) { return nil, false }

// FindStructType implements types.Provider.
func (p provider) FindStructType(name string) (*types.Type, bool) {
	st, ok := p.s.types[name]
	if !ok {
		return nil, false
	}
	return types.NewTypeTypeWithParam(st.cel), true
}

// FindStructFieldNames implements types.Provider.
func (p provider) FindStructFieldNames(name string) ([]string, bool) {
	st, ok := p.s.types[name]
	if !ok {
		return nil, false
	}
	return st.names, true
}

// FindStructFieldType implements types.Provider.
func (p provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	st, ok := p.s.types[name]
	if !ok {
		return nil, false
	}
	i, ok := st.index[field]
	if !ok {
		return nil, false
	}
	return st.fields[i].access, true
}

// NewValue implements types.Provider: rules make no facts.
func (provider) NewValue(name string, _ map[string]ref.Val) ref.Val {
	return types.NewErr("rules cannot make a %s", name)
}
