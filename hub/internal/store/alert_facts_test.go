package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub/internal/store"
)

// flood stores an alert about the first of n canary facts, and the others as
// its duplicates, and returns the facts' ids.
func flood(t *testing.T, b *bench, h *host, key string, n int) (alert string, ids []string) {
	t.Helper()
	from, err := b.Cursor(t.Context(), store.EngineCursor)
	if err != nil {
		t.Fatal(err)
	}
	eval := &store.Evaluation{From: from, To: from}
	for i := range n {
		b.clock.Add(time.Second)
		f := h.at(b.clock.Now())
		f.Kind, f.Process, f.Canary = fact.KindCanary, nil, &fact.Canary{Action: fact.CanaryRead}
		h.send(f)
		ids = append(ids, f.ID)
		batches, err := b.Next(t.Context(), eval.To, 100)
		if err != nil {
			t.Fatal(err)
		}
		lb := batches[len(batches)-1]
		eval.To = lb.N
		links := []store.Link{{Batch: lb.N, Pos: 0}}
		if i == 0 {
			eval.Alerts = append(eval.Alerts, store.NewAlert{Key: key, Links: links, Alert: api.Alert{Time: f.Time, Severity: "high", Host: fact.Host{ID: h.id},
				Rule: api.Rule{ID: "canary.read"}, Facts: []jsontext.Value{jsontext.Value(lb.Entries[0].Raw)}, Count: 1, State: api.StateNew}})
			continue
		}
		eval.Repeats = append(eval.Repeats, store.Repeat{Key: key, Time: f.Time, Links: links})
	}
	if err := b.Evaluate(t.Context(), eval); err != nil {
		t.Fatal(err)
	}
	return eval.Alerts[0].Alert.ID, ids
}

// The first hundred facts of an alert are linked to it and listed, the newest
// first, page by page; of the others it says how many there are, and the query
// that it names finds them.
func TestAlertFacts(t *testing.T) {
	b := newBench(t)
	h := b.enroll("a")
	alert, ids := flood(t, b, h, "k", 130)
	b.DropMemory()
	var got []string
	raised, pages := 0, 0
	q := api.AlertFactsQuery{Limit: 30}
	for {
		page, err := b.AlertFacts(t.Context(), alert, q)
		if err != nil {
			t.Fatal(err)
		}
		if page.Alert != alert || page.Count != 130 || page.Linked != 100 || page.Unlinked != 30 || page.Unreadable != 0 {
			t.Fatalf("page %d: %+v", pages, page)
		}
		for _, f := range page.Facts {
			parsed, _, err := fact.Parse(f.Fact)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, parsed.ID)
			if f.Raised {
				raised++
			}
		}
		pages++
		if page.Next == "" {
			e := page.Elsewhere
			found, err := b.Facts(t.Context(), api.FactQuery{HostID: e.Host, Kind: e.Kind, Since: e.Since, Until: e.Until, Limit: 1000})
			if err != nil || len(found) != 130 {
				t.Errorf("elsewhere %+v finds %d facts, want 130 (%v)", e, len(found), err)
			}
			break
		}
		q.After = page.Next
	}
	want := slices.Clone(ids[:100])
	slices.Reverse(want)
	if diff := cmp.Diff(want, got); diff != "" || raised != 1 || pages != 4 {
		t.Errorf("%d raised, %d pages, -want +got\n%s", raised, pages, diff)
	}
	if _, err := b.AlertFacts(t.Context(), "01AAAAAAAAAAAAAAAAAAAAAAAA", api.AlertFactsQuery{}); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("no such alert: %v", err)
	}
	for _, after := range []string{"x", "-1", "01", "1e3"} {
		if _, err := b.AlertFacts(t.Context(), alert, api.AlertFactsQuery{After: after}); !errors.Is(err, api.ErrMalformed) {
			t.Errorf("after %q: %v", after, err)
		}
	}
}

// One fact that cannot be read hides no other.
func TestAlertFactsThatCannotBeRead(t *testing.T) {
	b := newBench(t)
	alert, _ := flood(t, b, b.enroll("a"), "k", 5)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	tamper(t, b.path, `UPDATE parts SET data = zeroblob(length(data)) WHERE n = (SELECT first_part FROM batches WHERE n = (SELECT batch FROM alert_facts WHERE place = 2))`)
	b.open()
	page, err := b.AlertFacts(t.Context(), alert, api.AlertFactsQuery{})
	if err != nil || len(page.Facts) != 4 || page.Unreadable != 1 || page.Linked != 5 || page.Unlinked != 0 || page.Elsewhere != nil {
		t.Errorf("%+v, %v", page, err)
	}
}

// Who asks hears of every alert that grew since, once, with its newest count,
// whatever grew before.
func TestAlertsGrown(t *testing.T) {
	b := newBench(t)
	h := b.enroll("a")
	flood(t, b, h, "before", 3)
	ask := func(step uint64, limit int) (counts []string, next uint64) {
		t.Helper()
		alerts, next, err := b.AlertsGrown(t.Context(), step, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range alerts {
			if len(a.Facts) != 0 {
				t.Errorf("%s comes with its facts", a.ID)
			}
			counts = append(counts, fmt.Sprintf("%s %d", a.ID, a.Count))
		}
		return counts, next
	}
	got, step := ask(0, 10)
	if len(got) != 0 || step == 0 {
		t.Fatalf("now is %v at %d", got, step)
	}
	var want []string
	for i := range 5 {
		id, _ := flood(t, b, h, fmt.Sprint(i), 3+i)
		want = append(want, fmt.Sprintf("%s %d", id, 3+i))
	}
	some, step := ask(step, 2)
	rest, step := ask(step, 10)
	if diff := cmp.Diff(want, append(some, rest...)); diff != "" || len(some) != 2 {
		t.Errorf("-want +got\n%s", diff)
	}
	if none, same := ask(step, 10); len(none) != 0 || same != step {
		t.Errorf("and again: %v at %d after %d", none, same, step)
	}
}
