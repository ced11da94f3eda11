package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"picket.internal/api"
	"picket.internal/client"
	"picket.internal/fact"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/send"
	"picket.internal/wire"
)

const killHosts = 20

// kills is how often the hub is killed: 50 times at full length.
func kills() int {
	if os.Getenv("PICKET_SOAK") == "1" {
		return 50
	}
	return 20
}

// TestThreat_H1_KilledHubKeepsWhatItAcknowledged kills the hub in the middle of
// ingest again and again. A sender lets go of a fact only when the hub has
// acknowledged it; so once every queue is empty, each fact must be there, and
// each must be there once.
func TestThreat_H1_KilledHubKeepsWhatItAcknowledged(t *testing.T) {
	hub := newHub(t)
	token := hub.token(killHosts)
	queues, stopSenders := startSenders(t, hub, enrollAll(t, hub, token))

	ctx, stopEmitting := context.WithCancel(t.Context())
	emitted := make([]int, killHosts)
	emitters, ctx := errgroup.WithContext(ctx)
	for i, q := range queues {
		emitters.Go(func() error { emitted[i] = emit(ctx, i, q); return nil })
	}
	for range kills() {
		awaitProgress(t, hub, 40)
		hub.proc.kill()
		hub.start()
	}
	stopEmitting()
	emitters.Wait()
	awaitEmpty(t, queues)
	stopSenders()

	for i, q := range queues {
		if dropped := q.Stats().Dropped; dropped != 0 {
			t.Errorf("host %d dropped %d facts in its queue; the test means to lose none", i, dropped)
		}
	}
	checkStored(t, hub, emitted)
	hub.proc.stop(t)
	hub.check()
}

func enrollAll(t *testing.T, hub *rig, token *wire.Token) []*send.Identity {
	ids := make([]*send.Identity, killHosts)
	for i := range ids {
		ids[i] = hub.enroll(token, i)
	}
	return ids
}

// startSenders runs one real sender a host.
func startSenders(t *testing.T, hub *rig, ids []*send.Identity) ([]*send.Queue, func()) {
	ctx, cancel := context.WithCancel(t.Context())
	senders, ctx := errgroup.WithContext(ctx)
	queues := make([]*send.Queue, len(ids))
	for i, id := range ids {
		queues[i] = send.NewQueue(id.Host, send.Limits{Facts: 1 << 17, Bytes: 1 << 28})
		s, err := send.NewSender(send.Config{
			Identity: id, Queue: queues[i], Version: "test", Logger: eventlog.New(t.Output(), eventlog.LevelInfo),
			FlushAfter: 5 * time.Millisecond, RetryMin: 5 * time.Millisecond, RetryMax: 100 * time.Millisecond, RetryRefused: 100 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		senders.Go(func() error { return s.Run(ctx) })
	}
	return queues, func() {
		cancel()
		if err := senders.Wait(); err != nil {
			t.Errorf("a sender ended with %v", err)
		}
	}
}

// emit queues numbered facts until ctx ends and returns how many. It waits while
// the hub is behind, so that a slow machine does not make a larger test.
func emit(ctx context.Context, host int, q *send.Queue) int {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return n
		case <-tick.C:
		}
		if q.Stats().Facts > 20 {
			continue
		}
		for range 1 + rand.IntN(8) {
			q.Emit(&fact.Fact{Time: time.Now().UTC(), Kind: fact.KindProcess, Process: &fact.Process{
				Action: fact.ProcessStart, PID: int64(n + 1), Executable: fmt.Sprintf("/usr/bin/host%02d", host)}})
			n++
		}
	}
}

// awaitProgress returns when the hub has stored n facts more, so that each kill
// falls into ingest.
func awaitProgress(t *testing.T, hub *rig, n int64) {
	t.Helper()
	c := hub.client()
	defer c.Close()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for first := storedFacts(t, c); storedFacts(t, c) < first+n; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("the hub stored too little within 30 s\n%s", hub.proc.log)
		}
	}
}

func storedFacts(t *testing.T, c *client.Client) int64 {
	t.Helper()
	sum := int64(0)
	for h, err := range c.Hosts(t.Context()) {
		if err != nil {
			t.Fatalf("listing hosts: %v", err)
		}
		sum += h.Facts
	}
	return sum
}

func awaitEmpty(t *testing.T, queues []*send.Queue) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i, q := range queues {
		for q.Stats().Facts > 0 {
			if time.Now().After(deadline) {
				t.Fatalf("host %d still has %d facts that the hub has not taken", i, q.Stats().Facts)
			}
			<-tick.C
		}
	}
}

// checkStored asks the hub for every fact and counts each number of each host.
func checkStored(t *testing.T, hub *rig, emitted []int) {
	t.Helper()
	seen := make(map[string]map[int64]int)
	total := 0
	for stored, err := range hub.client().Facts(t.Context(), api.FactQuery{Kind: string(fact.KindProcess)}) {
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Process struct {
				PID        int64
				Executable string
			}
		}
		if err := json.Unmarshal(stored.Fact, &f); err != nil {
			t.Fatal(err)
		}
		if seen[f.Process.Executable] == nil {
			seen[f.Process.Executable] = make(map[int64]int)
		}
		seen[f.Process.Executable][f.Process.PID]++
		total++
	}
	for host, n := range emitted {
		of := seen[fmt.Sprintf("/usr/bin/host%02d", host)]
		lost, doubled := 0, 0
		for pid := int64(1); pid <= int64(n); pid++ {
			switch of[pid] {
			case 0:
				lost++
			case 1:
			default:
				doubled++
			}
		}
		if lost+doubled > 0 || len(of) != n {
			t.Errorf("host %d: of %d acknowledged facts %d are lost and %d stored twice; %d different ones are stored", host, n, lost, doubled, len(of))
		}
	}
	t.Logf("%d facts of %d hosts, %d kills: each there once", total, len(emitted), kills())
}
