package send_test

import (
	"crypto/tls"
	"os"
	"strings"
	"testing"
	"time"

	"picket.internal/fact"
	"picket.internal/wire"
)

// TestThreat_S13_FloodDoesNotEvictTheAlert: while the hub is down a million
// metric facts come, then one canary is touched. The canary arrives, and the
// flood is told with its size. Under the race detector a smaller flood, still
// forty times the queue, has to do, but for the soak.
func TestThreat_S13_FloodDoesNotEvictTheAlert(t *testing.T) {
	flood := 1_000_000
	if raced && os.Getenv("PICKET_SOAK") == "" {
		flood = 40_000
	}
	hub, id := newTestHub(t)
	s := run(t, id, nil)
	sample := &fact.Fact{Time: time.Now().UTC(), Kind: fact.KindMetric, Metric: &fact.Metric{}}
	for range flood {
		s.queue.Emit(sample)
	}
	s.queue.Emit(canary("aws"))
	waiting := s.queue.Stats()
	if waiting.Facts > 2000 || waiting.Bytes > 5<<20 {
		t.Errorf("%d facts of %d bytes wait: the queue is not bounded", waiting.Facts, waiting.Bytes)
	}

	hub.start()
	hub.await("the canary", hub.has("aws"))
	hub.await("the size of the flood", func() bool {
		metrics := 0
		for _, f := range hub.facts {
			if f.Kind == fact.KindMetric {
				metrics++
			}
		}
		return metrics+lossCount(hub.facts, fact.LossQueue) == flood
	})
	s.stop()
	if d := hub.last.Dropped; d.Metric == 0 || d.Critical != 0 || d.Process != 0 || d.Inventory != 0 {
		t.Errorf("dropped is %+v, want metrics and nothing else", d)
	}
	// The hub can see the gap by itself: some numbers never come.
	highest := hub.facts[len(hub.facts)-1].Seq
	if uint64(len(hub.facts))+hub.last.Dropped.Metric != highest {
		t.Errorf("%d facts stored and %d dropped, of %d numbered", len(hub.facts), hub.last.Dropped.Metric, highest)
	}
}

// TestThreat_S13_CriticalFloodHidesNoOtherCanary: touching one canary without
// end does not push out the touch of another, before or after.
func TestThreat_S13_CriticalFloodHidesNoOtherCanary(t *testing.T) {
	hub, id := newTestHub(t)
	s := run(t, id, nil)
	s.queue.Emit(canary("before"))
	for range 5_000 {
		s.queue.Emit(canary("noise"))
	}
	s.queue.Emit(canary("after"))
	hub.start()
	hub.await("the first canary", hub.has("before"))
	hub.await("the last canary", hub.has("after"))
	hub.await("the loss", func() bool { return lossCount(hub.facts, fact.LossQueue) > 0 })
}

// TestThreat_T6_EveryStartIsASession: a copied identity shows, because no two
// starts share a session.
func TestThreat_T6_EveryStartIsASession(t *testing.T) {
	hub, id := newTestHub(t)
	hub.start()
	for _, name := range []string{"one", "two", "three"} {
		s := run(t, id, nil)
		s.queue.Emit(canary(name))
		hub.await("the canary", hub.has(name))
		s.stop()
	}
	if len(hub.sessions) != 3 {
		t.Errorf("%d sessions after three starts", len(hub.sessions))
	}
}

func TestThreat_T9_ProxyFromEnvironmentIsIgnored(t *testing.T) {
	trap, _ := newTestHub(t)
	trap.start()
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"} {
		t.Setenv(name, "http://"+trap.addr)
	}
	t.Setenv("NO_PROXY", "")
	hub, id := newTestHub(t)
	hub.start()
	s := run(t, id, nil)
	s.queue.Emit(canary("one"))
	hub.await("the canary", hub.has("one"))
	if trap.requests != 0 {
		t.Errorf("the proxy of the environment got %d requests", trap.requests)
	}
}

// TestThreat_T9_NobodyElseGetsTheFacts: a server that the sensor must not talk
// to gets no request, and the facts wait for the hub.
func TestThreat_T9_NobodyElseGetsTheFacts(t *testing.T) {
	tests := []struct {
		name   string
		config func(h *testHub) *tls.Config
		want   string // error id in the log
	}{
		{"another key", func(h *testHub) *tls.Config { return wire.ServerConfig(mustKey(h.t)) }, "tls.pin_mismatch"},
		{"TLS 1.2", func(h *testHub) *tls.Config {
			c := wire.ServerConfig(h.tlsKey)
			c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
			return c
		}, "tls.version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hub, id := newTestHub(t)
			hub.serve(tt.config(hub))
			s := run(t, id, nil)
			s.queue.Emit(canary("one"))
			awaitLog(t, s, tt.want)
			if hub.requests != 0 {
				t.Errorf("the server got %d requests", hub.requests)
			}
			hub.stop()
			hub.start()
			hub.await("the canary", hub.has("one"))
		})
	}
}

func TestThreat_T9_RedirectIsRefused(t *testing.T) {
	hub, id := newTestHub(t)
	hub.first(redirect)
	hub.start()
	s := run(t, id, nil)
	s.queue.Emit(canary("one"))
	hub.await("the canary", hub.has("one"))
	if !strings.Contains(s.log.String(), "net.redirect_refused") {
		t.Errorf("the log does not name net.redirect_refused:\n%s", s.log)
	}
	if hub.requests != 2 {
		t.Errorf("%d requests, want the one that was redirected and the one that was taken", hub.requests)
	}
}

// TestThreat_T9_ForgedAcknowledgementLetsGoOfNothing: whoever answers for the
// hub without its key, or with an old word of it, makes no fact disappear.
func TestThreat_T9_ForgedAcknowledgementLetsGoOfNothing(t *testing.T) {
	for name, f := range map[string]fault{"env.unknown_key": badAck, "ack.mismatch": otherAck} {
		t.Run(name, func(t *testing.T) {
			hub, id := newTestHub(t)
			hub.set(f)
			hub.start()
			s := run(t, id, nil)
			s.queue.Emit(canary("one"))
			awaitLog(t, s, name)
			if waiting := s.queue.Stats(); waiting.Facts != 1 {
				t.Errorf("%d facts wait after a forged acknowledgement, want 1", waiting.Facts)
			}
			hub.set(none)
			s.queue.Emit(canary("two"))
			hub.await("the next canary", hub.has("two"))
		})
	}
}

// awaitLog returns once the sender's log names an error.
func awaitLog(t *testing.T, s *running, id string) {
	t.Helper()
	timeout := time.After(time.Minute)
	for !strings.Contains(s.log.String(), id) {
		select {
		case <-s.log.changed:
		case <-timeout:
			t.Fatalf("waited for %s in the log in vain:\n%s", id, s.log)
		}
	}
}
