package replay

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// waiting is an engine with a rule that fires when a time is reached, and one
// that fails altogether on a certain fact.
type waiting struct {
	due   time.Time
	told  []time.Duration // since start
	start time.Time
}

func (w *waiting) Process(in *engine.Input, now time.Time) []engine.Alert {
	if in.Fact.ID == "poison" {
		panic("poison")
	}
	return nil
}

func (w *waiting) Advance(now time.Time) []engine.Alert {
	w.told = append(w.told, now.Sub(w.start))
	if w.due.IsZero() || now.Before(w.due) {
		return nil
	}
	w.due = time.Time{}
	return []engine.Alert{{Rule: engine.RuleRef{ID: "silent"}, Host: fact.Host{ID: "h_1"}}}
}

// Time passes in a replay as the facts say, at most once a second, and to the
// end of the stretch: what does not come is noticed on the day on which it did
// not.
func TestTimePasses(t *testing.T) {
	set, findings := rule.Load("x.yaml", []byte("id: silent\ntitle: t\nstatus: test\nseverity: low\non: [process]\nwhere: process.pid == 7\n"))
	if set == nil {
		t.Fatal(findings)
	}
	start := time.Date(2026, 1, 1, 23, 0, 0, 0, time.UTC)
	s := newSide(Config{Set: set}, set, true)
	w := &waiting{start: start, due: start.Add(90 * time.Minute)}
	s.eval = w
	var page []moment
	for _, after := range []time.Duration{0, 100 * time.Millisecond, 900 * time.Millisecond, 2 * time.Second, time.Minute} {
		page = append(page, moment{at: start.Add(after), fact: &fact.Fact{ID: "f", Kind: fact.KindProcess}})
	}
	page = append(page, moment{at: start.Add(30 * time.Minute)}) // only time
	page = append(page, moment{at: start.Add(time.Hour), fact: &fact.Fact{ID: "poison", Kind: fact.KindProcess}})
	s.page(page)
	s.end(start.Add(2 * time.Hour))
	if diff := cmp.Diff([]time.Duration{0, 2 * time.Second, time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour}, w.told); diff != "" {
		t.Errorf("told: -want +got\n%s", diff)
	}
	if days := s.tallies["silent"].perDay(); !slices.Equal(days, []Day{{Day: "2026-01-02", Alerts: 1}}) {
		t.Errorf("days: %+v", days)
	}
	if s.panics != 1 {
		t.Errorf("%d panics, want 1", s.panics)
	}
}
