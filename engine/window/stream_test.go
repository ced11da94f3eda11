package window_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"picket.internal/engine/window"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func sec(n float64) time.Time { return noon.Add(time.Duration(n * float64(time.Second))) }

func newTable(t testing.TB, specs ...window.Spec) *window.Table {
	t.Helper()
	table, err := window.NewTable(specs)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// store is where a hub keeps records.
type store map[string]window.Record

func (s store) save(records []window.Record) {
	for _, r := range records {
		key := fmt.Sprintf("%s/%x", r.Spec, r.Key)
		if s[key] = r; r.Data == nil {
			delete(s, key)
		}
	}
}

func (s store) records() (out []window.Record) {
	for _, r := range s {
		out = append(out, r) // in any order
	}
	return out
}

// restart stores what has changed and begins anew from what is stored.
func restart(t testing.TB, table *window.Table, s store, specs ...window.Spec) *window.Table {
	t.Helper()
	s.save(table.Changes())
	fresh := newTable(t, specs...)
	fresh.Restore(s.records())
	if more := fresh.Changes(); len(more) != 0 {
		t.Fatalf("%d records changed by being restored", len(more))
	}
	return fresh
}

// streams are the specs that random streams are run through, by type.
func streams(r *rand.Rand) []window.Spec {
	spans := []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second}
	span := spans[r.IntN(len(spans))]
	late := []time.Duration{0, span / 5, span / 2, span}[r.IntN(4)]
	rules := []string{"a", "b", "c", "d"}[:2+r.IntN(3)]
	up := []window.Bound{{Op: []string{"gt", "gte"}[r.IntN(2)], Value: float64(1 + r.IntN(6))}}
	other := [][]window.Bound{
		{{Op: "lt", Value: 3}}, {{Op: "lte", Value: 2}}, {{Op: "eq", Value: 2}}, {{Op: "neq", Value: 1}},
		{{Op: "gte", Value: 2}, {Op: "lt", Value: 5}},
	}[r.IntN(5)]
	few := []window.Bound{{Op: "gte", Value: 2}}
	base := window.Spec{ID: "s", Rules: rules, Timespan: span, Lateness: late}
	with := func(change func(*window.Spec)) window.Spec {
		s := base
		change(&s)
		return s
	}
	typed := func(k window.Type, bounds []window.Bound) window.Spec {
		return with(func(s *window.Spec) { s.Type, s.Bounds, s.Percentile = k, bounds, []float64{1, 50, 95, 100}[r.IntN(4)] })
	}
	sums := []window.Bound{{Op: "gte", Value: float64(5 + r.IntN(20))}}
	return []window.Spec{
		typed(window.EventCount, up), typed(window.EventCount, other),
		typed(window.ValueCount, up), typed(window.ValueCount, other),
		typed(window.Temporal, nil), typed(window.Temporal, few), typed(window.Temporal, []window.Bound{{Op: "eq", Value: 1}}),
		typed(window.TemporalOrdered, nil),
		typed(window.ValueSum, sums), typed(window.ValueSum, []window.Bound{{Op: "lt", Value: 9}}),
		typed(window.ValueAvg, []window.Bound{{Op: "gt", Value: 4}}), typed(window.ValuePercentile, []window.Bound{{Op: "gte", Value: 6}}),
		{ID: "s", Type: window.NewTerms, Within: span, Learn: []time.Duration{0, 3 * time.Second}[r.IntN(2)], Lateness: late},
		{ID: "s", Type: window.Absence, Within: span, Rules: rules, Lateness: late},
		{ID: "s", Type: window.Risk, AtLeast: 30, HalfLife: span, Lateness: late},
	}
}

// randomEvent is an event near now, sometimes early, often late, with times that
// are often equal.
func randomEvent(r *rand.Rand, n int, now time.Time, s window.Spec) window.Event {
	at := now
	span := int(max(s.Timespan, s.Within, s.HalfLife) / time.Second)
	switch r.IntN(6) {
	case 0:
		at = at.Add(-time.Duration(r.IntN(2*span+2)) * time.Second)
	case 1, 2:
		at = at.Add(-time.Duration(r.IntN(span/2+2)) * time.Second)
	case 3:
		at = at.Add(time.Duration(r.IntN(span/4+2)) * time.Second)
	}
	host := fmt.Sprint("h", r.IntN(3))
	return window.Event{
		Rule: []string{"a", "b", "c", "d", "e"}[r.IntN(5)], Host: host, Group: []string{host, fmt.Sprint(r.IntN(2))},
		Values: []string{fmt.Sprint(r.IntN(7)), "x"}, Number: float64(1 + r.IntN(9)), HasNumber: true,
		Fact: fmt.Sprint("f", n), Time: at, Received: now, Learning: r.IntN(20) == 0,
	}
}

