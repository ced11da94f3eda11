//go:build !linux

package inventory

import "log/slog"

// newWatcher returns one that never tells anything: readings come when their
// time comes.
func newWatcher(*slog.Logger) watcher { return deaf{} }
