package fuzz

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"picket.internal/engine/index"
	"picket.internal/engine/rule"
	"picket.internal/fact"
	"picket.internal/internal/rulegen"
)

// FuzzIndex makes rules of the first bytes and facts of the rest, and holds the
// index against the full condition of every rule: it never leaves one out that
// matches or fails, and it names none twice or out of order.
func FuzzIndex(f *testing.F) {
	for i := range 64 {
		seed := make([]byte, 0, 256)
		for j := range 256 {
			seed = append(seed, byte(i*31+j*j*7+j>>3))
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		rules := fuzzRules(rulegen.NewEdges(rulegen.NewBytes(data[:len(data)*2/3])))
		e := rulegen.NewEdges(rulegen.NewBytes(data[len(data)*2/3:]))
		profile := new(index.Profile)
		profile.Learn(e.Fact(), e.Prevalence())
		x := index.New(rules, profile)
		for range 8 {
			fct := e.Fact()
			v := rule.NewVars(fct, e.Prevalence())
			found := x.Candidates(fact.KindProcess, v)
			holdFound(t, rules, found, v, fct)
			found.Release()
		}
	})
}

func fuzzRules(e *rulegen.Edges) (rules []*rule.Rule) {
	for i := range 4 {
		set, _ := rule.Load("fuzz.yaml", []byte(e.Rule(fmt.Sprintf("fuzz.r%d", i), 1+i*2)))
		if set != nil {
			rules = append(rules, set.Rules()...)
		}
	}
	return rules
}

func holdFound(t *testing.T, rules []*rule.Rule, found *index.Found, v *rule.Vars, f *fact.Fact) {
	var shown []int32
	if found != nil {
		shown = found.Rules
	}
	if !slices.IsSorted(shown) || len(slices.Compact(slices.Clone(shown))) != len(shown) {
		t.Fatalf("%v is not in order, or names a rule twice", shown)
	}
	for i, r := range rules {
		want, wantErr := r.EvaluateDirect(v)
		got, gotErr := false, error(nil)
		if slices.Contains(shown, int32(i)) {
			got, gotErr = r.Evaluate(v)
		}
		var problem *rule.EvalError
		if errors.As(wantErr, &problem) && (problem.ID == rule.ErrCost || problem.ID == rule.ErrTime) {
			continue // it may be false by a part that it did not get to
		}
		if got != want || (gotErr == nil) != (wantErr == nil) {
			t.Fatalf("%v, %v; in full %v, %v\n%s\n%+v", got, gotErr, want, wantErr, r.Where, f.Process)
		}
	}
}
