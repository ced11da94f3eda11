package local_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
	"picket.internal/local"
)

func said(s fact.Sensor) *fact.Fact { return &fact.Fact{Kind: fact.KindSensor, Sensor: &s} }

func beat(canaries, processes int64) *fact.Fact {
	return said(fact.Sensor{Action: fact.SensorHeartbeat, Watching: &fact.Watching{Canaries: canaries, Processes: processes}})
}

func hears(sources ...string) *fact.Fact {
	return said(fact.Sensor{Action: fact.SensorHeartbeat, Watching: &fact.Watching{Sources: sources}})
}

func TestReadyOnlyWhenAllIsWatched(t *testing.T) {
	for _, tc := range []struct {
		name  string
		facts []*fact.Fact
		want  bool
	}{
		{"nothing yet", []*fact.Fact{said(fact.Sensor{Action: fact.SensorStart})}, false},
		{"the first heartbeat", []*fact.Fact{beat(0, 0)}, false},
		{"a canary is missing", []*fact.Fact{beat(2, 100)}, false},
		{"in the middle of the first scan", []*fact.Fact{beat(3, 1)}, false},
		{"some processes came meanwhile", []*fact.Fact{beat(3, 90)}, true},
		{"some processes went", []*fact.Fact{beat(3, 130)}, true},
		{"after all", []*fact.Fact{beat(0, 0), beat(3, 1), beat(3, 100)}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, _, _ := local.Heard(100, tc.facts...); got != tc.want {
				t.Errorf("ready is %v, want %v", got, tc.want)
			}
		})
	}
}

func TestLimitsAreTheSensorsOwnWords(t *testing.T) {
	blind := said(fact.Sensor{Action: fact.SensorDegraded, Source: "process", Reason: "9 of 10 may not be read", Seen: 1, Unreadable: 9})
	sees := said(fact.Sensor{Action: fact.SensorDegraded, Source: "process", Reason: "every process can be read", Seen: 10})
	const always = "programs that end within a second may be missed"
	for _, tc := range []struct {
		name  string
		facts []*fact.Fact
		want  map[string]string
	}{
		{"silent", nil, map[string]string{"scan": always, "process": "programs of other users are not hashed (not root)"}},
		{"told", []*fact.Fact{blind}, map[string]string{"scan": always, "process": "9 of 10 may not be read"}},
		{"the kernel tells", []*fact.Fact{blind, hears("scan", "connector")}, map[string]string{"process": "9 of 10 may not be read"}},
		{"the kernel tells no more", []*fact.Fact{hears("scan", "connector"), hears("scan"), sees}, map[string]string{"scan": always}},
		{"told, and mended", []*fact.Fact{blind, sees}, map[string]string{"scan": always}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, got := local.Heard(100, tc.facts...)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("limits (-want +got):\n%s", diff)
			}
		})
	}
}
