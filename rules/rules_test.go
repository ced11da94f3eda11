package rules_test

import (
	"testing"

	"picket.internal/engine/rule"
	"picket.internal/rules"
)

func load(t *testing.T) *rule.Set {
	t.Helper()
	set, findings := rule.LoadFS(rules.FS())
	if len(findings) > 0 {
		t.Fatalf("the shipped rules have findings:\n%s", findings)
	}
	return set
}

func TestShippedRulesHaveNoFindings(t *testing.T) {
	if n := load(t).Len(); n < 14 {
		t.Errorf("%d rules, wanted 14 or more", n)
	}
}

func TestShippedRulesPassTheirTests(t *testing.T) {
	for _, res := range rule.Test(load(t)) {
		t.Run(res.Rule+"/"+res.Name, func(t *testing.T) {
			t.Log(res.Detail)
			if !res.Passed {
				t.Errorf("%s:%d: %d alerts, wanted %d: %s", res.File, res.Line, res.Got, res.Want, res.Detail)
			}
		})
	}
}
