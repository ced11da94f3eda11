package send_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/send"
)

const boot = "0f0e0d0c-0b0a-0908-0706-050403020100"

func canary(id string) *fact.Fact {
	return &fact.Fact{Time: time.Now().UTC(), Kind: fact.KindCanary, Canary: &fact.Canary{Action: fact.CanaryRead, ID: id, Path: "/srv/" + id}}
}

func process(pid int64) *fact.Fact {
	return &fact.Fact{Time: time.Now().UTC(), Kind: fact.KindProcess, Process: &fact.Process{Action: fact.ProcessStart, PID: pid}}
}

// syncBuffer is a log that can be read while it is written.
type syncBuffer struct {
	changed chan struct{} // told, with room for one, of each line
	mu      sync.Mutex
	buf     bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.changed <- struct{}{}:
	default:
	}
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// running is a sender at work.
type running struct {
	queue *send.Queue
	log   *syncBuffer
	stop  func() // tells it to stop and waits until it has
}

// run starts a sender that is quick to try again.
func run(t *testing.T, id *send.Identity, change func(*send.Config)) *running {
	t.Helper()
	r := &running{queue: send.NewQueue(id.Host, send.Limits{}), log: &syncBuffer{changed: make(chan struct{}, 1)}}
	cfg := send.Config{
		Identity: id, Queue: r.queue, Version: "v0.0.0-test", Boot: boot,
		FlushAfter: 10 * time.Millisecond, RetryMin: time.Millisecond, RetryMax: 20 * time.Millisecond,
		RetryRefused: 10 * time.Millisecond, MaxRetryAfter: 20 * time.Millisecond, RequestTimeout: 10 * time.Second,
		Logger: eventlog.New(r.log, eventlog.LevelInfo),
	}
	if change != nil {
		change(&cfg)
	}
	r.queue = cfg.Queue
	s, err := send.NewSender(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the sender ended with %v", err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

func TestSenderDelivers(t *testing.T) {
	hub, id := newTestHub(t)
	hub.start()
	s := run(t, id, nil)
	for i := range 50 {
		s.queue.Emit(process(int64(i + 1)))
	}
	s.queue.Emit(canary("aws"))
	hub.await("51 facts", func() bool { return len(hub.facts) == 51 })
	for i := range hub.facts {
		if hub.facts[i].Seq != uint64(i+1) {
			t.Fatalf("fact %d has seq %d", i, hub.facts[i].Seq)
		}
	}
	if hub.last.Boot != boot || hub.last.Sensor.Version != "v0.0.0-test" {
		t.Errorf("the batch speaks of boot %q and sensor %+v", hub.last.Boot, hub.last.Sensor)
	}
	if hub.protos[0] != "HTTP/2.0" {
		t.Errorf("the batch came over %s", hub.protos[0])
	}
	s.stop()
	if left := s.queue.Stats(); left.Facts != 0 || left.Dropped != 0 {
		t.Errorf("after all was acknowledged the queue holds %+v", left)
	}
}

// TestSenderSurvivesFaults: whatever the hub does, the facts are stored once,
// and what it refuses for good is counted and told.
func TestSenderSurvivesFaults(t *testing.T) {
	tests := []struct {
		name   string
		faults []fault
		id     string // the error id in the log
		lost   int    // facts that end in a loss instead
		resent bool   // the same bytes, until they are taken
	}{
		{"a hub that hangs up", []fault{hangUp, hangUp}, "net.failed", 0, true},
		{"one that hangs up after storing", []fault{storeHangUp}, "net.failed", 0, true},
		{"one that has no room", []fault{status503, status503}, "store.full", 0, true},
		{"one that asks for less", []fault{status429}, "host.flooding", 0, true},
		{"one that does not know the host", []fault{status403, status403}, "identity.disabled", 0, true},
		{"an acknowledgement of another key", []fault{badAck}, "env.unknown_key", 0, true},
		{"an acknowledgement of another batch", []fault{otherAck}, "ack.mismatch", 0, true},
		{"a redirect", []fault{redirect}, "net.redirect_refused", 0, true},
		{"a hub that holds another batch of the number", []fault{status409, status409}, "batch.fork", 0, false},
		{"a hub that never takes the batch", []fault{status400}, "batch.test", 1, false},
		{"a hub that refuses one fact", []fault{refuseFact}, "fact.test", 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hub, id := newTestHub(t)
			hub.first(tt.faults...)
			hub.start()
			s := run(t, id, nil)
			s.queue.Emit(canary("one"))
			hub.await("the first batch", func() bool { return hub.requests > 0 })
			if tt.lost == 0 {
				hub.await("the canary", hub.has("one"))
			}
			s.queue.Emit(canary("two"))
			hub.await("the second canary", hub.has("two"))
			if tt.lost > 0 {
				hub.await("the loss", func() bool { return lossCount(hub.facts, fact.LossBatchRefused) == tt.lost })
			}
			s.stop()
			if !strings.Contains(s.log.String(), tt.id) {
				t.Errorf("the log does not name %s:\n%s", tt.id, s.log)
			}
			seen := make(map[string]int)
			for _, f := range hub.facts {
				if f.Canary != nil {
					seen[f.Canary.ID]++
				}
			}
			if seen["two"] != 1 || seen["one"] != 1-tt.lost {
				t.Errorf("stored %v, lost %d", seen, tt.lost)
			}
			if tt.resent {
				for i := range tt.faults {
					if !bytes.Equal(hub.bodies[i], hub.bodies[i+1]) {
						t.Errorf("try %d and %d sent different bytes", i, i+1)
					}
				}
			}
			if tt.id == "batch.fork" && len(hub.sessions) != 1 {
				t.Errorf("the hub saw %d sessions with batches, want only the last new one", len(hub.sessions))
			}
		})
	}
}

// lossCount sums what the loss facts of a cause tell.
func lossCount(facts []*fact.Fact, cause string) int {
	n := 0
	for _, f := range facts {
		if f.Sensor != nil && f.Sensor.Action == fact.SensorLoss && f.Sensor.Cause == cause {
			n += int(f.Sensor.Count)
		}
	}
	return n
}

func TestSenderGivesUpOnASlowHub(t *testing.T) {
	hub, id := newTestHub(t)
	hub.first(slow)
	hub.start()
	s := run(t, id, func(c *send.Config) { c.RequestTimeout = 50 * time.Millisecond })
	s.queue.Emit(canary("one"))
	hub.await("the canary", hub.has("one"))
}

func TestSenderTriesEveryAddress(t *testing.T) {
	dead, _ := newTestHub(t)
	impostor, _ := newTestHub(t)
	impostor.start()
	hub, id := newTestHub(t)
	hub.start()
	s := run(t, id, func(c *send.Config) { c.Addresses = []string{dead.addr, impostor.addr, hub.addr} })
	s.queue.Emit(canary("one"))
	hub.await("the canary", hub.has("one"))
	s.queue.Emit(canary("two"))
	hub.await("the second canary", hub.has("two"))
	s.stop()
	if log := s.log.String(); !strings.Contains(log, "tls.pin_mismatch") || strings.Count(log, "net.failed") != 1 {
		t.Errorf("want one failure of the dead address and one of the impostor, got:\n%s", log)
	}
	if impostor.requests != 0 {
		t.Errorf("the impostor got %d requests", impostor.requests)
	}
}

func TestSenderFlushesWhenStopped(t *testing.T) {
	hub, id := newTestHub(t)
	hub.start()
	s := run(t, id, func(c *send.Config) { c.FlushAfter = time.Hour })
	for i := range 200 {
		s.queue.Emit(process(int64(i + 1)))
	}
	s.stop()
	if len(hub.facts) != 200 {
		t.Errorf("%d facts arrived, want 200", len(hub.facts))
	}
}

func TestSenderStopsWithoutAHub(t *testing.T) {
	_, id := newTestHub(t)
	s := run(t, id, nil)
	s.queue.Emit(canary("one"))
	start := time.Now()
	s.stop()
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if !strings.Contains(s.log.String(), "facts=1") {
		t.Errorf("the log does not say what was left:\n%s", s.log)
	}
}

func TestSenderStopIsBounded(t *testing.T) {
	hub, id := newTestHub(t)
	hub.set(slow)
	hub.start()
	s := run(t, id, func(c *send.Config) { c.StopTimeout = 50 * time.Millisecond })
	s.queue.Emit(canary("one"))
	start := time.Now()
	s.stop()
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

func TestSenderNeedsAnIdentity(t *testing.T) {
	if _, err := send.NewSender(send.Config{}); err == nil {
		t.Error("a sender without identity and queue was made")
	}
	_, id := newTestHub(t)
	id.Addresses = nil
	if _, err := send.NewSender(send.Config{Identity: id, Queue: send.NewQueue(id.Host, send.Limits{})}); err == nil {
		t.Error("a sender without an address was made")
	}
}

func TestSenderReportsChangesOnce(t *testing.T) {
	hub, id := newTestHub(t)
	hub.first(status503, status503, status503, status503)
	hub.start()
	s := run(t, id, nil)
	s.queue.Emit(canary("one"))
	hub.await("the canary", hub.has("one"))
	s.stop()
	log := s.log.String()
	if strings.Count(log, "store.full") != 1 || !strings.Contains(log, "takes batches again") {
		t.Errorf("want one line for the failure and one for its end, got:\n%s", log)
	}
	if n := strings.Count(log, "\n"); n != 2 {
		t.Errorf("%d lines, want 2", n)
	}
}

func ExampleQueue() {
	q := send.NewQueue("h_aaaaaaaaaaaaaaaaaaaaaaaaaa", send.Limits{Facts: 2})
	for range 3 {
		q.Emit(&fact.Fact{Time: time.Now().UTC(), Kind: fact.KindMetric, Metric: &fact.Metric{}})
	}
	fmt.Println(q.Stats().Facts, "waits,", q.Stats().Dropped, "were lost")
	// Output: 1 waits, 2 were lost
}
