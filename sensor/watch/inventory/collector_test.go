package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/inventory"
)

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// pass lets time go by.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func sources(s ...inventory.Source) inventory.Config { return inventory.Config{Sources: s} }

func TestTellsWhatChangedBetweenTwoReadings(t *testing.T) {
	s, h := newShelf("bash", "curl", "sed"), newHub()
	run(t, sources(s), h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
		expect(t, "the first reading is only summed up", h.said(), "3 of package")
		pass(time.Minute)
		expect(t, "nothing changed", h.said())
		s.set("bash", "2")
		s.set("awk", "1")
		s.drop("sed")
		pass(time.Minute)
		got := h.said()
		if len(got) != 4 || got[3] != "3 of package" {
			t.Errorf("the digest does not come last: %q", got)
		}
		want := map[string]bool{"changed bash 2 was 1": true, "added awk 1": true, "removed sed 1": true}
		for _, one := range got[:len(got)-1] {
			if !want[one] {
				t.Errorf("unexpected %q", one)
			}
			delete(want, one)
		}
		if len(want) > 0 {
			t.Errorf("missing %v", want)
		}
		pass(10 * time.Minute)
		expect(t, "every ten minutes it is summed up all the same", h.said(), "3 of package")
	})
}

func TestWatchAsksForAReadingBeforeItsTime(t *testing.T) {
	s, h := newShelf("bash"), newHub()
	run(t, sources(s), h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
		pass(10 * time.Second)
		h.said()
		s.set("bash", "2")
		w.Fire(0)
		pass(time.Second)
		expect(t, "within two seconds", h.said(), "changed bash 2 was 1", "1 of package")
	})
}

// A new account's home is known once passwd is read: a key put there within
// the minute is not left to the clock.
func TestWhatAReadingFindsToWatchIsWatchedAtOnce(t *testing.T) {
	s, h := &homes{shelf: newShelf("root")}, newHub()
	run(t, sources(s), h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
		pass(10 * time.Second)
		expect(t, "after the start", w.Armed(0), "passwd", "root")
		h.said()
		before := s.count()
		s.set("alice", "1")
		w.Fire(0)
		pass(3 * time.Second)
		expect(t, "after the event", w.Armed(0), "passwd", "alice", "root")
		expect(t, "it is told", h.said(), "added alice 1", "2 of package")
		if n := s.count() - before; n != 2 {
			t.Errorf("%d readings: want one for the event and one for what came before the new watch, and no more", n)
		}
	})
}

func TestNoisyWatchIsReadWithinItsShare(t *testing.T) {
	s, h := newShelf("bash"), newHub()
	slow := &slowSource{shelf: s, takes: 300 * time.Millisecond}
	run(t, sources(slow), h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
		pass(time.Second)
		before := s.count()
		for range 6000 {
			w.Fire(0)
			pass(100 * time.Millisecond)
		}
		// Ten minutes of a file that never stops changing: what was saved up,
		// then a twentieth of the time.
		if n := s.count() - before; n < 60 || n > 115 {
			t.Errorf("%d readings of 0.3 s in 10 minutes", n)
		}
	})
}

type slowSource struct {
	*shelf
	takes time.Duration
}

func (s *slowSource) Read(ctx context.Context) (*inventory.Reading, error) {
	time.Sleep(s.takes)
	return s.shelf.Read(ctx)
}

func TestSourceThatNeverAnswersBlocksNobody(t *testing.T) {
	hangs, works, h := newShelf(), &groups{}, newHub()
	hangs.hang = true
	run(t, sources(hangs, works), h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
		expect(t, "the other one", h.said(), "0 of group")
		pass(30 * time.Second)
		expect(t, "the one that hangs is told of", h.said(), "packages loss timeout 1")
		pass(5 * time.Minute)
		expect(t, "and not again and again", h.said())
		if n := hangs.count(); n != 1 {
			t.Errorf("%d readings are under way", n)
		}
		hangs.do(func() { close(hangs.block); hangs.hang, hangs.block = false, nil })
		pass(2 * time.Minute)
		expect(t, "it answers again", h.said(), "0 of package")
	})
}

type groups struct{}

func (*groups) Name() string       { return "groups" }
func (*groups) Kinds() []fact.Kind { return []fact.Kind{fact.KindGroup} }
func (*groups) Watch() []string    { return nil }
func (*groups) Read(context.Context) (*inventory.Reading, error) {
	return &inventory.Reading{}, nil
}

