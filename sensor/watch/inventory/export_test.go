package inventory

import (
	"slices"
	"sync"

	"picket.internal/sensor/eventlog"
)

// FakeWatcher stands in for inotify: a test says what changed.
type FakeWatcher struct {
	Wake chan struct{}

	mu    sync.Mutex
	armed map[int][]string
}

// NewFakeWatcher makes one and puts it into the configuration.
func NewFakeWatcher(cfg *Config) *FakeWatcher {
	w := &FakeWatcher{Wake: make(chan struct{}, 1)}
	cfg.watch = func(*eventlog.Logger) watcher { return w }
	return w
}

// Fire says that files of a source changed.
func (w *FakeWatcher) Fire(source int) {
	select {
	case w.Wake <- struct{}{}:
	default:
	}
}

// Armed are the paths that a source's watch stands on.
func (w *FakeWatcher) Armed(source int) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.armed[source])
}

func (w *FakeWatcher) arm(source int, paths []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.armed == nil {
		w.armed = map[int][]string{}
	}
	w.armed[source] = slices.Clone(paths)
	return nil
}

func (w *FakeWatcher) woken() <-chan struct{} { return w.Wake }
func (w *FakeWatcher) take() uint64           { return ^uint64(0) }
func (w *FakeWatcher) close()                 {}
