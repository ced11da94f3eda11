package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/api"
	"picket.internal/fact"
)

// replay reads a stretch whole.
func (b *bench) replay(q api.ReplayQuery) (batches []api.LogBatch, begun int64, end api.ReplayEvent) {
	b.t.Helper()
	end, err := b.Replay(b.t.Context(), q, func(n int64) error { begun = n; return nil }, func(lb *api.LogBatch) error {
		batches = append(batches, *lb)
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return batches, begun, end
}

// factIDs are the facts of batches, as one word a batch.
func factIDs(t *testing.T, batches []api.LogBatch) []string {
	t.Helper()
	out := []string{}
	for _, lb := range batches {
		var ids []string
		for _, raw := range lb.Facts {
			f, _, err := fact.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, f.ID)
		}
		out = append(out, strings.Join(ids, " "))
	}
	return out
}

// A stretch is cut by the hub's clock, given out in the order of storing
// whatever the facts' own times are, and can be gone on with.
func TestReplay(t *testing.T) {
	b := newBench(t)
	h, other := b.enroll("a"), b.enroll("b")
	start := b.clock.Now()
	var want []string
	for i := range 20 {
		b.clock.Add(time.Minute)
		sender := h
		if i%3 == 0 {
			sender = other
		}
		// The host's clock goes backwards: the order of the log is another one.
		f, g := sender.at(start.Add(-time.Duration(i)*time.Hour)), sender.at(start)
		f.Kind, g.Kind = fact.KindCanary, fact.KindMetric
		f.Process, f.Canary, f.Metric, g.Process, g.Metric = nil, &fact.Canary{Action: fact.CanaryRead}, nil, nil, &fact.Metric{}
		sender.send(f, g)
		want = append(want, f.ID+" "+g.ID)
	}
	b.clock.Add(time.Minute)
	b.DropMemory()
	all, begun, end := b.replay(api.ReplayQuery{Since: start.Add(time.Minute)})
	if diff := cmp.Diff(want, factIDs(t, all)); diff != "" || begun != 20 || end.Batches != 20 || end.Facts != 40 {
		t.Errorf("%d begun, end %+v, -want +got\n%s", begun, end, diff)
	}
	if all[3].Received != start.Add(4*time.Minute) || all[0].Host != other.id || all[0].Batch.Seq != 1 || all[0].Batch.Session != other.session {
		t.Errorf("a batch says %+v", all[3])
	}
	for _, tc := range []struct {
		name string
		q    api.ReplayQuery
		want []string
	}{
		{"between", api.ReplayQuery{Since: start.Add(5 * time.Minute), Until: start.Add(8 * time.Minute)}, want[4:7]},
		{"from within a minute", api.ReplayQuery{Since: start.Add(19*time.Minute + time.Second)}, want[19:]},
		{"after the newest", api.ReplayQuery{Since: start.Add(time.Hour)}, want[:0]},
		{"gone on with", api.ReplayQuery{Since: start.Add(time.Minute), After: all[16].Cursor}, want[17:]},
		{"gone on with before the stretch", api.ReplayQuery{Since: start.Add(19 * time.Minute), After: all[2].Cursor}, want[18:]},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, begun, _ := b.replay(tc.q)
			if diff := cmp.Diff(tc.want, factIDs(t, got)); diff != "" || begun != int64(len(tc.want)) {
				t.Errorf("%d begun, -want +got\n%s", begun, diff)
			}
		})
	}
	canaries, _, end := b.replay(api.ReplayQuery{Since: start.Add(time.Minute), Kinds: []string{"canary", "novel"}})
	if len(canaries) != 20 || end.Facts != 20 || len(canaries[0].Facts) != 1 {
		t.Errorf("of one kind: %d batches, %+v", len(canaries), end)
	}
}

// What does not verify is left out and counted, and the rest is still there.
func TestReplayLeavesOutWhatDoesNotVerify(t *testing.T) {
	b := newBench(t)
	h := b.enroll("a")
	for range 5 {
		h.send(h.facts.Facts(3)...)
	}
	whole, _, _ := b.replay(api.ReplayQuery{})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	tamper(t, b.path, `UPDATE batches SET sig = zeroblob(64) WHERE n = (SELECT max(n) FROM batches) - 2`)
	b.open()
	got, _, end := b.replay(api.ReplayQuery{})
	if end.Unreadable != 1 || len(got) != len(whole)-1 || end.Batches != int64(len(whole)) {
		t.Errorf("%d of %d batches, %+v", len(got), len(whole), end)
	}
}

// A replay ends with its context, and where its reader wants no more.
func TestReplayEnds(t *testing.T) {
	b := newBench(t)
	h := b.enroll("a")
	for range 10 {
		h.send(h.facts.Facts(2)...)
	}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read := func(give func(*api.LogBatch) error) (api.ReplayEvent, error) {
		return b.Replay(ctx, api.ReplayQuery{}, func(int64) error { return nil }, give)
	}
	if end, err := read(func(*api.LogBatch) error { return enough }); !errors.Is(err, enough) || end.Batches != 1 {
		t.Errorf("the reader wants no more: %v after %d batches", err, end.Batches)
	}
	if end, err := read(func(*api.LogBatch) error { cancel(); return nil }); !errors.Is(err, context.Canceled) || end.Batches != 1 {
		t.Errorf("the asker leaves: %v after %d batches", err, end.Batches)
	}
}
