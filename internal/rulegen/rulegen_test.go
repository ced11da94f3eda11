package rulegen_test

import (
	"io/fs"
	"slices"
	"testing"

	"picket.internal/engine/rule"
	"picket.internal/fact"
	"picket.internal/internal/rulegen"
	"picket.internal/rules"
)

// What the benchmarks measure must be rules that load, differ, and are many.
func TestVariationsLoadAndDiffer(t *testing.T) {
	const n = 400
	made, err := rulegen.Vary(rules.FS(), n)
	if err != nil {
		t.Fatal(err)
	}
	set, findings := rule.LoadFS(made)
	if set == nil {
		t.Fatal(findings.Err())
	}
	if set.Len() != n {
		t.Errorf("%d rules, wanted %d", set.Len(), n)
	}
	conditions := map[string]int{}
	for _, r := range set.Rules() {
		conditions[r.Where]++
	}
	if len(conditions) < n*9/10 {
		t.Errorf("only %d of %d conditions differ", len(conditions), n)
	}
	again, err := rulegen.Vary(rules.FS(), n)
	if err != nil {
		t.Fatal(err)
	}
	one, _ := fs.ReadFile(made, "rules0001.yaml")
	other, _ := fs.ReadFile(again, "rules0001.yaml")
	if len(one) == 0 || !slices.Equal(one, other) {
		t.Error("the same rules vary differently each time")
	}
}

func TestOrdinaryFactsAreOfEightKinds(t *testing.T) {
	kinds := map[fact.Kind]int{}
	for _, f := range rulegen.Ordinary(1, 2000) {
		kinds[f.Kind]++
	}
	if len(kinds) != 8 || kinds[fact.KindProcess] < 1000 {
		t.Errorf("%v", kinds)
	}
}
