package suppress_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/suppress"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestKeysTellValuesApart(t *testing.T) {
	keys := map[string]string{}
	for name, k := range map[string]suppress.Key{
		"a, bc":        suppress.NewKey("r", "h", []string{"a", "bc"}),
		"ab, c":        suppress.NewKey("r", "h", []string{"ab", "c"}),
		"abc":          suppress.NewKey("r", "h", []string{"abc"}),
		"abc, nothing": suppress.NewKey("r", "h", []string{"abc", ""}),
		"other host":   suppress.NewKey("r", "h2", []string{"abc"}),
		"other rule":   suppress.NewKey("r2", "h", []string{"abc"}),
		"failure":      suppress.NewKey("r", "h", []string{"abc"}).Failure(),
	} {
		if other, twice := keys[k.String()]; twice {
			t.Errorf("%s and %s have one key", name, other)
		}
		keys[k.String()] = name
	}
	if n := len(suppress.NewKey("r", "h", []string{strings.Repeat("x", 1<<20)}).String()); n > 100 {
		t.Errorf("a long value makes a key of %d bytes", n)
	}
}

// Whoever makes up keys makes one rule forget early, which is counted, and no
// other rule forget at all.
func TestKeysAreBoundedForEachRule(t *testing.T) {
	table := suppress.NewTable(100)
	other := suppress.NewKey("other", "h", nil)
	table.Admit(other, "f", noon, time.Hour)
	first := suppress.NewKey("r", "h", []string{"0"})
	for i := range 1000 {
		table.Admit(suppress.NewKey("r", "h", []string{fmt.Sprint(i)}), "f", noon.Add(time.Duration(i)), time.Hour)
	}
	if n := len(table.Snapshot().Windows); n != 101 || table.Evicted() != 900 {
		t.Errorf("%d windows, %d evicted", n, table.Evicted())
	}
	if table.Admit(other, "g", noon.Add(time.Minute), time.Hour) {
		t.Error("another rule forgot")
	}
	if !table.Admit(first, "g", noon.Add(time.Minute), time.Hour) {
		t.Error("an evicted key is still suppressed")
	}
}

func TestWindowsThatAreOverAreForgotten(t *testing.T) {
	table := suppress.NewTable(0)
	for i := range 50 {
		table.Admit(suppress.NewKey("r", "h", []string{fmt.Sprint(i)}), "f", noon, time.Minute)
	}
	table.Admit(suppress.NewKey("r", "h", []string{"later"}), "f", noon.Add(time.Minute), time.Minute)
	if n := len(table.Snapshot().Windows); n != 1 || table.Evicted() != 0 {
		t.Errorf("%d windows, %d evicted", n, table.Evicted())
	}
}

func TestRestore(t *testing.T) {
	table := suppress.NewTable(0)
	slashes := suppress.NewKey("r", "h/with/slashes", []string{"x"})
	for i, k := range []suppress.Key{slashes, suppress.NewKey("b", "h", nil), suppress.NewKey("r", "h", nil)} {
		table.Admit(k, "f", noon.Add(time.Duration(i)*time.Second), time.Hour)
		table.Admit(k, "g", noon.Add(time.Minute), time.Hour)
	}
	data, err := json.Marshal(table.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	var state suppress.State
	if err := json.Unmarshal(data, &state); err != nil {
		t.Fatal(err)
	}
	state.Windows = append(state.Windows, state.Windows[0], suppress.Window{Key: "broken"}, suppress.Window{Key: "r/h/zz"})
	restored := suppress.NewTable(0)
	restored.Restore(state)
	if diff := cmp.Diff(table.Snapshot(), restored.Snapshot()); diff != "" {
		t.Error(diff)
	}
	if restored.Admit(slashes, "h", noon.Add(time.Minute), time.Hour) {
		t.Error("a restored key is not suppressed")
	}
}
