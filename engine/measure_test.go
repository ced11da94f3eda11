package engine_test

import (
	"testing"
	"time"

	"picket.internal/engine"
	"picket.internal/engine/internal/sample"
	"picket.internal/engine/rule"
	"picket.internal/fact"
)

func TestMeasure(t *testing.T) {
	s := sample.New(5)
	set, findings := rule.Load("sample.yaml", s.Rules(40))
	if set == nil {
		t.Fatal(findings)
	}
	var facts []*fact.Fact
	for range 100 {
		facts = append(facts, s.Fact())
	}
	// Every look at the clock finds it 10 ms later: nothing depends on how fast this machine is.
	now := time.Time{}
	m := engine.Measure(set, facts, 50*time.Millisecond, func() time.Time { now = now.Add(10 * time.Millisecond); return now })
	if m.Facts != 100 || len(m.Rules) != 40 || len(m.Index) != 40 || len(m.Differences) != 0 {
		t.Fatalf("%d facts, %d rules, %d reports, %v", m.Facts, len(m.Rules), len(m.Index), m.Differences)
	}
	matches, processes := 0, 0
	for _, f := range facts {
		if f.Kind == fact.KindProcess {
			processes++
		}
	}
	for i, c := range m.Rules {
		if c.Facts != processes || c.Time <= 0 || c.Rule.ID != m.Index[i].Rule {
			t.Errorf("%+v", c)
		}
		for _, f := range facts {
			if ok, err := c.Rule.EvaluateDirect(rule.NewVars(f, nil)); ok && err == nil && f.Kind == fact.KindProcess {
				matches++
			}
		}
		matches -= c.Matches
	}
	if matches != 0 || m.Linear <= 0 || m.Found <= 0 {
		t.Errorf("%d matches too few, %v, %v", matches, m.Linear, m.Found)
	}
	if none := engine.Measure(set, nil, time.Second, time.Now); len(none.Rules) != 40 || none.Linear != 0 {
		t.Errorf("without facts: %+v", none)
	}
}
