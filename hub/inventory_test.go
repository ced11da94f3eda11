package hub_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub/hubtest"
	"picket.internal/sensor/send"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/inventory"
)

// shelf is a source of packages that a test fills.
type shelf struct {
	mu   sync.Mutex
	have map[string]string // version by name
}

func (*shelf) Name() string       { return "packages" }
func (*shelf) Kinds() []fact.Kind { return []fact.Kind{fact.KindPackage} }
func (*shelf) Watch() []string    { return nil }

func (s *shelf) Read(context.Context) (*inventory.Reading, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &inventory.Reading{}
	for name, version := range s.have {
		r.Facts = append(r.Facts, &fact.Fact{Kind: fact.KindPackage, Package: &fact.Package{Name: name, Version: version, Type: "deb"}})
	}
	return r, nil
}

func (s *shelf) set(name, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.have[name] = version; version == "" {
		delete(s.have, name)
	}
}

func (s *shelf) copy() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]string{}
	for name, version := range s.have {
		out[name] = version
	}
	return out
}

// sensorOf runs the real queue, sender and inventory collector of a host that
// is enrolled; lose says which facts are lost on the way.
type sensorOf struct {
	t     *testing.T
	state *send.State
	shelf *shelf
	lose  func(*fact.Fact) bool
	stop  func()
}

func newSensor(t *testing.T, h *hubtest.Hub) *sensorOf {
	t.Helper()
	state, err := send.CreateState(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { state.Close() })
	if _, _, err := state.Enroll(t.Context(), h.EnrollToken(1), send.Machine{ID: hex.EncodeToString(make([]byte, 32)), Name: "web1", OS: "linux", Kernel: "6", Architecture: "amd64"}, "v0"); err != nil {
		t.Fatal(err)
	}
	return &sensorOf{t: t, state: state, shelf: &shelf{have: map[string]string{}}}
}

type sieve struct {
	*send.Queue
	s *sensorOf
}

func (x sieve) Emit(f *fact.Fact) {
	if x.s.lose == nil || !x.s.lose(f) {
		x.Queue.Emit(f)
	}
}

func (s *sensorOf) start(h *hubtest.Hub) (host string) {
	s.t.Helper()
	id, err := s.state.Identity()
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := inventory.New(inventory.Config{Sources: []inventory.Source{s.shelf}, Interval: 100 * time.Millisecond})
	if err != nil {
		s.t.Fatal(err)
	}
	queue := send.NewQueue(id.Host, send.Limits{})
	sender, err := send.NewSender(send.Config{Identity: id, Queue: queue, Addresses: []string{h.Address()}, Version: "v0",
		FlushAfter: 20 * time.Millisecond, RetryMax: 50 * time.Millisecond, StopTimeout: 200 * time.Millisecond, Orders: func(o watch.Order) { c.Obey(o) }})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = c.Run(ctx, sieve{queue, s}) })
	running.Go(func() { _ = sender.Run(ctx) })
	// Something to acknowledge, as the heartbeat of a whole sensor would be.
	running.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				queue.Emit(&fact.Fact{Time: time.Now().UTC(), Kind: fact.KindMetric, Metric: &fact.Metric{Action: fact.MetricSample}})
			}
		}
	})
	s.stop = func() { cancel(); running.Wait() }
	s.t.Cleanup(func() { s.stop() })
	return id.Host
}

// agree waits until the hub says that the two are in step, and holds them
// together entity by entity.
func agree(t *testing.T, h *hubtest.Hub, host string, want map[string]string) {
	t.Helper()
	var got map[string]string
	defer func() {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("what the host has (-) and the hub holds (+):\n%s", diff)
		}
	}()
	h.Wait("the two to agree", func() bool {
		got = held(t, h, host)
		if !maps.Equal(want, got) {
			return false
		}
		for _, i := range hubtest.Get[api.Inventory](h, api.PathHosts+"/"+host+"/inventories") {
			if i.Kind == "package" && i.State == api.InventoryInStep && i.Count == int64(len(want)) {
				return true
			}
		}
		return false
	})
}

