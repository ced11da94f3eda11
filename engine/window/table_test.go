package window_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/window"
)

func TestCheck(t *testing.T) {
	good := window.Spec{ID: "s", Type: window.EventCount, Rules: two, Timespan: ten, Bounds: gte3}
	for _, tt := range []struct {
		change func(*window.Spec)
		want   string
	}{
		{func(s *window.Spec) {}, ""},
		{func(s *window.Spec) { s.ID = "" }, `malformed spec id "": must have 1 to 1,024 bytes`},
		{func(s *window.Spec) { s.Type = "median" }, `malformed type "median"`},
		{func(s *window.Spec) { s.Rules = nil }, `malformed rules: event_count reads at least one rule`},
		{func(s *window.Spec) { s.Rules = []string{"a", "b", "a"} }, `malformed rules: "a" is named twice`},
		{func(s *window.Spec) { s.Rules = make([]string, 300) }, `malformed rules: 300 rules, at most 256 are possible`},
		{func(s *window.Spec) { s.Timespan = 0 }, `malformed timespan 0s: must be over 0 and at most 8784h0m0s`},
		{func(s *window.Spec) { s.Lateness = time.Minute }, `malformed lateness 1m0s: must not be over the timespan, 10s`},
		{func(s *window.Spec) { s.Lateness = -1 }, `malformed lateness -1ns: must be between 0 and 8784h0m0s`},
		{func(s *window.Spec) { s.MaxGroups = 2_000_000 }, `malformed max_groups 2000000: must be at most 1000000`},
		{func(s *window.Spec) { s.MaxBytes = -1 }, `malformed max_bytes -1: must be at most 4294967296`},
		{func(s *window.Spec) { s.Bounds = nil }, `malformed condition: event_count needs one`},
		{func(s *window.Spec) { s.Bounds = []window.Bound{{Op: "ge", Value: 1}} }, `malformed condition "ge": must be gt, gte, lt, lte, eq or neq`},
		{func(s *window.Spec) { s.Bounds = append(gte3, gte3...) }, `malformed condition: gte is there twice`},
		{func(s *window.Spec) { s.Bounds = []window.Bound{{Op: "gte", Value: math.NaN()}} }, `malformed condition gte: NaN is no number to compare with`},
		{func(s *window.Spec) { s.Bounds = []window.Bound{{Op: "gte", Value: 1e9}} }, `malformed condition gte: 1e+09: at most 100000 is possible`},
		{func(s *window.Spec) { s.Bounds = []window.Bound{{Op: "lt", Value: 1}} }, `malformed condition: nothing can meet it`},
		{func(s *window.Spec) { s.Bounds = []window.Bound{{Op: "gt", Value: 5}, {Op: "lt", Value: 6}} }, `malformed condition: nothing can meet it`},
		{func(s *window.Spec) { s.Bounds = []window.Bound{{Op: "gt", Value: 5}, {Op: "lt", Value: 7}} }, ""},
		{func(s *window.Spec) {
			s.Type, s.Bounds = window.ValueSum, []window.Bound{{Op: "gt", Value: 5}, {Op: "lt", Value: 6}}
		}, ""},
		{func(s *window.Spec) {
			s.Type, s.Bounds = window.ValueSum, []window.Bound{{Op: "gte", Value: 7}, {Op: "lt", Value: 6}}
		}, `malformed condition: nothing can meet it`},
		{func(s *window.Spec) { s.Type, s.Bounds = window.Temporal, nil }, ""},
		{func(s *window.Spec) { s.Type = window.Temporal }, `malformed condition gte: 3: at most 2 is possible`},
		{func(s *window.Spec) { s.Type, s.Bounds = window.TemporalOrdered, []window.Bound{{Op: "gt", Value: 1}} }, ""},
		{func(s *window.Spec) { s.Type, s.Bounds = window.TemporalOrdered, []window.Bound{{Op: "gte", Value: 1}} },
			`malformed condition: temporal_ordered wants all of its 2 rules; leave the condition out, or say gte: 2`},
		{func(s *window.Spec) { s.Type = window.ValuePercentile }, `malformed percentile 0: must be over 0 and at most 100`},
		{func(s *window.Spec) { *s = window.Spec{ID: "s", Type: window.NewTerms} }, `malformed within 0s: must be over 0 and at most 8784h0m0s`},
		{func(s *window.Spec) { *s = window.Spec{ID: "s", Type: window.NewTerms, Within: 1, Learn: -1} }, `malformed learn -1ns: must be between 0 and 8784h0m0s`},
		{func(s *window.Spec) { *s = window.Spec{ID: "s", Type: window.Absence, Within: 1} }, ""},
		{func(s *window.Spec) { *s = window.Spec{ID: "s", Type: window.Risk, HalfLife: 1} }, `malformed at_least 0: must be over 0`},
		{func(s *window.Spec) { *s = window.Spec{ID: "s", Type: window.Risk, AtLeast: 1} }, `malformed half_life 0s: must be over 0 and at most 8784h0m0s`},
	} {
		s := good
		tt.change(&s)
		got := ""
		if err := s.Check(); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
	if err := newTable(t, good).Reload([]window.Spec{good, good}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("two specs of one id: %v", err)
	}
}

// The version follows what the state depends on, and nothing else.
func TestVersion(t *testing.T) {
	good := window.Spec{ID: "s", Type: window.EventCount, Rules: two, Timespan: ten, Bounds: gte3}
	for i, change := range []func(*window.Spec){
		func(s *window.Spec) { s.ID = "t" }, func(s *window.Spec) { s.Rules = three }, func(s *window.Spec) { s.Timespan++ },
		func(s *window.Spec) { s.Lateness++ }, func(s *window.Spec) { s.Bounds = nil }, func(s *window.Spec) { s.Meaning = "group-by: [user.name]" },
		func(s *window.Spec) { s.Type = window.ValueCount }, func(s *window.Spec) { s.Within++ }, func(s *window.Spec) { s.AtLeast++ },
	} {
		s := good
		if change(&s); s.Version() == good.Version() {
			t.Errorf("change %d changes no version", i)
		}
	}
	s := good
	if s.MaxGroups, s.MaxBytes = 5, 1<<20; s.Version() != good.Version() {
		t.Error("bounds change the version")
	}
}

func TestReloadInMidWindow(t *testing.T) {
	kept := window.Spec{ID: "kept", Type: window.EventCount, Rules: []string{"a"}, Timespan: time.Hour, Bounds: gte3}
	changed, removed, resized := kept, kept, kept
	changed.ID, removed.ID, resized.ID = "changed", "removed", "resized"
	table := newTable(t, kept, changed, removed, resized)
	disk := store{}
	all := []string{"kept", "changed", "removed", "resized"}
	for i := range 2 {
		for _, id := range all {
			for user := range 20 {
				table.Apply(id, attempt("h", fmt.Sprint(user), i))
			}
		}
		disk.save(table.Changes())
	}
	changed.Timespan = 2 * time.Hour
	resized.MaxGroups = 10_000
	if err := table.Reload([]window.Spec{resized, changed, kept}); err != nil {
		t.Fatal(err)
	}
	disk.save(table.Changes())
	if len(disk) != 40 {
		t.Errorf("%d records are stored, want those of two specs", len(disk))
	}
	for _, id := range all {
		fired := 0
		for user := range 20 {
			fired += len(table.Apply(id, attempt("h", fmt.Sprint(user), 3)))
		}
		if want := map[string]int{"kept": 20, "resized": 20}[id]; fired != want {
			t.Errorf("%s: %d fired, want %d", id, fired, want)
		}
	}
	if table.Unknown() != 20 {
		t.Errorf("%d events for no spec, want 20", table.Unknown())
	}
	resized.MaxGroups = 5
	bad := kept
	bad.Timespan = 0
	if err := table.Reload([]window.Spec{bad}); err == nil || len(table.Stats()) != 3 {
		t.Errorf("a bad spec: %v, %d specs", err, len(table.Stats()))
	}
	if err := table.Reload([]window.Spec{resized, kept}); err != nil {
		t.Fatal(err)
	}
	disk.save(table.Changes())
	if s := table.Stats()[1]; s.Groups != 5 || s.Evicted != 15 || len(disk) != 25 || s.Fired != 20 {
		t.Errorf("%d records, %+v", len(disk), s)
	}
}

func TestRestoreToleratesWhatItFinds(t *testing.T) {
	spec := window.Spec{ID: "s", Type: window.EventCount, Rules: two, Timespan: ten, Bounds: gte3}
	old := spec
	old.Meaning = "another condition"
	table, before := newTable(t, spec), newTable(t, old)
	for i := range 3 {
		table.Apply("s", attempt("h", fmt.Sprint(i), i))
		before.Apply("s", attempt("h", fmt.Sprint("old", i), i))
	}
	good, outdated := table.Changes(), before.Changes()
	broken := window.Record{Spec: "s", Key: []byte("0123456789abcdef"), Data: good[0].Data[:40]}
	records := append(append([]window.Record{broken, {Spec: "s", Key: []byte("short"), Data: good[0].Data}, {Spec: "gone", Key: good[0].Key, Data: good[0].Data},
		{Spec: "s", Key: good[1].Key, Data: []byte{}}, {Spec: "s", Key: []byte("forgotten"), Data: nil}}, good...), outdated...)
	fresh := newTable(t, spec)
	fresh.Restore(records)
	s := fresh.Stats()[0]
	if s.Restored != 3 || s.Undecodable != 3 || s.Outdated != 3 || fresh.Unknown() != 1 {
		t.Errorf("%+v", s)
	}
	disk := store{}
	disk.save(records)
	disk.save(fresh.Changes())
	want := store{}
	want.save(good)
	if diff := cmp.Diff(want, disk); diff != "" {
		t.Errorf("what is left in the store: %s", diff)
	}
}

// Whatever a record is changed to, it is refused or means what it says.
func TestEveryByteOfARecordCounts(t *testing.T) {
	spec := window.Spec{ID: "s", Type: window.TemporalOrdered, Rules: two, Timespan: ten, Lateness: ten}
	table := newTable(t, spec)
	for i := range 4 {
		e := attempt("h", "g", i)
		e.Rule = two[i%2]
		table.Apply("s", e)
	}
	rec := table.Changes()[0]
	for i := range rec.Data {
		for bit := range 8 {
			data := append([]byte(nil), rec.Data...)
			data[i] ^= 1 << bit
			fresh := newTable(t, spec)
			fresh.Restore([]window.Record{{Spec: "s", Key: rec.Key, Data: data}})
			s := fresh.Stats()[0]
			if s.Restored+s.Undecodable+s.Outdated != 1 {
				t.Fatalf("byte %d: %+v", i, s)
			}
			fresh.Apply("s", attempt("h", "g", 10))
		}
	}
}

// Events of many goroutines are all counted, whatever else goes on.
func TestConcurrentUse(t *testing.T) {
	const workers, events = 8, 3000
	specs := []window.Spec{bruteForce(10_000), {ID: "quiet", Type: window.Absence, Within: time.Hour}}
	table := newTable(t, specs...)
	var wg sync.WaitGroup
	var mu sync.Mutex
	fired := map[string]int{}
	for w := range workers {
		wg.Go(func() {
			for i := range events {
				for _, f := range table.Apply("s", attempt("h", fmt.Sprint(i%100), i)) {
					mu.Lock()
					fired[fmt.Sprint(f.Group, f.Continued)]++
					mu.Unlock()
				}
				table.Apply("quiet", attempt(fmt.Sprint("h", w), "", i))
				switch {
				case i%500 == 0:
					table.Changes()
				case i%701 == 0:
					table.Advance(noon)
				case i%1009 == 0:
					specs := []window.Spec{specs[0], specs[1]}
					specs[1].MaxGroups = 1000 + i
					if err := table.Reload(specs); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	for user := range 100 {
		group := fmt.Sprint([]string{"h", fmt.Sprint(user)})
		if one, more := fired[group+" false"], fired[group+" true"]; one != 1 || more != workers*events/100-10 {
			t.Errorf("%s fired %d times and continued %d times", group, one, more)
		}
	}
	stats := table.Stats()
	if stats[1].Events != workers*events || stats[1].Fired != 100 || stats[1].Continued != workers*events-100*10 {
		t.Errorf("%+v", stats[1])
	}
	if stats[0].Events != workers*events || stats[0].Groups != workers {
		t.Errorf("%+v", stats[0])
	}
}
