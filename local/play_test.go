package local_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/local"
)

func alertOf(t *testing.T, rule, executable string) *api.Alert {
	t.Helper()
	f := fact.Fact{ID: "01JCA0000000000000000000AA", Time: noon, Kind: fact.KindProcess, Host: fact.Host{ID: "h_aaaaaaaaaaaaaaaaaaaaaaaaaa"},
		Process: &fact.Process{Action: fact.ProcessStart, Executable: executable}}
	raw, err := f.Encode()
	must(t, err)
	return &api.Alert{Rule: api.Rule{ID: rule}, Facts: []jsontext.Value{raw}, Stored: noon}
}

func TestPlayMatchesAlertsToScenes(t *testing.T) {
	told, missing, err := local.Perform(t.Context(), 10*time.Second,
		local.Part{Rule: "process.shm", Path: "/dev/shm/x", Comes: []*api.Alert{
			alertOf(t, "process.shm", "/dev/shm/somebody-else"), // of the machine, not of the play
			alertOf(t, "process.shm", "/dev/shm/x"),
			alertOf(t, "process.shm", "/dev/shm/x"), // only the first counts
		}},
		local.Part{Rule: "process.memfd", Skip: "not here"},
		local.Part{Rule: "process.tmp", Path: "/tmp/x", Comes: []*api.Alert{alertOf(t, "process.tmp", "/tmp/x")}})
	must(t, err)
	want := []local.Outcome{{Rule: "process.shm", Seen: true}, {Rule: "process.memfd", Skipped: "not here"}, {Rule: "process.tmp", Seen: true}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if len(missing) != 0 {
		t.Errorf("missing %q, want none", missing)
	}
}

func TestPlayNamesWhatDidNotCome(t *testing.T) {
	late := alertOf(t, "process.shm", "/dev/shm/x")
	told, missing, err := local.Perform(t.Context(), 50*time.Millisecond,
		local.Part{Rule: "process.shm", Path: "/dev/shm/x"},
		local.Part{Rule: "canary.read", Path: "/c"},
		local.Part{Rule: "process.tmp", Path: "/tmp/x", Comes: []*api.Alert{late, alertOf(t, "process.tmp", "/tmp/x")}},
		local.Part{Rule: "sensor.silent", Path: "/s"})
	must(t, err)
	if diff := cmp.Diff([]string{"canary.read", "sensor.silent"}, missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	want := []local.Outcome{{Rule: "process.shm", Seen: true}, {Rule: "process.tmp", Seen: true}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestPlayEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := local.Perform(ctx, time.Minute, local.Part{Rule: "process.shm"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Perform: %v", err)
	}
}
