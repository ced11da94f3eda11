package rule_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// The accessors are read off the Go types; documents and messages go by the
// generated table. They must not drift apart.
func TestEveryFieldOfTheTableCanBeRead(t *testing.T) {
	want := map[string]string{}
	for _, f := range fact.Fields() {
		if f.Path != "prevalence" {
			want[f.Path] = f.Type
		}
	}
	if diff := cmp.Diff(want, rule.SchemaFields()); diff != "" {
		t.Errorf("fact.Fields and the accessors (-table +accessors):\n%s", diff)
	}
}
