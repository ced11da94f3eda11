package window_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/window"
)

// bruteForce is a spec that a host can make up groups for.
func bruteForce(maxGroups int) window.Spec {
	return window.Spec{ID: "s", Type: window.EventCount, Rules: []string{"a"}, Timespan: time.Hour, Lateness: time.Minute,
		Bounds: []window.Bound{{Op: "gte", Value: 10}}, MaxGroups: maxGroups}
}

func attempt(host, user string, n int) window.Event {
	at := noon.Add(time.Duration(n) * time.Microsecond)
	return window.Event{Rule: "a", Host: host, Group: []string{host, user}, Fact: fmt.Sprint("f", n), Time: at, Received: at}
}

// Whoever makes up groups pushes out his own: a quiet host is still counted
// right, memory stays bounded, and what was forgotten is counted.
func TestThreat_E4_MadeUpGroupsPushOutTheirOwn(t *testing.T) {
	groups := 1_000_000
	switch {
	case os.Getenv("PICKET_SOAK") == "1":
		groups = 10_000_000
	case raced:
		groups = 100_000 // the detector slows it down, and has nothing to find
	}
	const most = 10_000
	table := newTable(t, bruteForce(most))
	for i := range 9 {
		for user := range 50 {
			table.Apply("s", attempt("quiet", fmt.Sprint("user", user), i))
		}
	}
	before := heap()
	for i := range groups {
		table.Apply("s", attempt("loud", fmt.Sprint("/tmp/", i), 10+i))
	}
	grown := int64(heap() - before)
	stats := table.Stats()[0]
	t.Logf("%d groups: %d kept, %d evicted, %d bytes of content, heap grew by %d", groups, stats.Groups, stats.Evicted, stats.Bytes, grown)
	if stats.Groups > most || stats.Groups < most*9/10 || int(stats.Evicted)+stats.Groups != groups+50 {
		t.Errorf("%d groups, %d evicted", stats.Groups, stats.Evicted)
	}
	if grown > 2*stats.Bytes {
		t.Errorf("the heap grew by %d, content is %d", grown, stats.Bytes)
	}
	for user := range 50 {
		fired := table.Apply("s", attempt("quiet", fmt.Sprint("user", user), groups))
		if len(fired) != 1 || fired[0].Count != 10 {
			t.Fatalf("quiet host was forgotten: user %d: %+v", user, fired)
		}
	}
	runtime.KeepAlive(table)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestOldestGroupOfTheLargestHostGoes(t *testing.T) {
	table := newTable(t, bruteForce(6))
	for i, name := range []string{"a 1", "a 2", "a 3", "b 1", "b 2", "c 1", "a 1"} {
		table.Apply("s", attempt(name[:1], name[2:], i))
	}
	s := store{}
	table = restart(t, table, s, bruteForce(6)) // who is the oldest survives
	table.Apply("s", attempt("d", "1", 10))     // a 2 goes
	table.Apply("s", attempt("b", "3", 11))     // b would be the largest: b 1 goes
	table.Apply("s", attempt("a", "3", 12))
	s.save(table.Changes())
	if len(s) != 6 || table.Stats()[0].Evicted != 2 {
		t.Fatalf("%d records, %+v", len(s), table.Stats()[0])
	}
	for i := range 8 {
		for _, name := range []string{"a 3", "a 1"} {
			fired := table.Apply("s", attempt(name[:1], name[2:], 20+i))
			if want := i == 7; (len(fired) == 1) != want {
				t.Errorf("%s at %d: %+v", name, i, fired)
			}
		}
	}
}

// Few groups with much in them are bounded too, from the host that holds most.
func TestThreat_E4_BytesAreBounded(t *testing.T) {
	spec := window.Spec{ID: "s", Type: window.NewTerms, Within: time.Hour, MaxBytes: 200_000}
	table := newTable(t, spec)
	for i := range 40_000 {
		e := attempt("loud", fmt.Sprint(i%100), i)
		e.Values = []string{fmt.Sprint(i)}
		table.Apply("s", e)
		if i%4000 == 0 {
			e := attempt("quiet", "q", i)
			e.Values = []string{"always"}
			if fired := table.Apply("s", e); len(fired) != 0 && i > 0 {
				t.Fatalf("quiet host was forgotten: %+v", fired)
			}
		}
	}
	if s := table.Stats()[0]; s.Bytes > spec.MaxBytes || s.Evicted == 0 {
		t.Errorf("%+v", s)
	}
}

// A flood within the lateness of a group costs it lateness, never an order that
// was kept.
func TestThreat_E4_FloodHidesNoSequence(t *testing.T) {
	for _, kind := range []window.Type{window.TemporalOrdered, window.Temporal, window.ValueCount} {
		spec := window.Spec{ID: "s", Type: kind, Rules: three, Timespan: time.Hour, Lateness: time.Minute}
		if kind == window.ValueCount {
			spec.Bounds = gte3
		}
		table := newTable(t, spec)
		var fired []window.Firing
		n := 0
		step := func(rule string) {
			n++
			e := attempt("h", "g", n)
			e.Rule, e.Values = rule, []string{rule}
			fired = append(fired, table.Apply("s", e)...)
		}
		step("a")
		step("b")
		for range 5000 {
			step("b")
			step("a")
		}
		step("c")
		if len(fired) != 1 || len(fired[0].Facts) != 3 {
			t.Errorf("%s: %+v", kind, fired)
		}
		s := table.Stats()[0]
		if s.Hurried == 0 || s.Bytes > 40_000 {
			t.Errorf("%s: %+v", kind, s)
		}
		n = 0
		if step("a"); table.Stats()[0].Late != s.Late+1 {
			t.Errorf("%s: an event that no longer fits is not counted as late", kind)
		}
	}
}

func TestSumsBecomeCoarseNotLarge(t *testing.T) {
	spec := window.Spec{ID: "s", Type: window.ValueSum, Rules: []string{"a"}, Timespan: time.Minute, Bounds: []window.Bound{{Op: "gte", Value: 1e9}}}
	table := newTable(t, spec)
	send := func(n int, at time.Time) []window.Firing {
		return table.Apply("s", window.Event{Rule: "a", Host: "h", Number: float64(n), HasNumber: true, Time: at, Received: at})
	}
	for i := range 100_000 {
		send(1000, noon.Add(time.Duration(i)*time.Millisecond)) // 60,000 in a window
	}
	s := table.Stats()[0]
	if s.Coarsened == 0 || s.Bytes > 100_000 {
		t.Errorf("%+v", s)
	}
	fired := send(1e9-59_999*1000, noon.Add(100*time.Second))
	if len(fired) != 1 || fired[0].Value > 1.005e9 {
		t.Errorf("fired %+v", fired)
	}
}

// Percentiles of more numbers than are kept are those of a sample, which does
// not depend on the order.
func TestPercentileOfASample(t *testing.T) {
	spec := window.Spec{ID: "s", Type: window.ValuePercentile, Percentile: 95, Rules: []string{"a"}, Timespan: time.Hour, Lateness: time.Hour, Bounds: []window.Bound{{Op: "gt", Value: 0}}}
	var values []float64
	for seed := range uint64(2) {
		table := newTable(t, spec)
		for _, i := range rand.New(rand.NewPCG(seed, 1)).Perm(50_000) {
			e := attempt("h", "g", i)
			e.Number, e.HasNumber = float64(i), true
			table.Apply("s", e)
		}
		s := table.Stats()[0]
		fired := table.Advance(noon.Add(3 * time.Hour))
		if s.Sampled == 0 || len(fired) != 1 {
			t.Fatalf("%+v, fired %+v", s, fired)
		}
		values = append(values, fired[0].Value)
	}
	if values[0] != values[1] || math.Abs(values[0]-47_500) > 1000 {
		t.Errorf("the 95th percentile of 0 to 49,999 is %v", values)
	}
}

func TestTermsAreBounded(t *testing.T) {
	table := newTable(t, window.Spec{ID: "s", Type: window.NewTerms, Within: time.Hour})
	seen := func(n, value int) []window.Firing {
		e := attempt("h", "g", n)
		e.Time = noon.Add(time.Duration(n) * 100 * time.Millisecond)
		e.Received, e.Values = e.Time, []string{fmt.Sprint(value)}
		return table.Apply("s", e)
	}
	for i := range 5000 {
		seen(i, i)
	}
	s := table.Stats()[0]
	if s.TermsEvicted == 0 || s.Bytes > 100_000 {
		t.Errorf("%+v", s)
	}
	if len(seen(5000, 4000)) != 0 || len(seen(5001, 0)) != 1 {
		t.Error("not the oldest terms were given up")
	}
}

// The parts of a risk are the largest, and with the rest they are all of it.
func TestRiskTellsItsParts(t *testing.T) {
	table := newTable(t, window.Spec{ID: "s", Type: window.Risk, AtLeast: 150, HalfLife: 24 * time.Hour})
	alert := func(hours float64, rule string, score float64) []window.Firing {
		at := noon.Add(time.Duration(hours * float64(time.Hour)))
		return table.Apply("s", window.Event{Rule: rule, Host: "h", Group: []string{"h"}, Fact: rule, Number: score, HasNumber: true, Time: at, Received: at})
	}
	alert(0, "old", 100)
	alert(24, "mid", 60)
	got := alert(48, "new", 100)
	want := []window.Firing{{Spec: "s", Group: []string{"h"}, Host: "h", Count: 3, Value: 155, Since: noon, Time: noon.Add(48 * time.Hour),
		Facts: []string{"old", "mid", "new"}, Rules: []string{"new", "mid", "old"}, Parts: []window.Part{
			{Rule: "new", Fact: "new", Score: 100, Time: noon.Add(48 * time.Hour)}, {Rule: "mid", Fact: "mid", Score: 30, Time: noon.Add(24 * time.Hour)},
			{Rule: "old", Fact: "old", Score: 25, Time: noon}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if more := alert(48, "more", 1); len(more) != 1 || !more[0].Continued {
		t.Errorf("over the bound: %+v", more)
	}
	if again := alert(96, "again", 100); len(again) != 0 {
		t.Errorf("under the bound: %+v", again)
	}
	if over := alert(96, "over", 20); len(over) != 1 || over[0].Continued {
		t.Errorf("crossed once more: %+v", over)
	}
	for _, bad := range []float64{-1000, 0, math.NaN(), math.Inf(1)} {
		if fired := alert(96, "bad", bad); len(fired) != 0 {
			t.Errorf("score %v: %+v", bad, fired)
		}
	}
}

func TestRiskIsBounded(t *testing.T) {
	table := newTable(t, window.Spec{ID: "s", Type: window.Risk, AtLeast: 1e5, HalfLife: time.Hour})
	var fired []window.Firing
	for i := range 10_000 {
		e := attempt("h", "g", i)
		e.Number, e.HasNumber = float64(1+i%50), true
		fired = append(fired, table.Apply("s", e)...)
	}
	first := slices.IndexFunc(fired, func(f window.Firing) bool { return !f.Continued })
	if first != 0 || len(fired[0].Parts) != 100 {
		t.Fatalf("%d fired, the first new one is %d", len(fired), first)
	}
	sum := fired[0].Rest
	for i, p := range fired[0].Parts {
		if sum += p.Score; i > 0 && p.Score > fired[0].Parts[i-1].Score {
			t.Errorf("part %d is larger than the one before", i)
		}
	}
	if math.Abs(sum-fired[0].Value) > 1e-6 || fired[0].Rest == 0 || fired[0].Parts[99].Score < 48 {
		t.Errorf("parts and rest are %v of %v", sum, fired[0].Value)
	}
	if s := table.Stats()[0]; s.Bytes > 20_000 {
		t.Errorf("%+v", s)
	}
}