// TestTableAgreesWithTheOracle runs random streams through the oracle, a table,
// and a table that is restarted again and again, for every type.
func TestTableAgreesWithTheOracle(t *testing.T) {
	rounds := 20
	switch {
	case os.Getenv("PICKET_SOAK") == "1":
		rounds = 1000
	case raced:
		rounds = 4
	}
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 7))
		for i, spec := range streams(r) {
			t.Run(fmt.Sprintf("%d/%s-%d", seed, spec.Type, i), func(t *testing.T) { runStream(t, r, spec, 400) })
		}
	}
}

func runStream(t *testing.T, r *rand.Rand, spec window.Spec, events int) {
	truth, plain, restarted := newOracle(spec), newTable(t, spec), newTable(t, spec)
	disk := store{}
	now := noon
	gap := 1 + r.IntN(3)
	fired := 0
	for n := range events {
		if r.IntN(3) > 0 {
			now = now.Add(time.Duration(r.IntN(gap)) * time.Second)
		}
		if r.IntN(60) == 0 {
			now = now.Add(time.Duration(r.IntN(90)) * time.Second)
		}
		var want, got, again []window.Firing
		what := "advance"
		if r.IntN(10) == 0 {
			want, got, again = truth.advance(now), plain.Advance(now), restarted.Advance(now)
		} else {
			e := randomEvent(r, n, now, spec)
			what = fmt.Sprintf("%s %v at %v, received %v", e.Rule, e.Group, e.Time.Sub(noon), e.Received.Sub(noon))
			want, got, again = truth.apply(e), plain.Apply("s", e), restarted.Apply("s", e)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Fatalf("event %d (%s): restarted and not restarted:\n%s", n, what, diff)
		}
		if diff := cmp.Diff(want, got, core(spec)...); diff != "" {
			t.Fatalf("event %d (%s) of %+v:\n%s", n, what, spec, diff)
		}
		for _, f := range got {
			checkFacts(t, spec, f)
		}
		fired += len(got)
		if r.IntN(25) == 0 {
			restarted = restart(t, restarted, disk, spec)
		}
	}
	if stats := plain.Stats()[0]; spec.Type != window.NewTerms && stats.Late != truth.late || stats.Evicted != 0 {
		t.Errorf("%d late, want %d; %d evicted", stats.Late, truth.late, stats.Evicted)
	}
	sameRecords(t, plain, restarted, disk, spec)
}

// core leaves out what the oracle does not tell.
func core(s window.Spec) []cmp.Option {
	without := []string{"Since", "Facts", "Rules", "Values", "Parts", "Rest"}
	switch s.Type {
	case window.Absence:
		without = []string{"Rules"}
	case window.Risk:
		without = append(without, "Count")
	}
	return []cmp.Option{cmpopts.EquateEmpty(), cmpopts.EquateApprox(1e-9, 0.05), cmpopts.IgnoreFields(window.Firing{}, without...)}
}

// checkFacts holds what a firing lists against what it says.
func checkFacts(t *testing.T, s window.Spec, f window.Firing) {
	t.Helper()
	facts := slices.Clone(f.Facts)
	slices.Sort(facts)
	if len(slices.Compact(facts)) != len(f.Facts) {
		t.Fatalf("facts are listed twice: %v", f.Facts)
	}
	least := int(f.Count)
	if f.Continued || s.Type == window.ValueAvg || s.Type == window.ValueSum {
		least = 1
	}
	if len(f.Facts) < least && s.Type != window.Absence {
		t.Fatalf("%d facts listed of %d: %+v", len(f.Facts), f.Count, f)
	}
	if f.Since.After(f.Time) {
		t.Fatalf("since %v, until %v", f.Since, f.Time)
	}
}

func sameRecords(t *testing.T, plain, restarted *window.Table, disk store, spec window.Spec) {
	t.Helper()
	disk.save(restarted.Changes())
	all := store{}
	all.save(plain.Changes())
	for key, r := range all {
		if want, got := withoutSeq(r.Data), withoutSeq(disk[key].Data); !bytes.Equal(want, got) {
			t.Fatalf("record %s differs after restarts:\n%x\n%x", key, want, got)
		}
	}
	if len(all) != len(disk) {
		t.Fatalf("%d records after restarts, want %d", len(disk), len(all))
	}
}

// withoutSeq cuts what a record begins with, up to the number of its last touch:
// only the order of these numbers matters, and a restart may close gaps.
func withoutSeq(data []byte) []byte {
	const head = 1 + 16
	if len(data) < head {
		return nil
	}
	_, n := binary.Uvarint(data[head:])
	return data[head+n:]
}
