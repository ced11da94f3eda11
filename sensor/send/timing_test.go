package send

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"picket.internal/envelope"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// fakeHub is a transport without a network, so that time can be a test's own.
type fakeHub struct {
	t      *testing.T
	online envelope.PrivateKey
	host   envelope.PublicKey
	start  time.Time
	script func(n int) (reply, error) // what comes of the n-th try; a zero reply is an acknowledgement
	tries  []time.Duration            // when each try was, since the start
	facts  []int                      // in the batch of each try
	where  []string
}

func (h *fakeHub) post(ctx context.Context, address, _ string, body []byte, compressed bool) (reply, error) {
	if err := ctx.Err(); err != nil {
		return reply{}, err
	}
	b, err := openBody(body, compressed, h.host)
	if err != nil {
		h.t.Error(err)
		return reply{}, err
	}
	h.tries = append(h.tries, time.Since(h.start))
	h.facts = append(h.facts, len(b.Facts))
	h.where = append(h.where, address)
	if h.script != nil {
		if r, err := h.script(len(h.tries) - 1); err != nil || r.status != 0 {
			return r, err
		}
	}
	ack, err := wire.SealAck(&wire.Ack{
		Hub: b.Hub, Host: b.Host, Session: b.Session, Seq: b.Seq, Digest: b.Digest, At: time.Now().UTC(),
	}, h.online)
	if err != nil {
		h.t.Error(err)
	}
	return reply{status: http.StatusOK, body: ack}, nil
}

func (h *fakeHub) close() {}

func openBody(body []byte, compressed bool, host envelope.PublicKey) (*wire.Opened, error) {
	if compressed {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		if body, err = io.ReadAll(z); err != nil {
			return nil, err
		}
	}
	return wire.Open(body, host)
}

// inBubble runs a sender against a fake hub on fake time; body emits and
// waits, and the sender has stopped when it gets the hub back.
func inBubble(t *testing.T, cfg Config, script func(int) (reply, error), body func(q *Queue)) *fakeHub {
	t.Helper()
	online, err := envelope.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := envelope.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	hub := &fakeHub{t: t, online: online, host: key.Public(), script: script}
	synctest.Test(t, func(t *testing.T) {
		cfg.Identity = &Identity{
			Host: wire.NewHostID(), Hub: wire.NewHubID(), Addresses: []string{"a:1"}, HubKey: online.Public(), Key: key,
		}
		cfg.Queue = NewQueue(cfg.Identity.Host, Limits{})
		cfg.Version, cfg.Boot = "test", "0f0e0d0c-0b0a-0908-0706-050403020100"
		cfg = cfg.withDefaults()
		hub.start = time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := newSender(cfg, hub).Run(ctx); err != nil {
				t.Error(err)
			}
		}()
		body(cfg.Queue)
		synctest.Wait()
		cancel()
		<-done
	})
	return hub
}

func TestFlushTimes(t *testing.T) {
	hub := inBubble(t, Config{}, nil, func(q *Queue) {
		q.Emit(processFact(1))
		time.Sleep(300 * time.Millisecond)
		q.Emit(processFact(2)) // goes with the first, 1 s after that
		time.Sleep(5 * time.Second)
		q.Emit(metricFact())
		time.Sleep(200 * time.Millisecond)
		q.Emit(canaryFact("a")) // goes at once, and takes the metric along
		time.Sleep(5 * time.Second)
		for range 372 { // half of what ordinary facts may take
			q.Emit(processFact(3))
		}
		time.Sleep(5 * time.Second)
	})
	checkTries(t, hub, []time.Duration{time.Second, 5500 * time.Millisecond, 10500 * time.Millisecond}, []int{2, 2, 372})
}

func checkTries(t *testing.T, hub *fakeHub, at []time.Duration, facts []int) {
	t.Helper()
	if len(hub.tries) != len(at) {
		t.Fatalf("tries at %v, want %v", hub.tries, at)
	}
	for i := range at {
		if hub.tries[i] != at[i] || hub.facts[i] != facts[i] {
			t.Errorf("try %d at %v with %d facts, want %v with %d", i, hub.tries[i], hub.facts[i], at[i], facts[i])
		}
	}
}

