//go:build linux

package canary_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/canary"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// sink keeps facts and lets a test wait for one.
type sink struct {
	mu   sync.Mutex
	all  []*fact.Fact
	grow chan struct{}
}

func newSink() *sink { return &sink{grow: make(chan struct{})} }

func (s *sink) Emit(f *fact.Fact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, f)
	close(s.grow)
	s.grow = make(chan struct{})
}

func (s *sink) since(n int) ([]*fact.Fact, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[min(n, len(s.all)):], s.grow
}

func (s *sink) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// wait returns the first fact from n on that is wanted.
func (s *sink) wait(t testing.TB, n int, what string, want func(*fact.Fact) bool) *fact.Fact {
	t.Helper()
	end := time.After(patience)
	for {
		facts, grow := s.since(n)
		for _, f := range facts {
			if want(f) {
				return f
			}
		}
		select {
		case <-grow:
		case <-end:
			t.Fatalf("no %s among %s", what, said(facts))
			return nil
		}
	}
}

// said writes facts down in short, for messages and for comparing.
func said(facts []*fact.Fact) []string {
	var all []string
	for _, f := range facts {
		switch {
		case f.Kind == fact.KindCanary:
			s := f.Canary.ID + " " + f.Canary.Action
			if f.Canary.Recovered {
				s += " recovered"
			}
			all = append(all, s)
		case f.Sensor != nil:
			all = append(all, fmt.Sprintf("%s %s %s", f.Sensor.Action, f.Sensor.Cause, f.Sensor.Reason))
		default:
			all = append(all, string(f.Kind)+" "+f.Action())
		}
	}
	return all
}

func isCanary(id, action string) func(*fact.Fact) bool {
	return func(f *fact.Fact) bool { return f.Canary != nil && f.Canary.ID == id && f.Canary.Action == action }
}

func isLoss(cause string) func(*fact.Fact) bool {
	return func(f *fact.Fact) bool {
		return f.Sensor != nil && f.Sensor.Action == fact.SensorLoss && f.Sensor.Cause == cause
	}
}

// watched is a collector that runs over a folder of its own.
type watched struct {
	*sink
	t    testing.TB
	dir  string
	c    *canary.Collector
	stop func()
}

// plan says what a test wants to watch, relative to the folder of the test.
type plan struct {
	dir   string   // empty means a folder of the test's own
	make  []string // files that are there from the start
	watch map[string]string
	edit  func(*canary.Config)
	armed int64 // how many can be watched; 0 means all
}

// start runs a collector and waits until it watches.
func start(t testing.TB, p plan) *watched {
	t.Helper()
	w := &watched{sink: newSink(), t: t, dir: p.dir}
	if p.dir == "" {
		w.dir = t.TempDir()
	}
	for _, name := range p.make {
		write(t, w.at(name), "secret\n")
	}
	cfg := canary.Config{NoFanotify: true}
	for id, name := range p.watch {
		cfg.Canaries = append(cfg.Canaries, canary.Canary{ID: id, Path: w.at(name)})
	}
	if p.edit != nil {
		p.edit(&cfg)
	}
	var err error
	if w.c, err = canary.New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.c.Run(ctx, w) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("running: %v", err)
		}
	})
	t.Cleanup(w.stop)
	want := p.armed
	if want == 0 {
		want = int64(len(p.make))
	}
	w.awaitArmed(want)
	return w
}

// awaitArmed waits until n canaries are watched. There is no event for it.
func (w *watched) awaitArmed(n int64) {
	w.t.Helper()
	for end := time.Now().Add(patience); w.c.Count() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			facts, _ := w.since(0)
			w.t.Fatalf("%d canaries are watched, want %d; facts: %q", w.c.Count(), n, said(facts))
		}
	}
}

func (w *watched) at(name string) string { return filepath.Join(w.dir, name) }

func write(t testing.TB, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
