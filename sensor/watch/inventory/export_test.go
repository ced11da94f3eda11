package inventory

import "picket.internal/sensor/eventlog"

// FakeWatcher stands in for inotify: a test says what changed.
type FakeWatcher struct {
	Wake chan struct{}
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

func (w *FakeWatcher) arm(int, []string) error { return nil }
func (w *FakeWatcher) woken() <-chan struct{}  { return w.Wake }
func (w *FakeWatcher) take() uint64            { return ^uint64(0) }
func (w *FakeWatcher) close()                  {}