func TestBackoffGrowsToItsBound(t *testing.T) {
	const failures = 40
	hub := inBubble(t, Config{}, func(n int) (reply, error) {
		if n < failures {
			return reply{}, errors.New("no route")
		}
		return reply{}, nil
	}, func(q *Queue) {
		q.Emit(canaryFact("a"))
		time.Sleep(time.Hour)
	})
	if len(hub.tries) != failures+1 {
		t.Fatalf("%d tries, want %d", len(hub.tries), failures+1)
	}
	var early, late time.Duration
	for i := range failures {
		wait := hub.tries[i+1] - hub.tries[i]
		bound := min(100*time.Millisecond<<min(i, 20), 30*time.Second)
		if wait < 50*time.Millisecond || wait > bound {
			t.Errorf("wait %d was %v, want between 50ms and %v", i, wait, bound)
		}
		if i < 5 {
			early += wait
		} else if i >= failures-5 {
			late += wait
		}
	}
	if late < 4*early {
		t.Errorf("the last five waits took %v, the first five %v: it did not back off", late, early)
	}
}

func TestBackoffBeginsAnewAfterSuccess(t *testing.T) {
	hub := inBubble(t, Config{}, func(n int) (reply, error) {
		if n < 12 || n == 13 {
			return reply{}, errors.New("no route")
		}
		return reply{}, nil
	}, func(q *Queue) {
		q.Emit(canaryFact("a"))
		time.Sleep(time.Hour)
		q.Emit(canaryFact("b"))
		time.Sleep(time.Hour)
	})
	if n := len(hub.tries); n != 15 {
		t.Fatalf("%d tries, want 15", n)
	}
	if wait := hub.tries[14] - hub.tries[13]; wait > 100*time.Millisecond {
		t.Errorf("the first wait after a success was %v, want 100ms at most", wait)
	}
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		name   string
		status int
		header string
		least  time.Duration
		most   time.Duration
	}{
		{"seconds", 503, "7", 7 * time.Second, 7100 * time.Millisecond},
		{"of a busy hub", 429, "2", 2 * time.Second, 2100 * time.Millisecond},
		{"more than is bearable", 503, "86400", 5 * time.Minute, 5*time.Minute + 100*time.Millisecond},
		{"none", 503, "", 0, 100 * time.Millisecond},
		{"a date", 503, "Mon, 23 Nov 2026 12:00:00 GMT", 0, 100 * time.Millisecond},
		{"nonsense", 429, "-5", 0, 100 * time.Millisecond},
		{"a host that is not known", 403, "", 30 * time.Second, 30100 * time.Millisecond},
		{"nor its key", 401, "", 30 * time.Second, 30100 * time.Millisecond},
		{"a status of no meaning", 404, "9", 0, 100 * time.Millisecond},
		{"a hub in trouble", 500, "9", 0, 100 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hub := inBubble(t, Config{}, func(n int) (reply, error) {
				if n == 0 {
					return reply{status: tt.status, retryAfter: tt.header}, nil
				}
				return reply{}, nil
			}, func(q *Queue) {
				q.Emit(canaryFact("a"))
				time.Sleep(time.Hour)
			})
			if len(hub.tries) != 2 {
				t.Fatalf("%d tries, want 2", len(hub.tries))
			}
			if wait := hub.tries[1] - hub.tries[0]; wait < tt.least || wait > tt.most {
				t.Errorf("the wait was %v, want %v to %v", wait, tt.least, tt.most)
			}
		})
	}
}

