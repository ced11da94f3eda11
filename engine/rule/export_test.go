package rule

import (
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"
)

// SchemaFields are the fields that conditions can read, by their types, as the
// accessors see them.
func SchemaFields() map[string]string {
	out := map[string]string{}
	var walk func(prefix string, st *structType)
	walk = func(prefix string, st *structType) {
		for _, f := range st.fields {
			name := prefix + f.name
			t := f.cel.String()
			switch f.form {
			case formObject:
				t = "object"
				walk(name+".", f.elem)
			case formObjects:
				t = "list(object)"
				walk(name+".", f.elem)
			}
			out[name] = strings.ReplaceAll(t, "google.protobuf.Timestamp", "timestamp")
		}
	}
	walk("", factSchema().root)
	walk("prevalence.", factSchema().prev)
	return out
}

// FunctionNames are the functions that Picket adds to CEL.
func FunctionNames() []string {
	var out []string
	for _, f := range functions {
		out = append(out, f.name)
	}
	return out
}

// RuleKeys are the keys of a rule document.
func RuleKeys() []string { return ruleTable.names() }

// ActualCost is what one evaluation of the whole condition cost.
func (r *Rule) ActualCost(v *Vars) uint64 {
	when, err := r.whole()
	if err != nil {
		panic(err)
	}
	_, details, _ := when.prog.Eval(v)
	return cost(details)
}

func cost(d *cel.EvalDetails) uint64 {
	if c := d.ActualCost(); c != nil {
		return *c
	}
	return 0
}

var (
	Nearest  = nearest
	CELWords = func(src string) (out []string) {
		celTokens(src, func(i, j int) { out = append(out, src[i:j]) })
		return out
	}
	GlobRegex = globRegex
	Cut       = cut
)

// EvaluatePanic evaluates a condition in which a function panics.
func EvaluatePanic() error {
	base, err := baseEnv()
	if err != nil {
		return err
	}
	env, err := base.Extend(cel.Function("boom", cel.Overload("boom_bool", nil, cel.BoolType, cel.FunctionBinding(func(...ref.Val) ref.Val { panic("boom") }))))
	if err != nil {
		return err
	}
	checked, iss := env.Compile("boom()")
	if iss.Err() != nil {
		return iss.Err()
	}
	prog, err := newProgram(env, checked, &estimator{}, false)
	if err != nil {
		return err
	}
	_, err = (&Rule{when: prog}).Evaluate(NewVars(nil, nil))
	return err
}

// LanguageFunctions are the functions that a condition can call, CEL's own
// among them, by the names that cel-go has for them.
func LanguageFunctions() []string {
	var out []string
	for _, f := range standardSubset().IncludeFunctions {
		if f.Name != "@not_strictly_false" { // what list macros are made of
			out = append(out, f.Name)
		}
	}
	return out
}

// RequiredLiterals are what a text must be to match a pattern, as tests of
// process.name.
func RequiredLiterals(pattern string) []*Need {
	p, _, _ := factSchema().pathTo("process.name")
	var out []*Need
	for _, l := range requiredLiterals(pattern) {
		out = append(out, operand{Subject: newSubject("process.name", p)}.texts(l.kind, l.fold, l.texts))
	}
	return out
}

// Spares reports whether the condition as data refuses facts by itself, so that
// the full one is not asked about them.
func (n *Need) Spares() bool {
	switch n.Op {
	case NeedAll:
		return slices.ContainsFunc(n.Parts, (*Need).Spares)
	case NeedAny:
		return !slices.ContainsFunc(n.Parts, func(p *Need) bool { return !p.Spares() })
	case NeedItem:
		return n.Not || n.Parts[0].Spares()
	}
	return n.Op == NeedTest
}
