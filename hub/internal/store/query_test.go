package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/store"
)

// TestFactsAgainstAnOracle sends facts whose times jump about, and asks for all
// sorts of stretches of them, page by page: the index must find what a walk over
// everything finds, in the same order.
func TestFactsAgainstAnOracle(t *testing.T) {
	b := newBench(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	hosts := []*host{b.enroll("a"), b.enroll("b"), b.enroll("c")}
	kinds := []fact.Kind{fact.KindCanary, fact.KindMetric, "novel"}
	start := b.clock.Now()
	type stored struct {
		*fact.Fact
		order int
	}
	var all []stored
	for range 60 {
		h := hosts[rnd.IntN(len(hosts))]
		var facts []*fact.Fact
		for range rnd.IntN(12) {
			// Mostly now, at times hours away, often at the very same moment.
			at := start.Add(time.Duration(rnd.IntN(20)) * time.Second)
			switch rnd.IntN(6) {
			case 0:
				at = at.Add(time.Duration(rnd.IntN(100)-50) * time.Hour)
			case 1:
				at = at.Add(time.Duration(rnd.IntN(3)) * time.Nanosecond)
			}
			f := h.at(at)
			f = &fact.Fact{ID: f.ID, Time: at, Kind: kinds[rnd.IntN(len(kinds))], Host: f.Host, Canary: &fact.Canary{Action: fact.CanaryRead}, Metric: &fact.Metric{}}
			facts = append(facts, f)
			all = append(all, stored{f, len(all)})
		}
		h.send(facts...)
	}
	slices.SortFunc(all, func(x, y stored) int {
		if c := y.Time.Compare(x.Time); c != 0 {
			return c
		}
		return y.order - x.order
	})
	for i := range 200 {
		q := api.FactQuery{Limit: 1 + rnd.IntN(40)}
		if rnd.IntN(2) == 0 {
			q.HostID = hosts[rnd.IntN(len(hosts))].id
		}
		q.Kind = string(append(kinds, "", "", "nothing")[rnd.IntN(6)])
		if rnd.IntN(2) == 0 {
			q.Since = start.Add(time.Duration(rnd.IntN(60)-30) * time.Second)
		}
		if rnd.IntN(2) == 0 {
			q.Until = start.Add(time.Duration(rnd.IntN(60)) * time.Second)
		}
		if q.Kind == "" && q.HostID == "" {
			q.Kind = string(kinds[0]) // the hub's own notices are not in the oracle
		}
		var want []string
		for _, f := range all {
			if (q.HostID == "" || f.Host.ID == q.HostID) && (q.Kind == "" || string(f.Kind) == q.Kind) &&
				(q.Since.IsZero() || !f.Time.Before(q.Since)) && (q.Until.IsZero() || f.Time.Before(q.Until)) {
				want = append(want, f.ID)
			}
		}
		got := pages(t, b, q)
		if q.Kind == "" { // and not in the answer either
			got = slices.DeleteFunc(got, func(id string) bool { return !slices.Contains(want, id) })
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("query %d, %+v (-want +got):\n%s", i, q, diff)
		}
	}
}

// pages asks until there is no more.
func pages(t *testing.T, b *bench, q api.FactQuery) []string {
	t.Helper()
	var ids []string
	for {
		facts, err := b.Facts(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range facts {
			ids = append(ids, idOf(t, f))
		}
		if len(facts) < q.Limit {
			return ids
		}
		q.After = facts[len(facts)-1].Cursor
	}
}

func idOf(t *testing.T, f api.StoredFact) string {
	t.Helper()
	parsed, _, err := fact.Parse(f.Fact)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.ID
}

func TestFollowingFacts(t *testing.T) {
	b := newBench(t)
	h := b.enroll("a")
	_, cursor, err := b.FactsAfter(t.Context(), "", api.FactQuery{})
	if err != nil {
		t.Fatal(err)
	}
	q := api.FactQuery{HostID: h.id, Limit: 7}
	changed := b.Changed()
	var want, got []string
	for range 10 {
		facts := h.facts.Facts(5)
		for _, f := range facts {
			want = append(want, f.ID)
		}
		h.send(facts...)
	}
	select {
	case <-changed:
	default:
		t.Error("nobody was told that facts came")
	}
	for {
		facts, next, err := b.FactsAfter(t.Context(), cursor, q)
		if err != nil {
			t.Fatal(err)
		}
		if len(facts) == 0 && next == cursor {
			break
		}
		for _, f := range facts {
			got = append(got, idOf(t, f))
		}
		cursor = next
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("followed (-want +got):\n%s", diff)
	}
	later := h.facts.Fact()
	h.send(later)
	facts, _, err := b.FactsAfter(t.Context(), cursor, q)
	if err != nil || len(facts) != 1 || idOf(t, facts[0]) != later.ID {
		t.Errorf("after the end: %d facts, %v", len(facts), err)
	}
}

func TestMalformedCursors(t *testing.T) {
	b := newBench(t)
	for _, cursor := range []string{"x", "1", "1.2.3", "1.2.3.4.5", "-1.0.0.-1", "0.0.1.2 ", "00.0.1.2", "1.9999999999.1.1", strings.Repeat("9", 300)} {
		_, err := b.Facts(t.Context(), api.FactQuery{After: cursor})
		_, _, followErr := b.FactsAfter(t.Context(), cursor, api.FactQuery{})
		for _, err := range []error{err, followErr} {
			if _, ok := err.(*api.QueryError); !ok {
				t.Errorf("cursor %q: %v, want a query error", cursor, err)
			}
		}
	}
}

func TestAlertQueries(t *testing.T) {
	b := newBench(t)
	h, other := b.enroll("a"), b.enroll("b")
	at := b.clock.Now()
	eval := &store.Evaluation{From: 0, To: 1}
	add := func(host *host, rule, severity string, shadow bool, age time.Duration) {
		a := api.Alert{Rule: api.Rule{ID: rule}, Severity: severity, Host: fact.Host{ID: host.id}, Time: at.Add(-age), Shadow: shadow, Count: 1,
			State: api.StateNew, Message: "<&>", Values: map[string]string{strings.Repeat("long ", 50): "é"}}
		eval.Alerts = append(eval.Alerts, store.NewAlert{Alert: a, Links: []store.Link{{Batch: 1, Pos: 0}}})
	}
	add(h, "r1", "high", false, 0)
	add(h, "r2", "low", false, time.Minute)
	add(other, "r1", "high", false, time.Hour)
	add(other, "r3", "critical", true, 0)
	if err := b.Evaluate(t.Context(), eval); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		q    api.AlertQuery
		want string
	}{
		{"all", api.AlertQuery{}, "r1 r2 r1"},
		{"with those on trial", api.AlertQuery{IncludeShadow: true}, "r3 r1 r2 r1"},
		{"of a host", api.AlertQuery{HostID: h.id}, "r2 r1"},
		{"of nobody", api.AlertQuery{HostID: "h_nobody"}, ""},
		{"of a rule", api.AlertQuery{RuleID: "r1"}, "r1 r1"},
		{"of a severity", api.AlertQuery{Severity: "low"}, "r2"},
		{"since", api.AlertQuery{Since: at.Add(-time.Minute)}, "r2 r1"},
		{"until", api.AlertQuery{Until: at.Add(-time.Minute)}, "r1"},
		{"limit", api.AlertQuery{Limit: 1}, "r1"},
		{"after", api.AlertQuery{After: eval.Alerts[1].Alert.ID}, "r1"},
	} {
		alerts, err := b.Alerts(t.Context(), tt.q)
		if err != nil {
			t.Fatal(err)
		}
		var rules []string
		for _, a := range alerts {
			rules = append(rules, a.Rule.ID)
		}
		if got := strings.Join(rules, " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	followed, err := b.AlertsAfter(t.Context(), eval.Alerts[0].Alert.ID, 2)
	if err != nil || len(followed) != 2 || followed[0].Rule.ID != "r2" {
		t.Errorf("followed %+v, %v", followed, err)
	}
	one, err := b.Alert(t.Context(), eval.Alerts[0].Alert.ID)
	if err != nil || cmp.Diff(eval.Alerts[0].Alert, one) != "" {
		t.Errorf("alert %v (-want +got):\n%s", err, cmp.Diff(eval.Alerts[0].Alert, one))
	}
	if _, err := b.Alert(t.Context(), "01XXXX"); err == nil || !strings.Contains(err.Error(), api.ErrNotFound.Error()) {
		t.Errorf("unknown alert: %v", err)
	}
}

// TestAlertIDsGrowWhateverTheClockDoes: an id is a cursor.
func TestAlertIDsGrowWhateverTheClockDoes(t *testing.T) {
	b := newBench(t)
	h := b.enroll("a")
	last := ""
	for i := range int64(50) {
		switch i % 10 {
		case 3:
			b.clock.Add(-time.Hour)
		case 6:
			b.clock.Add(time.Minute)
		case 9:
			b.reopen()
		}
		eval := &store.Evaluation{From: i, To: i + 1}
		for range 3 {
			eval.Alerts = append(eval.Alerts, store.NewAlert{Alert: api.Alert{Host: fact.Host{ID: h.id}, State: api.StateNew, Time: b.clock.Now(), Count: 1}})
		}
		if err := b.Evaluate(t.Context(), eval); err != nil {
			t.Fatal(err)
		}
		for _, a := range eval.Alerts {
			if a.Alert.ID <= last {
				t.Fatalf("id %s after %s", a.Alert.ID, last)
			}
			last = a.Alert.ID
		}
	}
}

func TestEvaluationMustGoOnFromTheCursor(t *testing.T) {
	b := newBench(t)
	h := b.enroll("a")
	alert := store.NewAlert{Alert: api.Alert{Host: fact.Host{ID: h.id}, State: api.StateNew, Time: b.clock.Now()}}
	if err := b.Evaluate(t.Context(), &store.Evaluation{From: 0, To: 5}); err != nil {
		t.Fatal(err)
	}
	err := b.Evaluate(t.Context(), &store.Evaluation{From: 0, To: 6, Alerts: []store.NewAlert{alert}})
	if f := fault.Of(err); f.ID != fault.StoreCursor.ID {
		t.Errorf("an evaluation from elsewhere: %v, want %v", err, fault.StoreCursor)
	}
	if alerts, err := b.Alerts(t.Context(), api.AlertQuery{}); err != nil || len(alerts) != 0 {
		t.Errorf("it stored %d alerts, %v", len(alerts), err)
	}
}

func TestKindsThatAHostInvents(t *testing.T) {
	b := newBench(t)
	h := b.enroll("a")
	const n = 520
	for i := range n {
		f := h.at(b.clock.Now())
		h.send(&fact.Fact{ID: f.ID, Time: f.Time, Kind: fact.Kind(fmt.Sprintf("made_up_%d", i)), Host: f.Host})
	}
	if got := len(pages(t, b, api.FactQuery{HostID: h.id, Limit: 100})); got != n+1 { // and the enrollment
		t.Errorf("found %d facts by host, want %d", got, n+1)
	}
	for _, kind := range []string{"made_up_3", "made_up_519"} {
		if got := len(pages(t, b, api.FactQuery{Kind: kind, Limit: 100})); got != 1 {
			t.Errorf("found %d facts of kind %s, want 1", got, kind)
		}
	}
	var kinds int
	if err := b.Reader().QueryRow(`SELECT count(*) FROM kinds`).Scan(&kinds); err != nil || kinds > 510 {
		t.Errorf("%d kinds are named, %v; want a bound", kinds, err)
	}
}
