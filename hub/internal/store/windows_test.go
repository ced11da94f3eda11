package store_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub/internal/store"
)

func windows(t *testing.T, b *bench) []string {
	t.Helper()
	var out []string
	err := b.Windows(t.Context(), func(r store.WindowRecord) error {
		out = append(out, fmt.Sprintf("%s %s=%s", r.Rule, r.Key, r.Data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What the engine remembers moves with its cursor or not at all.
func TestWindowsMoveWithTheCursor(t *testing.T) {
	b := newBench(t)
	record := func(rule, key, data string) store.WindowRecord {
		r := store.WindowRecord{Rule: rule, Key: []byte(key)}
		if data != "" {
			r.Data = []byte(data)
		}
		return r
	}
	first := &store.Evaluation{From: 0, To: 1, Windows: []store.WindowRecord{record("b", "k", "1"), record("a", "k", "2"), record("a", "j", "3")}}
	if err := b.Evaluate(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	second := &store.Evaluation{From: 1, To: 2, Windows: []store.WindowRecord{record("b", "k", "4"), record("a", "j", ""), record("a", "gone", "")}}
	if err := b.Evaluate(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if err := b.Evaluate(t.Context(), &store.Evaluation{From: 1, To: 3, Windows: []store.WindowRecord{record("b", "k", "5")}}); err == nil {
		t.Error("an evaluation from elsewhere was stored")
	}
	b.reopen()
	if diff := cmp.Diff([]string{"a k=2", "b k=4"}, windows(t, b)); diff != "" {
		t.Errorf("windows (-want +got):\n%s", diff)
	}
}

// A risk names the alerts behind it, those of the same evaluation too.
func TestPartsOfARiskAreNamed(t *testing.T) {
	b := newBench(t)
	h := b.enroll("a")
	at := b.clock.Now()
	alert := func(rule string, batch int64, pos int) store.NewAlert {
		return store.NewAlert{Alert: api.Alert{Rule: api.Rule{ID: rule}, Host: fact.Host{ID: h.id}, Time: at, State: api.StateNew, Count: 1},
			Links: []store.Link{{Batch: batch, Pos: pos}}}
	}
	before := &store.Evaluation{From: 0, To: 1, Alerts: []store.NewAlert{alert("r1", 1, 0), alert("r2", 1, 0)}}
	if err := b.Evaluate(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	risk := alert("risk.host", 2, 3)
	risk.Alert.Parts = []api.Part{{Rule: "r2", Score: 40}, {Rule: "r3", Score: 20}, {Rule: "r9", Score: 1}}
	risk.Parts = []store.Link{{Batch: 1, Pos: 0}, {Batch: 2, Pos: 3}, {Batch: 1, Pos: 7}}
	now := &store.Evaluation{From: 1, To: 2, Alerts: []store.NewAlert{alert("r3", 2, 3), risk}}
	if err := b.Evaluate(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	got, err := b.Alert(t.Context(), now.Alerts[1].Alert.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := []api.Part{
		{Alert: before.Alerts[1].Alert.ID, Rule: "r2", Score: 40},
		{Alert: now.Alerts[0].Alert.ID, Rule: "r3", Score: 20},
		{Rule: "r9", Score: 1}, // its alert was never stored
	}
	if diff := cmp.Diff(want, got.Parts); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}
