package window_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"picket.internal/engine/window"
)

// benchSpecs are one spec a type, as rules have them.
func benchSpecs() []window.Spec {
	base := window.Spec{ID: "s", Rules: three, Timespan: 5 * time.Minute, Lateness: time.Minute, Bounds: []window.Bound{{Op: "gte", Value: 100}}}
	with := func(k window.Type, bounds ...window.Bound) window.Spec {
		s := base
		if s.Type = k; bounds != nil {
			s.Bounds = bounds
		}
		return s
	}
	temporal := with(window.Temporal)
	temporal.Bounds = nil
	ordered := temporal
	ordered.Type = window.TemporalOrdered
	return []window.Spec{
		with(window.EventCount), with(window.EventCount, window.Bound{Op: "lt", Value: 3}), with(window.ValueCount), temporal, ordered,
		with(window.ValueSum, window.Bound{Op: "gte", Value: 1e12}), with(window.ValueAvg),
		{ID: "s", Type: window.NewTerms, Within: 14 * 24 * time.Hour, Lateness: time.Minute}, {ID: "s", Type: window.Absence, Within: time.Hour},
		{ID: "s", Type: window.Risk, AtLeast: 1e9, HalfLife: time.Hour},
	}
}

// BenchmarkApply is one event, in groups that are there and have seen some.
func BenchmarkApply(b *testing.B) {
	for i, spec := range benchSpecs() {
		b.Run(fmt.Sprintf("%s-%d", spec.Type, i), func(b *testing.B) {
			const groups = 1000
			table := newTable(b, spec)
			events := make([]window.Event, groups)
			for g := range events {
				events[g] = window.Event{Rule: "a", Host: fmt.Sprint("host", g%50), Group: []string{fmt.Sprint("host", g%50), fmt.Sprint("user", g)},
					Number: 1, HasNumber: true, Values: []string{"/usr/bin/id"}, Fact: "01JGFJJZ00ZZZZZZZZZZZZZZZZ"}
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				e := &events[n%groups]
				e.Time = noon.Add(time.Duration(n) * 5 * time.Millisecond) // 12 a minute and group
				e.Received = e.Time
				table.Apply("s", *e)
				n++
			}
		})
	}
}

// BenchmarkNewGroup is an event that opens a group, and from the ten thousandth
// on makes another one go.
func BenchmarkNewGroup(b *testing.B) {
	for i, spec := range benchSpecs() {
		b.Run(fmt.Sprintf("%s-%d", spec.Type, i), func(b *testing.B) {
			table := newTable(b, spec)
			e := window.Event{Rule: "a", Host: "host", Group: []string{"host", ""}, Number: 1, HasNumber: true, Values: []string{"/usr/bin/id"}, Fact: "01JGFJJZ00ZZZZZZZZZZZZZZZZ"}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				e.Group[1] = strconv.Itoa(n)
				e.Time = noon.Add(time.Duration(n) * time.Microsecond)
				e.Received = e.Time
				table.Apply("s", e)
				n++
			}
		})
	}
}
