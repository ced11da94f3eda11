package fleet_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
	"picket.internal/hub/internal/fleet"
	"picket.internal/hub/internal/store"
)

// hosts is a store of hosts in memory.
type hosts struct {
	mu      sync.Mutex
	watched []store.Watched
	silent  []string
	notices []*fact.Fact
	fail    error
	told    chan struct{}
}

func (h *hosts) WatchedHosts(context.Context) ([]store.Watched, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]store.Watched(nil), h.watched...), h.fail
}

func (h *hosts) MarkSilent(_ context.Context, w store.Watched, _ time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail != nil {
		return h.fail
	}
	h.silent = append(h.silent, w.ID)
	for i := range h.watched {
		h.watched[i].Silent = h.watched[i].Silent || h.watched[i].ID == w.ID
	}
	return nil
}

func (h *hosts) Notice(_ context.Context, f *fact.Fact) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notices = append(h.notices, f)
	if h.told != nil {
		h.told <- struct{}{}
	}
	return nil
}

// clock is moved by the test.
type clock struct {
	mu   sync.Mutex
	now  time.Duration
	tick chan time.Time
}

func (c *clock) Now() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(time.Duration) <-chan time.Time { return c.tick }

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += d
}

func setUp(ids ...string) (*fleet.Monitor, *hosts, *clock) {
	h, c := &hosts{}, &clock{now: 1000 * time.Hour, tick: make(chan time.Time)}
	for _, id := range ids {
		h.watched = append(h.watched, store.Watched{ID: id})
	}
	return fleet.New(fleet.Config{Store: h, SilentAfter: 30 * time.Second, Clock: c}), h, c
}

func TestSilence(t *testing.T) {
	m, h, c := setUp("a", "b")
	look := func(want ...string) {
		t.Helper()
		m.Look(t.Context())
		if diff := cmp.Diff(want, h.silent); diff != "" {
			t.Errorf("silent at %s (-want +got):\n%s", c.now, diff)
		}
	}
	look() // at the start everybody has the whole time, however long the hub was away
	c.add(29 * time.Second)
	look()
	m.Heard("a")
	c.add(2 * time.Second)
	look("b")
	c.add(time.Hour)
	look("b", "a")
	look("b", "a") // once
	h.watched = append(h.watched, store.Watched{ID: "c"})
	look("b", "a") // a new one has the whole time too
	c.add(30 * time.Second)
	look("b", "a", "c")
}

func TestHostThatWasSilentBeforeTheRestart(t *testing.T) {
	m, h, c := setUp()
	h.watched = []store.Watched{{ID: "a", Silent: true}}
	m.Look(t.Context())
	c.add(time.Hour)
	m.Look(t.Context())
	if len(h.silent) != 0 {
		t.Errorf("silent again: %v", h.silent)
	}
}

func TestSilenceThatTheStoreDidNotTake(t *testing.T) {
	m, h, c := setUp("a")
	m.Look(t.Context())
	c.add(time.Hour)
	h.fail = errors.New("full")
	m.Look(t.Context())
	h.fail = nil
	m.Look(t.Context())
	if diff := cmp.Diff([]string{"a"}, h.silent); diff != "" {
		t.Errorf("silent (-want +got):\n%s", diff)
	}
}

func TestRefusalsAreToldWithACount(t *testing.T) {
	m, h, c := setUp()
	peer := store.Peer{ID: "a", Name: "web1"}
	for range 5 {
		m.Refused(peer, "batch.malformed")
	}
	m.Refused(peer, "batch.wrong_host")
	m.Look(t.Context())
	for range 7 {
		m.Refused(peer, "batch.malformed")
	}
	m.Look(t.Context()) // not again within the minute
	c.add(time.Minute)
	m.Look(t.Context())
	c.add(time.Minute)
	m.Look(t.Context()) // and not where nothing more came
	got := map[string][]int64{}
	for _, f := range h.notices {
		if f.Fleet.Action != fact.FleetRefused || f.Host.ID != "a" {
			t.Errorf("notice %+v", f)
		}
		got[f.Fleet.Reason] = append(got[f.Fleet.Reason], f.Fleet.Count)
	}
	if diff := cmp.Diff(map[string][]int64{"batch.malformed": {5, 7}, "batch.wrong_host": {1}}, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestRunTellsAtOnceAndAtTheEnd(t *testing.T) {
	m, h, _ := setUp()
	h.told = make(chan struct{}, 10)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	peer := store.Peer{ID: "a"}
	m.Refused(peer, "x")
	<-h.told
	m.Refused(peer, "x")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(h.notices) != 2 {
		t.Errorf("%d notices, want what was left at the end too", len(h.notices))
	}
}
