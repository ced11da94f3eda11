package window_test

import (
	"testing"

	"github.com/oklog/ulid/v2"

	"picket.internal/engine/window"
)

// Ids of facts come back as they were, or not at all.
func TestFactsComeBackAsTheyWere(t *testing.T) {
	table := newTable(t, window.Spec{ID: "s", Type: window.NewTerms, Within: ten})
	reference := ulid.Make().String()
	for i, tt := range []struct{ fact, want string }{
		{"", ""}, {"f1", "f1"}, {"14 bytes it is", "14 bytes it is"}, {"15 bytes is much", ""},
		{"01JGFJJZ00ABCDEFGHJKMNPQRS", "01JGFJJZ00ABCDEFGHJKMNPQRS"}, {"01jgfjjz00abcdefghjkmnpqrs", ""},
		{"01JGFJJZ00ABCDEFGHIKMNPQRS", ""}, {"81JGFJJZ00ABCDEFGHJKMNPQRS", ""}, {"7ZZZZZZZZZZZZZZZZZZZZZZZZZ", ""},
		{"00000000000000000000000000", ""}, {reference, reference},
	} {
		e := window.Event{Group: []string{"g"}, Values: []string{string(rune('a' + i))}, Fact: tt.fact, Time: noon}
		fired := table.Apply("s", e)
		if len(fired) != 1 {
			t.Fatalf("%q: %d fired", tt.fact, len(fired))
		}
		got := ""
		if len(fired[0].Facts) > 0 {
			got = fired[0].Facts[0]
		}
		if got != tt.want {
			t.Errorf("%q came back as %q, want %q", tt.fact, got, tt.want)
		}
	}
}
