package window_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/window"
)

// play feeds a table events written as "rule@second", with "=value" for a value
// that is also the number, and "!second" for the hub's time to advance. It tells
// what fired as "second:facts", with "+" before a continuation.
func play(t *testing.T, table *window.Table, script string) string {
	t.Helper()
	var told []string
	for _, word := range strings.Fields(script) {
		var firings []window.Firing
		if at, ok := strings.CutPrefix(word, "!"); ok {
			firings = table.Advance(sec(number(t, at)))
		} else {
			what, value, _ := strings.Cut(word, "=")
			rule, at, _ := strings.Cut(what, "@")
			e := window.Event{Rule: rule, Host: "h", Group: []string{"g"}, Fact: what, Time: sec(number(t, at))}
			if value != "" {
				e.Values, e.Number, e.HasNumber = []string{value}, number(t, value), true
			}
			firings = table.Apply("s", e)
		}
		for _, f := range firings {
			text := strconv.FormatFloat(f.Time.Sub(noon).Seconds(), 'f', -1, 64) + ":" + strings.Join(f.Facts, ",")
			if f.Continued {
				text = "+" + text
			}
			told = append(told, text)
		}
	}
	return strings.Join(told, " ")
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var (
	ten   = 10 * time.Second
	gte3  = []window.Bound{{Op: "gte", Value: 3}}
	two   = []string{"a", "b"}
	three = []string{"a", "b", "c"}
)

func TestEdges(t *testing.T) {
	count := window.Spec{ID: "s", Type: window.EventCount, Rules: two, Timespan: ten, Lateness: 4 * time.Second, Bounds: gte3}
	with := func(s window.Spec, change func(*window.Spec)) window.Spec {
		change(&s)
		return s
	}
	values := with(count, func(s *window.Spec) { s.Type = window.ValueCount })
	all := with(count, func(s *window.Spec) { s.Type, s.Rules, s.Bounds = window.Temporal, three, nil })
	inOrder := with(all, func(s *window.Spec) { s.Type = window.TemporalOrdered })
	sum := with(count, func(s *window.Spec) { s.Type, s.Bounds = window.ValueSum, []window.Bound{{Op: "gte", Value: 10}} })
	few := with(count, func(s *window.Spec) { s.Bounds = []window.Bound{{Op: "lt", Value: 3}} })
	mean := with(sum, func(s *window.Spec) { s.Type = window.ValueAvg })
	high := with(sum, func(s *window.Spec) { s.Type, s.Percentile = window.ValuePercentile, 50 })
	terms := window.Spec{ID: "s", Type: window.NewTerms, Within: 1024 * time.Second}
	silence := window.Spec{ID: "s", Type: window.Absence, Within: ten}
	for _, tt := range []struct {
		name, script, want string
		spec               window.Spec
	}{
		{"the event that makes it true fires", "a@1 b@2 a@3", "3:a@1,b@2,a@3", count},
		{"other rules do not count", "a@1 x@2 a@3", "", count},
		{"exactly a timespan apart is not within it", "a@0 a@5 a@10", "", count},
		{"a nanosecond less is", "a@0 a@5 a@9.999999999", "9.999999999:a@0,a@5,a@9.999999999", count},
		{"the next ones continue", "a@1 a@2 a@3 a@4 a@11", "3:a@1,a@2,a@3 +4:a@4 +11:a@11", count},
		{"untrue in between, it fires anew", "a@1 a@2 a@3 a@12 a@13 a@14", "3:a@1,a@2,a@3 14:a@12,a@13,a@14", count},
		{"a window that has turned over fires anew", "a@1 a@2 a@3 a@6 a@9 a@12 a@12.9 a@13",
			"3:a@1,a@2,a@3 +6:a@6 +9:a@9 +12:a@12 +12.9:a@12.9 13:a@6,a@9,a@12,a@12.9,a@13", with(count, func(s *window.Spec) { s.Lateness = 0 })},
		{"equal times count each", "a@1 a@1 a@1", "1:a@1,a@1,a@1", count},
		{"out of order, in time", "a@6 a@5 a@4", "6:a@4,a@5,a@6", count},
		{"exactly as late as may be", "a@7 a@5 a@3", "7:a@3,a@5,a@7", count},
		{"a nanosecond later is too late", "a@7.000000001 a@5 a@3", "", count},
		{"gt is one more", "a@1 a@2 a@3 a@4", "4:a@1,a@2,a@3,a@4", with(count, func(s *window.Spec) { s.Bounds = []window.Bound{{Op: "gt", Value: 3}} })},
		{"nothing is left of a group that is over", "a@1 a@2 !15.9 a@3", "3:a@1,a@2,a@3", count},
		{"for ever", "a@1 a@2 !16 a@3 a@4 a@5", "5:a@3,a@4,a@5", count},

		{"different values", "a@1=1 a@2=1 a@3=2 a@4=2 a@5=3", "5:a@2,a@4,a@5", values},
		{"a value that comes again stays", "a@0=1 a@5=2 a@9=1 a@12=3", "12:a@5,a@9,a@12", values},
		{"without a value is passed over", "a@1=1 a@2 a@3=2", "", values},
		{"a late value between two of another", "a@1=1 a@8=3 a@9=1 a@6=2", "9:a@6,a@8,a@9", values},

		{"all rules in any order", "c@1 a@2 a@3 b@4", "4:c@1,a@3,b@4", all},
		{"temporal: exactly a timespan apart", "c@1 a@2 b@11", "", all},
		{"two of three", "c@1 c@2 a@3", "3:c@2,a@3", with(all, func(s *window.Spec) { s.Bounds = []window.Bound{{Op: "gte", Value: 2}} })},

		{"in order", "a@1 b@2 c@3", "3:a@1,b@2,c@3", inOrder},
		{"not in order", "b@1 a@2 c@3", "", inOrder},
		{"only by arrival not in order", "b@2 c@3 a@1", "3:a@1,b@2,c@3", inOrder},
		{"equal times are in order", "c@1 b@1 a@1", "1:a@1,b@1,c@1", inOrder},
		{"an earlier step again does no harm", "a@1 b@2 a@3 c@4", "4:a@1,b@2,c@4", inOrder},
		{"the chain that began last", "a@1 b@2 a@5 b@6 c@12", "12:a@5,b@6,c@12", inOrder},
		{"ordered: exactly a timespan apart", "a@1 b@2 c@11", "", inOrder},

		{"sums", "a@1=4 a@2=5 a@3=1", "3:a@1,a@2,a@3", sum},
		{"sums fall with negative numbers", "a@1=9 a@2=-5 a@3=5", "", sum},
		{"what has left is not summed", "a@1=9 a@11=1", "", sum},
		{"without a number is passed over", "a@1=9 a@2 a@3=1", "3:a@1,a@3", sum},

		{"fewer is judged when the window is over", "a@1 a@9 !14 a@21 !33.9 !34", "10:a@1,a@9 30:a@21", few},
		{"an event judges it too", "a@1 a@9 a@14", "10:a@1,a@9", few},
		{"windows begin with the epoch, and hold their begin", "a@9 a@10 a@19.9 a@24", "10:a@9 20:a@10,a@19.9", few},
		{"late ones still count", "a@1 a@13 a@9 a@9.5 a@24", "20:a@13", few},
		{"no window that was judged opens again", "a@1 !14 a@2 !40", "10:a@1", few},
		{"a range", "a@1 a@2 a@11 a@12 a@13 a@21 a@22 a@23 a@24 !60", "20:a@11,a@12,a@13",
			with(count, func(s *window.Spec) { s.Bounds = []window.Bound{{Op: "gt", Value: 2}, {Op: "lt", Value: 4}} })},
		{"unequal", "a@1 a@2 a@3 a@11 !60", "20:a@11", with(count, func(s *window.Spec) { s.Bounds = []window.Bound{{Op: "neq", Value: 3}} })},
		{"an average is of the whole window", "a@1=15 a@2=1 a@11=11 a@12=10 !60", "20:a@11,a@12", mean},
		{"a percentile too", "a@1=10 a@2=1 a@3=10 a@11=1 a@12=10 !60", "10:a@1,a@2,a@3", high},

		{"a term is new once", "a@1=1 a@2=1 a@3=2", "1:a@1 3:a@3", terms},
		{"until it was not seen for so long", "a@1=1 a@1024=1 a@2048=1 a@3000=2", "1:a@1 2048:a@2048 3000:a@3000", terms},
		{"a later sighting makes it known earlier", "a@100=1 a@50=1", "100:a@100", terms},
		{"while it learns nothing fires", "a@1=1 a@10.9=2 a@11=3 a@12=2", "11:a@11",
			with(terms, func(s *window.Spec) { s.Learn = ten })},

		{"silence fires once", "a@1 !10.9 !11 !12 !100", "11:a@1", silence},
		{"and again after it was broken", "a@1 !11 a@50 !60", "11:a@1 60:a@50", silence},
		{"an event in time keeps it quiet", "a@1 a@10.9 !20.8", "", silence},
		{"an event after it tells it first", "a@1 a@11 !20", "11:a@1", silence},
	} {
		t.Run(tt.spec.ID+"/"+tt.name, func(t *testing.T) {
			if got := play(t, newTable(t, tt.spec), tt.script); got != tt.want {
				t.Errorf("%s\ngot  %s\nwant %s", tt.script, got, tt.want)
			}
		})
	}
}

// A host whose clock runs ahead takes the time of the receipt, and pushes out
// nobody.
func TestClockAheadPushesOutNobody(t *testing.T) {
	spec := window.Spec{ID: "s", Type: window.EventCount, Rules: two, Timespan: ten, Lateness: 4 * time.Second, Bounds: gte3}
	table := newTable(t, spec)
	event := func(host string, at, received float64) []window.Firing {
		return table.Apply("s", window.Event{Rule: "a", Host: host, Group: []string{"root"}, Time: sec(at), Received: sec(received)})
	}
	event("ahead", 3600, 1)
	event("ahead", 4, 2) // within half of the lateness: left as it is
	if fired := event("right", 0.5, 2.5); len(fired) != 1 || !fired[0].Time.Equal(sec(4)) {
		t.Errorf("fired %+v", fired)
	}
	if s := table.Stats()[0]; s.Clamped != 1 || s.Late != 0 || s.Events != 3 {
		t.Errorf("stats: %+v", s)
	}
	event("right", -3, 3)
	if s := table.Stats()[0]; s.Late != 1 {
		t.Errorf("an event that is too late is not counted: %+v", s)
	}
	table.Apply("s", window.Event{Rule: "a", Group: []string{"root"}, Time: time.Time{}, Received: sec(3)})
	if s := table.Stats()[0]; s.Late != 2 || s.Clamped != 2 {
		t.Errorf("an event without a time: %+v", s)
	}
}

// A group whose clock is behind is judged when its own time has come.
func TestSlowClockIsJudgedByItsOwnTime(t *testing.T) {
	spec := window.Spec{ID: "s", Type: window.EventCount, Rules: two, Timespan: ten, Bounds: []window.Bound{{Op: "lte", Value: 2}}}
	table := newTable(t, spec)
	event := func(at, received float64) {
		if fired := table.Apply("s", window.Event{Rule: "a", Host: "slow", Group: []string{"g"}, Time: sec(at), Received: sec(received)}); len(fired) > 0 {
			t.Errorf("fired %+v", fired)
		}
	}
	event(1, 301)
	if fired := table.Advance(sec(309)); len(fired) > 0 {
		t.Errorf("fired %+v", fired)
	}
	event(8, 308)
	if fired := table.Advance(sec(310)); len(fired) != 1 || fired[0].Count != 2 || !fired[0].Time.Equal(sec(10)) {
		t.Errorf("fired %+v", fired)
	}
}

func TestFiringSaysWhatItIsAbout(t *testing.T) {
	spec := window.Spec{ID: "brute", Type: window.EventCount, Rules: []string{"failed", "locked"}, Timespan: ten, Bounds: gte3}
	table := newTable(t, spec)
	const first, last = "01JGFJJZ00ZZZZZZZZZZZZZZZZ", "01JGFJJZ02ZZZZZZZZZZZZZZZZ"
	var fired []window.Firing
	for i, e := range []window.Event{{Rule: "locked", Fact: first}, {Rule: "failed", Fact: "no id that could be kept"}, {Rule: "failed", Fact: last}, {Rule: "failed", Fact: "x"}} {
		e.Host, e.Group, e.Time = "web1", []string{"web1", "root"}, sec(float64(i))
		fired = append(fired, table.Apply("brute", e)...)
	}
	want := []window.Firing{
		{Spec: "brute", Group: []string{"web1", "root"}, Host: "web1", Count: 3, Value: 3, Since: sec(0), Time: sec(2), Facts: []string{first, last}, Rules: []string{"failed", "locked"}},
		{Spec: "brute", Group: []string{"web1", "root"}, Host: "web1", Count: 3, Value: 3, Since: sec(3), Time: sec(3), Facts: []string{"x"}, Rules: []string{"failed"}, Continued: true, More: 1},
	}
	if diff := cmp.Diff(want, fired); diff != "" {
		t.Error(diff)
	}
}

// Many failed logins, then one that works: a correlation of a correlation.
func TestChain(t *testing.T) {
	inner := window.Spec{ID: "failures", Type: window.EventCount, Rules: []string{"failed"}, Timespan: ten, Bounds: gte3}
	outer := window.Spec{ID: "break-in", Type: window.TemporalOrdered, Rules: []string{"failures", "accepted"}, Timespan: time.Minute}
	table := newTable(t, inner, outer)
	var fired []window.Firing
	for i := range 4 {
		at := sec(float64(i))
		e := window.Event{Rule: "failed", Host: "h", Group: []string{"h", "root"}, Fact: fmt.Sprint("f", i), Time: at, Received: at}
		for _, f := range table.Apply("failures", e) {
			if f.Continued {
				continue
			}
			next := f.Event(at)
			next.Group = f.Group[1:]
			fired = append(fired, table.Apply("break-in", next)...)
		}
	}
	fired = append(fired, table.Apply("break-in", window.Event{Rule: "accepted", Host: "h", Group: []string{"root"}, Fact: "ok", Time: sec(30), Received: sec(30)})...)
	if len(fired) != 1 || !cmp.Equal(fired[0].Facts, []string{"f2", "ok"}) || !fired[0].Since.Equal(sec(2)) {
		t.Errorf("fired %+v", fired)
	}
}
