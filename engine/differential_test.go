package engine_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine"
	"picket.internal/engine/index"
	"picket.internal/engine/rule"
	"picket.internal/internal/rulegen"
)

// edgeRules loads n rules of those that the maker makes, one file each: what
// does not load is not the engine's business.
func edgeRules(e *rulegen.Edges, n int) []*rule.Rule {
	var out []*rule.Rule
	for i := 0; len(out) < n; i++ {
		set, _ := rule.Load("edge.yaml", []byte(e.Rule(fmt.Sprintf("edge.r%05d", i), 1+i%6)))
		if set != nil {
			out = append(out, set.Rules()...)
		}
	}
	return out
}

// TestIndexAgreesWithAskingEveryRule holds the index against the full condition
// of every rule: ten million comparisons with PICKET_SOAK=1.
func TestIndexAgreesWithAskingEveryRule(t *testing.T) {
	const rules = 100
	rounds, facts := 4, 200
	if os.Getenv("PICKET_SOAK") != "" {
		rounds, facts = 100, 1000
	}
	var compared, matches, failures, shown int
	for round := range rounds {
		e := rulegen.NewEdges(rand.NewPCG(uint64(round), 1))
		set := edgeRules(e, rules)
		var profile *index.Profile
		if round%2 == 0 { // what the index looks up must not matter
			profile = new(index.Profile)
			for range 100 {
				profile.Learn(e.Fact(), e.Prevalence())
			}
		}
		every, found := engine.EntriesOf(set), engine.EntriesOf(set)
		for i := range every {
			engine.Sabotage(every[i], inFull)
			engine.Sabotage(found[i], func(r *rule.Rule, v *rule.Vars) (bool, error) {
				shown++
				return r.Evaluate(v)
			})
		}
		linear, indexed := engine.NewLinear(every), engine.NewIndexed(found, profile)
		for range facts {
			in := &engine.Input{Fact: e.Fact(), Prevalence: e.Prevalence()}
			want, got := outcomes(linear, in), outcomes(indexed, in)
			if !slices.Equal(want, got) {
				t.Fatalf("round %d (-every rule +index)\n%s%+v\n%+v", round, cmp.Diff(want, got), in.Fact.Process, in.Prevalence)
			}
			compared += rules
			for _, o := range want {
				if o.Err == "" {
					matches++
				} else {
					failures++
				}
			}
		}
	}
	t.Logf("%d comparisons, %d matches, %d failures, the index showed %d", compared, matches, failures, shown)
	if matches < compared/50 || matches > compared/2 || failures < compared/1000 || shown > compared*3/4 {
		t.Error("that proves little")
	}
}

// inFull asks the whole condition. Where that costs too much, it may be false by
// a part that it did not get to: then what it needs decides.
func inFull(r *rule.Rule, v *rule.Vars) (bool, error) {
	matched, err := r.EvaluateDirect(v)
	var problem *rule.EvalError
	if errors.As(err, &problem) && (problem.ID == rule.ErrCost || problem.ID == rule.ErrTime) {
		return r.Evaluate(v)
	}
	return matched, err
}

// result has the condition, so that a difference can be read.
type result struct{ Rule, Where, Err string }

func outcomes(m engine.Matcher, in *engine.Input) (out []result) {
	m.Match(in, func(m engine.Match) {
		r := result{Rule: m.Entry.Rule.ID, Where: m.Entry.Rule.Where}
		if m.Err != nil {
			r.Err = m.Err.Error()
		}
		out = append(out, r)
	})
	return out
}
