package store_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/store"
)

func TestJudge(t *testing.T) {
	a, b, c := store.Digest{1}, store.Digest{2}, store.Digest{3}
	zero := store.Digest{}
	none := store.NewChain(false, 0, zero, nil, nil, nil)
	at5 := store.NewChain(true, 5, a, nil, nil, nil)
	for _, tt := range []struct {
		name         string
		chain        store.Chain
		seq          uint64
		prev, digest store.Digest
		want         string
	}{
		{"first of a session", none, 1, zero, a, "accepted"},
		{"first with a predecessor", none, 1, b, a, "forked"},
		{"session that begins later", none, 3, b, a, "gap"},
		{"the next one", at5, 6, a, b, "accepted"},
		{"next one after another predecessor", at5, 6, b, c, "forked"},
		{"one left out", at5, 7, b, c, "gap"},
		{"the same again", store.NewChain(true, 5, a, &b, nil, nil), 4, c, b, "duplicate"},
		{"another with the same number", store.NewChain(true, 5, a, &b, nil, nil), 4, c, a, "forked"},
		{"one that was missing", store.NewChain(true, 5, a, nil, nil, nil), 3, b, c, "late"},
		{"one that was missing, between both neighbours", store.NewChain(true, 5, a, nil, &b, &c), 3, b, c, "late"},
		{"missing one that does not follow the one before", store.NewChain(true, 5, a, nil, &a, nil), 3, b, c, "forked"},
		{"missing one that the one after does not name", store.NewChain(true, 5, a, nil, nil, &b), 3, b, c, "forked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.chain.Judge(tt.seq, tt.prev, tt.digest); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestThreat_T5_ReplayGapForkAtTheStore(t *testing.T) {
	b := newBench(t)
	h := b.enroll("web1")
	var batches []*store.Batch
	for range 7 {
		batch := h.seal(h.facts.Facts(3)...)
		batches = append(batches, batch)
		if _, err := h.append(batch); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := h.append(batches[2]); err != nil || !out.Duplicate || out.Batch != 0 {
		t.Errorf("replay of batch 3: %+v, %v; want a duplicate", out, err)
	}
	h.seal(h.facts.Fact()) // 8 never arrives
	nine := h.seal(h.facts.Fact())
	if out, err := h.append(nine); err != nil || out.Gap != 1 {
		t.Errorf("batch 9 after 7: %+v, %v; want a gap of 1", out, err)
	}
	other, _ := h.sealAs(h.session, 9, strings.Repeat("ab", 32), h.facts.Fact())
	if _, err := h.append(other); !errors.Is(err, fault.BatchFork) {
		t.Errorf("another batch 9: %v, want %v", err, fault.BatchFork)
	}
	if _, err := h.append(other); !errors.Is(err, fault.BatchFork) {
		t.Errorf("another batch 9 again: %v, want %v", err, fault.BatchFork)
	}
	hosts, err := b.Hosts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if hosts[0].State != api.HostSuspect || hosts[0].Facts != 7*3+1 {
		t.Errorf("host is %s with %d facts, want suspect with 22", hosts[0].State, hosts[0].Facts)
	}
	notices := b.noticed(fact.KindFleet)
	if diff := cmp.Diff([]string{"enrolled", "gap", "fork"}, actions(notices)); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
	if gap := notices[1].Fleet; gap.FirstSeq != 8 || gap.LastSeq != 8 || gap.Session != h.session {
		t.Errorf("gap is %+v, want 8..8", gap)
	}
	h.send(h.facts.Fact()) // goes on, suspect or not
}

func TestBatchThatFillsAGap(t *testing.T) {
	b := newBench(t)
	h := b.enroll("web1")
	h.send(h.facts.Fact())
	two := h.seal(h.facts.Fact())
	h.send(h.facts.Fact())
	if out, err := h.append(two); err != nil || !out.Late || out.Batch == 0 {
		t.Errorf("batch 2 after 3: %+v, %v; want it stored as late", out, err)
	}
	h.send(h.facts.Fact())
}

func TestThreat_T6_ClonedIdentityAtTheStore(t *testing.T) {
	b := newBench(t)
	one := b.enroll("web1")
	two := *one // a copy of the machine, key included
	two.restart()
	one.send(one.facts.Fact())
	two.sent = one.sent
	two.send(two.facts.Fact())
	one.sent = two.sent
	one.send(one.facts.Fact())
	if diff := cmp.Diff([]string{"enrolled", "cloned"}, actions(b.noticed(fact.KindFleet))); diff != "" {
		t.Errorf("notices within two batches (-want +got):\n%s", diff)
	}
	for range 5 { // both keep being recorded, and it is not said again and again
		two.sent = one.sent
		two.send(two.facts.Fact())
		one.sent = two.sent
		one.send(one.facts.Fact())
	}
	if diff := cmp.Diff([]string{"enrolled", "cloned", "cloned"}, actions(b.noticed(fact.KindFleet))); diff != "" {
		t.Errorf("notices, once a session (-want +got):\n%s", diff)
	}
}

func TestRestartedSensorIsNoClone(t *testing.T) {
	b := newBench(t)
	h := b.enroll("web1")
	h.send(h.facts.Fact())
	stale := h.seal(h.facts.Fact()) // still on its way when the sensor restarts
	h.restart()
	h.send(h.facts.Fact())
	if _, err := h.append(stale); err != nil {
		t.Fatal(err)
	}
	h.send(h.facts.Fact())
	if diff := cmp.Diff([]string{"enrolled"}, actions(b.noticed(fact.KindFleet))); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}

func TestFailedSubmissionLeavesItsNeighbours(t *testing.T) {
	b := newBench(t)
	good, bad := b.enroll("web1"), b.enroll("web2")
	if err := b.SetHostState(t.Context(), bad.id, api.HostDisabled); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	failed := make([]error, 20)
	goodBatches, badBatches := make([]*store.Batch, 20), make([]*store.Batch, 20)
	for i := range goodBatches {
		goodBatches[i], badBatches[i] = good.seal(good.facts.Fact()), bad.seal(bad.facts.Fact())
	}
	wg.Go(func() {
		for i, batch := range goodBatches {
			_, failed[i] = good.append(batch)
		}
	})
	for _, batch := range badBatches {
		wg.Go(func() {
			if _, err := bad.append(batch); !errors.Is(err, fault.HostDisabled) {
				t.Errorf("disabled host: %v", err)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(failed...); err != nil {
		t.Error(err)
	}
	hosts, err := b.Hosts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if hosts[0].Facts != 20 || hosts[1].Facts != 0 {
		t.Errorf("stored %d and %d facts, want 20 and 0", hosts[0].Facts, hosts[1].Facts)
	}
}

func TestSensorHashIsPinned(t *testing.T) {
	b := newBench(t)
	h := b.enroll("web1")
	hash := func(c string) *fact.Hash { return &fact.Hash{SHA256: strings.Repeat(c, 64)} }
	beat := func(disk, running *fact.Hash, problem string) {
		f := h.facts.Fact()
		*f = fact.Fact{ID: f.ID, Time: f.Time, Kind: fact.KindBinary, Host: f.Host, Seq: f.Seq,
			Binary: &fact.Binary{Action: fact.BinaryHeartbeat, Path: "/usr/bin/picket-sensor", Hash: disk, Error: problem}}
		if running != nil {
			f.Binary.Running = &fact.Running{Hash: running}
		}
		h.send(f)
	}
	for _, step := range []struct {
		disk, running *fact.Hash
		problem       string
	}{
		{hash("a"), hash("a"), ""}, {hash("a"), hash("a"), ""},
		{hash("b"), hash("a"), ""}, {hash("b"), hash("a"), ""},
		{nil, hash("a"), "permission denied"}, {nil, hash("a"), "permission denied"},
		{hash("a"), hash("a"), ""},
		{hash("a"), hash("c"), ""},
	} {
		beat(step.disk, step.running, step.problem)
	}
	type finding struct{ Action, Subject, Expected, Observed, Error string }
	var got []finding
	for _, f := range b.noticed(fact.KindIntegrity) {
		i := f.Integrity
		g := finding{Action: i.Action, Subject: i.Subject, Expected: i.Expected.SHA256[:1], Error: i.Error}
		if i.Observed != nil {
			g.Observed = i.Observed.SHA256[:1]
		}
		if f.Host.ID != h.id {
			t.Errorf("finding about host %q, want %q", f.Host.ID, h.id)
		}
		got = append(got, g)
	}
	want := []finding{
		{"mismatch", "disk", "a", "b", ""},
		{"mismatch", "disk", "a", "", "permission denied"},
		{"restored", "disk", "a", "a", ""},
		{"mismatch", "running", "a", "c", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	b.reopen()
	beat(hash("a"), hash("c"), "")
	if n := len(b.noticed(fact.KindIntegrity)); n != len(want) {
		t.Errorf("%d findings after a restart, want no new one", n)
	}
}

func TestClockOfTheHostSteppingBack(t *testing.T) {
	b := newBench(t)
	h := b.enroll("web1")
	later, earlier := b.clock.Now().Add(time.Hour), b.clock.Now().Add(-time.Hour)
	for _, at := range []time.Time{later, earlier} {
		f := h.at(at)
		*f = fact.Fact{ID: f.ID, Time: f.Time, Kind: fact.KindCanary, Host: f.Host, Canary: &fact.Canary{Action: fact.CanaryRead}}
		h.send(f)
	}
	facts, err := b.Facts(t.Context(), api.FactQuery{HostID: h.id, Kind: string(fact.KindCanary)})
	if err != nil || len(facts) != 2 {
		t.Fatalf("%d facts, %v", len(facts), err)
	}
	if !facts[1].Received.Equal(b.clock.Now()) || !strings.Contains(string(facts[1].Fact), earlier.Format("2006-01-02T15:04:05")) {
		t.Errorf("fact received %s: %s; want both times kept", facts[1].Received, facts[1].Fact)
	}
}

func TestCloseAnswersEveryone(t *testing.T) {
	b := newBench(t)
	h := b.enroll("web1")
	results := make(chan error, 50)
	batches := make([]*store.Batch, cap(results))
	for i := range batches {
		batches[i] = h.seal(h.facts.Fact())
	}
	for _, batch := range batches {
		go func() {
			_, err := h.append(batch)
			results <- err
		}()
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	for range batches {
		err := <-results
		if err != nil && !errors.Is(err, fault.StoreClosed) && !errors.Is(err, fault.BatchFork) {
			t.Errorf("append while closing: %v", err)
		}
	}
	if _, err := h.append(batches[0]); !errors.Is(err, fault.StoreClosed) {
		t.Errorf("append after closing: %v", err)
	}
}

// TestHostCannotMakeTheHubSayTooMuch: what hosts put into the hub's own log is
// bounded, and costs no neighbour its batch.
func TestHostCannotMakeTheHubSayTooMuch(t *testing.T) {
	b := newBench(t)
	loud, quiet := b.enroll("loud"), b.enroll("quiet")
	var beats []*fact.Fact
	for i := range 180 {
		f := loud.facts.Fact()
		beats = append(beats, &fact.Fact{ID: f.ID, Time: f.Time, Kind: fact.KindBinary, Host: f.Host, Binary: &fact.Binary{Action: fact.BinaryHeartbeat,
			Path: strings.Repeat("é", 6000), Hash: &fact.Hash{SHA256: strings.Repeat(string(rune('a'+i%6)), 64)}}})
	}
	for i := range 3 {
		if _, err := loud.append(loud.seal(beats[i*60 : i*60+60]...)); err != nil {
			t.Fatal(err)
		}
		quiet.send(quiet.facts.Fact())
	}
	if n := len(b.noticed(fact.KindIntegrity)); n == 0 || n > 3*20 {
		t.Errorf("%d findings of 180 heartbeats", n)
	}
	if report := check(t, b); len(report.Faults) != 0 {
		t.Errorf("faults: %+v", report.Faults)
	}
}
