package fuzz

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/window"
)

// windowSpecs are one spec for each way to keep state.
func windowSpecs() []window.Spec {
	up, low := []window.Bound{{Op: "gte", Value: 3}}, []window.Bound{{Op: "lt", Value: 3}}
	specs := []window.Spec{{Type: window.NewTerms, Within: time.Hour}, {Type: window.Absence, Within: time.Hour}, {Type: window.Risk, AtLeast: 100, HalfLife: time.Hour}}
	for _, s := range []window.Spec{
		{Type: window.EventCount, Bounds: up}, {Type: window.EventCount, Bounds: low}, {Type: window.ValueCount, Bounds: up}, {Type: window.ValueCount, Bounds: low},
		{Type: window.Temporal}, {Type: window.Temporal, Bounds: low}, {Type: window.TemporalOrdered}, {Type: window.ValueSum, Bounds: up},
		{Type: window.ValueSum, Bounds: low}, {Type: window.ValueAvg, Bounds: up}, {Type: window.ValuePercentile, Bounds: up, Percentile: 50},
	} {
		s.Rules, s.Timespan, s.Lateness = []string{"a", "b", "c"}, time.Minute, time.Minute/2
		specs = append(specs, s)
	}
	for i := range specs {
		specs[i].ID = fmt.Sprint(specs[i].Type, "-", i)
	}
	return specs
}

func windowEvent(n int, at time.Time) window.Event {
	return window.Event{Rule: string(rune('a' + n%3)), Host: "h", Group: []string{"h", "root"}, Values: []string{fmt.Sprint(n % 4)},
		Number: float64(1 + n%7), HasNumber: true, Fact: fmt.Sprint("f", n), Time: at, Received: at}
}

// FuzzWindowRecords gives Restore the input as the record of a group of each
// kind, or as what follows its version. What is not understood leaves nothing behind. What is restored writes
// itself in the same bytes, takes little memory, and goes on: events and time
// bring no panic, and a table restored anew from what has changed does the same
// as one that went on.
func FuzzWindowRecords(f *testing.F) {
	specs := windowSpecs()
	key := seedRecords(f, specs)
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		spec := specs[int(which)%len(specs)]
		if which < 128 {
			data = append(recordHead(spec), data...) // get past the version
		}
		table := restoreOne(t, spec, key, data)
		stats := table.Stats()[0]
		if stats.Restored == 0 {
			if stats.Groups != 0 || stats.Bytes != 0 || stats.Undecodable+stats.Outdated == 0 && data != nil {
				t.Fatalf("a record that was refused: %+v", stats)
			}
			return
		}
		if limit := int64(4096 + 64*len(data)); stats.Bytes > limit {
			t.Errorf("%d bytes of record take %d", len(data), stats.Bytes)
		}
		goOn(t, spec, key, table, data)
	})
}

// recordHead is what every record of a spec begins with: the format, and the
// version of the spec.
func recordHead(s window.Spec) []byte {
	version, err := hex.DecodeString(s.Version())
	if err != nil {
		panic(err)
	}
	return append([]byte{1}, version...)
}

func restoreOne(t testing.TB, spec window.Spec, key, data []byte) *window.Table {
	table, err := window.NewTable([]window.Spec{spec})
	if err != nil {
		t.Fatal(err)
	}
	table.Restore([]window.Record{{Spec: spec.ID, Key: key, Data: data}})
	return table
}

// goOn drives a table and, step by step, one that is restored from its records.
func goOn(t *testing.T, spec window.Spec, key []byte, table *window.Table, data []byte) {
	resized := spec
	resized.MaxGroups = 7 // moves every group, and changes nothing else
	again := restoreOne(t, spec, key, data)
	if err := again.Reload([]window.Spec{resized}); err != nil {
		t.Fatal(err)
	}
	for n := range 8 {
		at := sent.Add(time.Duration(n) * 7 * time.Second)
		first, second := table.Apply(spec.ID, windowEvent(n, at)), again.Apply(spec.ID, windowEvent(n, at))
		first, second = append(first, table.Advance(at)...), append(second, again.Advance(at)...)
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatalf("event %d: %s", n, diff)
		}
		one, two := table.Changes(), again.Changes()
		if diff := cmp.Diff(one, two); diff != "" {
			t.Fatalf("records after event %d: %s", n, diff)
		}
		for _, rec := range one {
			if rec.Data == nil {
				continue
			}
			if again = restoreOne(t, spec, rec.Key, rec.Data); again.Stats()[0].Restored != 1 {
				t.Fatalf("what the table wrote is not restored: %x", rec.Data)
			}
		}
	}
}

// seedRecords adds the records of short streams, and returns the key of their group.
func seedRecords(f *testing.F, specs []window.Spec) (key []byte) {
	for i, spec := range specs {
		table, err := window.NewTable([]window.Spec{spec})
		if err != nil {
			f.Fatal(err)
		}
		for n := range 12 {
			table.Apply(spec.ID, windowEvent(n, sent.Add(time.Duration(n)*5*time.Second)))
			for _, rec := range table.Changes() {
				if rec.Data != nil {
					key = rec.Key
					f.Add(uint8(i), rec.Data[len(recordHead(spec)):])
					f.Add(uint8(i+len(specs)*(128/len(specs)+1)), rec.Data)
				}
			}
		}
	}
	f.Add(uint8(0), bytes.Repeat([]byte{1}, 100))
	return key
}