func TestFailedReadingLeavesTheLastInForce(t *testing.T) {
	s, h := newShelf("bash"), newHub()
	run(t, sources(s), h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
		h.said()
		s.do(func() { s.fail = errors.New("reading /var/lib/dpkg/status: permission denied") })
		pass(time.Minute)
		expect(t, "told once", h.said(), "packages degraded  0")
		pass(3 * time.Minute)
		expect(t, "not every minute", h.said())
		s.do(func() { s.fail = nil; s.trip = true })
		pass(time.Minute)
		expect(t, "a panic is a failure like another", h.said())
		s.do(func() { s.trip = false; s.have["sed"] = "1" })
		pass(2 * time.Minute)
		expect(t, "then as if nothing had been", h.said(), "added sed 1", "2 of package")
	})
}

func TestWhatAGapMayHideIsNotRemoved(t *testing.T) {
	s, h := newShelf("bash", "curl"), newHub()
	run(t, sources(s), h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
		h.said()
		s.do(func() {
			delete(s.have, "curl")
			s.gaps = []inventory.Gap{{Of: fact.KindPackage, Cause: fact.LossMalformed, Count: 1, Reason: "a stanza without a name"}}
		})
		pass(time.Minute)
		expect(t, "with a gap", h.said(), "packages loss malformed 1", "2 of package, 1 omitted")
		s.do(func() { s.gaps = nil })
		pass(time.Minute)
		expect(t, "without", h.said(), "removed curl 1", "1 of package")
		s.do(func() {
			s.have = map[string]string{}
			s.gaps = []inventory.Gap{{Of: fact.KindPackage, Cause: fact.LossUnreadable, Count: 1, Reason: "permission denied", Whole: true}}
		})
		pass(time.Minute)
		expect(t, "nothing could be read", h.said(), "packages loss unreadable 1", "1 of package, 1 omitted")
	})
}

func TestTwoOfOneNameAreOneAndALoss(t *testing.T) {
	h := newHub()
	s := &fixed{facts: func() []*fact.Fact { return []*fact.Fact{pkg("a", "1"), pkg("a", "2"), pkg("b", "1"), pkg("b", "1")} }}
	run(t, sources(s), h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
		expect(t, "the first reading", h.said(), "packages loss malformed 1", "2 of package, 1 omitted")
		pass(time.Minute)
		expect(t, "the same again", h.said())
	})
}

type fixed struct{ facts func() []*fact.Fact }

func (*fixed) Name() string       { return "packages" }
func (*fixed) Kinds() []fact.Kind { return []fact.Kind{fact.KindPackage} }
func (*fixed) Watch() []string    { return nil }
func (s *fixed) Read(context.Context) (*inventory.Reading, error) {
	return &inventory.Reading{Facts: s.facts()}, nil
}

func TestFreshHubIsToldWhatIsThereAsSeen(t *testing.T) {
	s, h := newShelf("bash", "curl"), newHub()
	run(t, sources(s), h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
		h.said()
		c.Obey(h.resync(true))
		pass(time.Second)
		got := h.said()
		if len(got) != 3 || got[0][:4] != "seen" || got[1][:4] != "seen" || got[2] != "2 of package" {
			t.Errorf("told %q", got)
		}
		if !h.inStep() {
			t.Error("the two are not in step")
		}
	})
}

// A sensor that was away finds another host than the hub knows, and has nothing
// to compare with but what the hub holds.
func TestRestartedSensorTellsWhatHappenedMeanwhile(t *testing.T) {
	s, h := newShelf("bash", "curl", "sed"), newHub()
	run(t, sources(s), h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
		c.Obey(h.resync(true))
		pass(time.Second)
	})
	h.said()
	s.set("bash", "2")
	s.set("awk", "1")
	s.drop("sed")
	run(t, sources(s), h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
		expect(t, "the first reading", h.said(), "3 of package")
		if h.inStep() {
			t.Fatal("nothing shows that they differ")
		}
		c.Obey(h.resync(false))
		pass(time.Second)
		got := h.said()
		if len(got) != 4 || got[2] != "1 gone" || got[3] != "3 of package" {
			t.Errorf("told %q", got)
		}
		for _, one := range got[:2] {
			if one != "changed bash 2" && one != "added awk 1" {
				t.Errorf("told %q", one)
			}
		}
		if !h.inStep() {
			t.Error("the two are not in step")
		}
	})
}

