package watch_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch"
)

type sink struct {
	mu  sync.Mutex
	all []*fact.Fact
}

func (s *sink) Emit(f *fact.Fact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, f)
}

func (s *sink) of(source string) (reasons []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.all {
		if f.Sensor != nil && f.Sensor.Action == fact.SensorDegraded && f.Sensor.Source == source {
			reasons = append(reasons, f.Sensor.Reason)
		}
	}
	return reasons
}

// collector runs a function that is told how often it ran before.
type collector struct {
	name string
	runs int
	run  func(ctx context.Context, n int) error
}

func (c *collector) Name() string { return c.name }

func (c *collector) Run(ctx context.Context, _ watch.Sink) error {
	c.runs++
	return c.run(ctx, c.runs)
}

func steady(ctx context.Context, _ int) error { <-ctx.Done(); return nil }

func TestOneFailsAndOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := &collector{name: "failing", run: func(ctx context.Context, n int) error {
			switch n {
			case 1:
				return errors.New("no luck")
			case 2:
				panic("hostile input")
			case 3:
				return nil // without being asked to
			}
			return steady(ctx, n)
		}}
		good := &collector{name: "good", run: steady}
		s := new(sink)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- watch.New(watch.Config{Collectors: []watch.Collector{failing, good}}).Run(ctx, s)
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		if failing.runs != 4 || good.runs != 1 {
			t.Errorf("the failing collector ran %d times, the good one %d", failing.runs, good.runs)
		}
		reasons := s.of("failing")
		for i, want := range []string{"no luck; it starts again in 1s", "internal error: hostile input; it starts again in 2s", "without being asked to; it starts again in 4s"} {
			if len(reasons) != 3 || !strings.Contains(reasons[i], want) {
				t.Fatalf("told %q, want %q", reasons, want)
			}
		}
		if got := s.of("good"); got != nil {
			t.Errorf("the good collector is told as %q", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("running: %v", err)
		}
	})
}

// TestWaitsAreBounded: a collector that always fails is tried for ever, but
// never more seldom than about once a minute; one that ran well starts afresh.
func TestWaitsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		c := &collector{name: "c", run: func(ctx context.Context, n int) error {
			began = append(began, time.Now())
			if n == 12 {
				time.Sleep(time.Hour)
			}
			return errors.New("no luck")
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		watch.New(watch.Config{Collectors: []watch.Collector{c}}).Run(ctx, new(sink))
		for i := 1; i < len(began); i++ {
			if wait := began[i].Sub(began[i-1]); wait > 64*time.Second && i != 12 {
				t.Errorf("waited %v before run %d", wait, i+1)
			}
		}
		if wait := began[12].Sub(began[11]) - time.Hour; wait != time.Second {
			t.Errorf("waited %v after an hour that went well", wait)
		}
	})
}

func TestNothingFailsAtTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := &collector{name: "c", run: func(ctx context.Context, _ int) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}}
	s := new(sink)
	if err := watch.New(watch.Config{Collectors: []watch.Collector{c}}).Run(ctx, s); err != nil {
		t.Error(err)
	}
	if len(s.all) != 0 {
		t.Errorf("an end on request is told as %+v", s.all[0].Sensor)
	}
}
