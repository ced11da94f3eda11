package inventory_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"picket.internal/fact"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/inventory"
)

// shelf is a source of packages that a test fills.
type shelf struct {
	mu    sync.Mutex
	have  map[string]string // version by name
	gaps  []inventory.Gap
	fail  error
	hang  bool
	block chan struct{} // closed to let a reading go that hangs
	reads int
	trip  bool
}

func newShelf(packages ...string) *shelf {
	s := &shelf{have: map[string]string{}}
	for _, name := range packages {
		s.have[name] = "1"
	}
	return s
}

func (s *shelf) Name() string       { return "packages" }
func (s *shelf) Kinds() []fact.Kind { return []fact.Kind{fact.KindPackage} }
func (s *shelf) Watch() []string    { return nil }

func (s *shelf) Read(context.Context) (*inventory.Reading, error) {
	s.mu.Lock()
	s.reads++
	if s.hang {
		s.block = make(chan struct{})
	}
	block := s.block
	s.mu.Unlock()
	if block != nil {
		<-block
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.trip:
		panic("tripped")
	case s.fail != nil:
		return nil, s.fail
	}
	r := &inventory.Reading{Gaps: s.gaps}
	for name, version := range s.have {
		r.Facts = append(r.Facts, pkg(name, version))
	}
	return r, nil
}

// homes is a shelf that wants to be watched where its last reading says.
type homes struct {
	*shelf
	last []string
}

func (h *homes) Watch() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string{"passwd"}, h.last...)
}

func (h *homes) Read(ctx context.Context) (*inventory.Reading, error) {
	r, err := h.shelf.Read(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = slices.Sorted(maps.Keys(h.have))
	return r, err
}

func (s *shelf) do(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *shelf) set(name, version string) { s.do(func() { s.have[name] = version }) }
func (s *shelf) drop(name string)         { s.do(func() { delete(s.have, name) }) }

func (s *shelf) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

func pkg(name, version string) *fact.Fact {
	return &fact.Fact{Kind: fact.KindPackage, Package: &fact.Package{Name: name, Version: version, Type: "deb"}}
}

// hub does what a hub does with the facts of one kind, and loses some of them
// where lose says so.
type hub struct {
	mu    sync.Mutex
	facts []*fact.Fact // not yet looked at
	all   int
	held  map[[8]byte]fact.Entity
	last  *fact.Snapshot
	lose  func(*fact.Fact) bool
}

func newHub() *hub { return &hub{held: map[[8]byte]fact.Entity{}} }

func (h *hub) Emit(f *fact.Fact) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lose != nil && h.lose(f) {
		return
	}
	h.all++
	h.facts = append(h.facts, f)
	if s := f.Snapshot; s != nil {
		for _, gone := range s.Gone {
			key, err := hex.DecodeString(gone)
			if err != nil {
				panic(err)
			}
			delete(h.held, [8]byte(key))
		}
		if s.Digest != "" {
			h.last = s
		}
		return
	}
	e, ok, err := f.Entity()
	if err != nil || !ok {
		return
	}
	if f.Action() == fact.Removed {
		delete(h.held, e.KeyHash())
	} else {
		h.held[e.KeyHash()] = e
	}
}

// inStep tells whether what the hub holds has the digest that the host told last.
func (h *hub) inStep() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	sums := make([][32]byte, 0, len(h.held))
	for _, e := range h.held {
		sums = append(sums, e.Sum())
	}
	digest := fact.Digest(sums)
	return h.last != nil && h.last.Count == int64(len(sums)) && h.last.Digest == hex.EncodeToString(digest[:])
}

func (h *hub) resync(fresh bool) watch.Order {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := &watch.Resync{Of: fact.KindPackage, Fresh: fresh}
	for key, e := range h.held {
		sum := e.Sum()
		r.Held = append(r.Held, watch.Held{Key: key, State: [8]byte(sum[:8])})
	}
	return watch.Order{Resync: r}
}

// said are the facts since it was last asked, in short.
func (h *hub) said() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, f := range h.facts {
		out = append(out, short(f))
	}
	h.facts = nil
	return out
}

func short(f *fact.Fact) string {
	switch {
	case f.Snapshot != nil && f.Snapshot.Digest == "":
		return fmt.Sprintf("%d gone", len(f.Snapshot.Gone))
	case f.Snapshot != nil:
		if f.Snapshot.Omitted > 0 {
			return fmt.Sprintf("%d of %s, %d omitted", f.Snapshot.Count, f.Snapshot.Of, f.Snapshot.Omitted)
		}
		return fmt.Sprintf("%d of %s", f.Snapshot.Count, f.Snapshot.Of)
	case f.Sensor != nil:
		return fmt.Sprintf("%s %s %s %d", f.Sensor.Source, f.Sensor.Action, f.Sensor.Cause, f.Sensor.Count)
	case f.Package != nil && f.Package.PreviousVersion != "":
		return fmt.Sprintf("%s %s %s was %s", f.Package.Action, f.Package.Name, f.Package.Version, f.Package.PreviousVersion)
	case f.Package != nil:
		return fmt.Sprintf("%s %s %s", f.Package.Action, f.Package.Name, f.Package.Version)
	}
	return string(f.Kind) + " " + f.Action()
}

// run runs a collector in a bubble of time until the test body returns.
func run(t *testing.T, cfg inventory.Config, out watch.Sink, body func(c *inventory.Collector, w *inventory.FakeWatcher)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := inventory.NewFakeWatcher(&cfg)
		c, err := inventory.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx, out) }()
		synctest.Wait()
		body(c, w)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run ended with %v", err)
		}
	})
}