func held(t *testing.T, h *hubtest.Hub, host string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, e := range hubtest.Get[api.Entity](h, api.PathHosts+"/"+host+"/inventories/package") {
		f, err := fact.FromState(fact.KindPackage, e.State, "")
		if err != nil {
			t.Fatal(err)
		}
		got[f.Package.Name] = f.Package.Version
	}
	return got
}

// told counts what the log says of packages, by action.
func told(h *hubtest.Hub, host string) map[string]int {
	out := map[string]int{}
	for _, one := range h.Facts(api.FactQuery{HostID: host, Kind: "package", Limit: api.MaxLimit}) {
		f, _, err := fact.Parse(one.Fact)
		if err == nil {
			out[f.Action()+" "+f.Package.Name]++
		}
	}
	return out
}

func TestInventory_FreshHostIsSeenThenChangesAreTold(t *testing.T) {
	h := hubtest.New(t, nil)
	s := newSensor(t, h)
	for i := range 30 {
		s.shelf.set(fmt.Sprintf("p%02d", i), "1")
	}
	host := s.start(h)
	agree(t, h, host, s.shelf.copy())
	for name, n := range told(h, host) {
		if n != 1 || name[:4] != "seen" {
			t.Errorf("told %d times: %s", n, name)
		}
	}
	s.shelf.set("p00", "2")
	s.shelf.set("p01", "")
	s.shelf.set("new", "1")
	agree(t, h, host, s.shelf.copy())
	got := told(h, host)
	for _, one := range []string{"changed p00", "removed p01", "added new"} {
		if got[one] != 1 {
			t.Errorf("%q is told %d times", one, got[one])
		}
	}
}

// What changes while the sensor is away is told when it is back, with what was
// removed by its name, which only the hub knows.
func TestInventory_RestartedSensor(t *testing.T) {
	h := hubtest.New(t, nil)
	s := newSensor(t, h)
	for i := range 10 {
		s.shelf.set(fmt.Sprintf("p%02d", i), "1")
	}
	host := s.start(h)
	agree(t, h, host, s.shelf.copy())
	s.stop()
	s.shelf.set("p00", "2")
	s.shelf.set("p01", "")
	s.shelf.set("new", "1")
	h.Restart()
	s.start(h)
	agree(t, h, host, s.shelf.copy())
	got := told(h, host)
	for _, one := range []string{"changed p00", "removed p01", "added new"} {
		if got[one] != 1 {
			t.Errorf("%q is told %d times", one, got[one])
		}
	}
}

// Facts that are lost on the way, changes that go on meanwhile and a hub that is
// away do not keep the two from agreeing in the end.
func TestInventory_LostDeltasAndAwayHub(t *testing.T) {
	h := hubtest.New(t, nil)
	s := newSensor(t, h)
	for i := range 50 {
		s.shelf.set(fmt.Sprintf("p%02d", i), "1")
	}
	host := s.start(h)
	agree(t, h, host, s.shelf.copy())
	s.stop()
	var mu sync.Mutex
	n, lossy := 0, true
	s.lose = func(f *fact.Fact) bool {
		mu.Lock()
		defer mu.Unlock()
		n++
		return lossy && f.Kind == fact.KindPackage && n%2 == 0
	}
	s.start(h)
	for i := range 20 {
		s.shelf.set(fmt.Sprintf("p%02d", i), "2")
		s.shelf.set(fmt.Sprintf("q%02d", i), "1")
		s.shelf.set(fmt.Sprintf("p%02d", i+25), "")
		if i == 10 {
			h.Stop()
		}
		time.Sleep(20 * time.Millisecond) // changes are spread over readings
	}
	h.Start()
	s.stop() // the address is another one now
	s.start(h)
	mu.Lock()
	lossy = false
	mu.Unlock()
	agree(t, h, host, s.shelf.copy())
	s.stop()
	sound(t, h)
}