func TestTellsAtABoundedPaceAndChangesFirst(t *testing.T) {
	s, h := newShelf(), newHub()
	for i := range 2500 {
		s.have[fmt.Sprintf("p%04d", i)] = "1"
	}
	run(t, sources(s), h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
		pass(10 * time.Second)
		h.said()
		c.Obey(h.resync(true))
		for range 5 {
			pass(time.Second)
			if n := len(h.said()); n > 420 {
				t.Errorf("%d facts within a second", n)
			}
		}
		s.set("p0001", "2")
		w.Fire(0)
		pass(time.Second)
		h.mu.Lock()
		defer h.mu.Unlock()
		for i, f := range h.facts {
			if f.Action() == fact.Changed {
				if i > 100 {
					t.Errorf("a change waited for %d facts of an answer", i)
				}
				return
			}
		}
		t.Error("the change is not told while an answer is")
	})
}

func TestFiftyThousandEntities(t *testing.T) {
	h := newHub()
	version := "1.0-1"
	s := &fixed{facts: func() []*fact.Fact {
		out := make([]*fact.Fact, inventory.MaxEntities)
		for i := range out {
			out[i] = pkg(fmt.Sprintf("package-number-%05d", i), version)
		}
		return out
	}}
	cfg := sources(s)
	cfg.Interval = time.Hour
	run(t, cfg, h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
		expect(t, "the first reading", h.said(), "50000 of package")
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		t.Logf("%.1f MB are kept of 50,000 entities", float64(m.HeapAlloc)/1e6)
		c.Obey(h.resync(true))
		pass(5 * time.Minute)
		if !h.inStep() || h.all < inventory.MaxEntities {
			t.Fatalf("%d facts, and not in step", h.all)
		}
		h.said()
		version = "1.0-2"
		w.Fire(0)
		pass(6 * time.Minute)
		if !h.inStep() {
			t.Error("everything changed at once, and the two are not in step")
		}
	})
}

func TestPastItsBoundAnInventoryIsCutAndSaysSo(t *testing.T) {
	h := newHub()
	s := &fixed{facts: func() []*fact.Fact {
		out := make([]*fact.Fact, inventory.MaxEntities+7)
		for i := range out {
			out[i] = pkg(fmt.Sprint(i), "1")
		}
		return out
	}}
	run(t, sources(s), h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
		expect(t, "the first reading", h.said(), "packages loss inventory_cut 7", "50000 of package, 7 omitted")
	})
}

func TestAnEntityThatNoFactCanSayIsOmitted(t *testing.T) {
	h := newHub()
	s := &groupsOf{sizes: []int{3, 5000}}
	run(t, sources(s), h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
		expect(t, "the first reading", h.said(), "groups loss inventory_cut 1", "1 of group, 1 omitted")
	})
}

type groupsOf struct {
	groups
	sizes []int
}

func (s *groupsOf) Read(context.Context) (*inventory.Reading, error) {
	r := &inventory.Reading{}
	for i, n := range s.sizes {
		r.Facts = append(r.Facts, &fact.Fact{Kind: fact.KindGroup, Group: &fact.Group{Name: fmt.Sprint(i), Members: make([]string, n)}})
	}
	return r, nil
}

// Whatever is lost on the way and whatever changes meanwhile: as long as the hub
// asks, the two sides come to agree.
func TestLossyWayEndsInStep(t *testing.T) {
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		s, h := newShelf(), newHub()
		for i := range 300 {
			s.have[fmt.Sprint(i)] = "1"
		}
		lossy, luck := true, rand.New(rand.NewPCG(seed, 5)) // both under the hub's lock
		h.lose = func(*fact.Fact) bool { return lossy && luck.IntN(3) == 0 }
		run(t, sources(s), h, func(c *inventory.Collector, w *inventory.FakeWatcher) {
			var stale watch.Order
			for round := range 60 {
				for range rnd.IntN(30) {
					name := fmt.Sprint(rnd.IntN(400))
					if rnd.IntN(3) == 0 {
						s.drop(name)
					} else {
						s.set(name, fmt.Sprint(rnd.IntN(5)))
					}
				}
				w.Fire(0)
				pass(time.Duration(rnd.IntN(9000)) * time.Millisecond)
				if rnd.IntN(4) == 0 {
					stale = h.resync(round == 0)
				}
				if rnd.IntN(2) == 0 && stale.Resync != nil {
					c.Obey(stale) // also one that is overtaken by what happened since
				}
			}
			h.mu.Lock()
			lossy = false
			h.mu.Unlock()
			for i := 0; i < 5; i++ {
				pass(time.Minute)
				if h.inStep() {
					break
				}
				c.Obey(h.resync(false))
			}
			pass(time.Minute)
			if !h.inStep() {
				t.Errorf("seed %d: not in step", seed)
			}
		})
	}
}

func TestTwoSourcesMayNotShareAKind(t *testing.T) {
	if _, err := inventory.New(sources(newShelf(), newShelf())); err == nil {
		t.Error("two sources of packages were taken")
	}
}