func TestAddressesAreTriedInTurn(t *testing.T) {
	hub := inBubble(t, Config{Addresses: []string{"a:1", "b:2", "c:3"}}, func(n int) (reply, error) {
		if n < 5 {
			return reply{}, errors.New("no route")
		}
		return reply{}, nil
	}, func(q *Queue) {
		q.Emit(canaryFact("a"))
		time.Sleep(time.Hour)
		q.Emit(canaryFact("b"))
	})
	want := []string{"a:1", "b:2", "c:3", "a:1", "b:2", "c:3", "c:3"}
	if len(hub.where) != len(want) {
		t.Fatalf("tried %v, want %v", hub.where, want)
	}
	for i := range want {
		if hub.where[i] != want[i] {
			t.Fatalf("tried %v, want %v", hub.where, want)
		}
	}
	if hub.tries[2] != 0 || hub.tries[3] == 0 {
		t.Errorf("tries at %v: want the first round without a wait, and one after it", hub.tries)
	}
}

func TestStopTriesOnceMore(t *testing.T) {
	tests := []struct {
		name string
		last func() (reply, error) // what comes of the try after the stop
		want int
	}{
		{"and succeeds", func() (reply, error) { return reply{}, nil }, 2},
		{"and gives up", func() (reply, error) { return reply{}, errors.New("no route") }, 2},
		{"also when told to wait", func() (reply, error) { return reply{status: 503, retryAfter: "60"}, nil }, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hub := inBubble(t, Config{RetryMin: 10 * time.Second}, func(n int) (reply, error) {
				if n == 0 {
					return reply{}, errors.New("no route")
				}
				return tt.last()
			}, func(q *Queue) {
				q.Emit(canaryFact("a"))
				time.Sleep(time.Second) // in the first wait
			})
			if len(hub.tries) != tt.want || hub.tries[1] != time.Second {
				t.Errorf("tries at %v, want two, the second at the stop", hub.tries)
			}
		})
	}
}

// TestForkAtTheStop: the batch is sealed anew and still delivered.
func TestForkAtTheStop(t *testing.T) {
	problem, err := strictjson.Encode(wire.Problem{ID: "batch.fork"})
	if err != nil {
		t.Fatal(err)
	}
	hub := inBubble(t, Config{}, func(n int) (reply, error) {
		if n == 0 {
			return reply{status: http.StatusConflict, body: problem}, nil
		}
		return reply{}, nil
	}, func(q *Queue) {
		q.Emit(processFact(1)) // waits for company, and goes at the stop
	})
	if len(hub.tries) != 2 {
		t.Errorf("%d tries, want 2", len(hub.tries))
	}
}

// TestRefusalsArePaced: a hub that refuses everything does not empty the queue
// in a rush.
func TestRefusalsArePaced(t *testing.T) {
	hub := inBubble(t, Config{}, func(int) (reply, error) {
		return reply{status: http.StatusBadRequest}, nil
	}, func(q *Queue) {
		for range 2000 {
			q.Emit(canaryFact("a"))
			time.Sleep(10 * time.Millisecond)
		}
	})
	if n := len(hub.tries); n > 30 {
		t.Errorf("%d batches were given up within 20 s", n)
	}
}

func BenchmarkSeal(b *testing.B) {
	key, err := envelope.GenerateKey()
	if err != nil {
		b.Fatal(err)
	}
	cfg := Config{
		Identity: &Identity{Host: wire.NewHostID(), Hub: wire.NewHubID(), Addresses: []string{"a:1"}, Key: key},
		Version:  "bench", Boot: "0f0e0d0c-0b0a-0908-0706-050403020100",
	}
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n, " facts"), func(b *testing.B) {
			cfg.Queue = NewQueue(cfg.Identity.Host, Limits{Facts: 4 * n})
			for i := range n {
				cfg.Queue.Emit(processFact(int64(i)))
			}
			s := newSender(cfg.withDefaults(), nil)
			p := cfg.Queue.Take()
			b.ReportAllocs()
			var sent int
			for b.Loop() {
				sealed, err := s.seal(p)
				if err != nil {
					b.Fatal(err)
				}
				sent = len(sealed.body)
			}
			facts := float64(p.Len())
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/facts, "ns/fact")
			b.ReportMetric(float64(sent)/facts, "sent-bytes/fact")
		})
	}
}
