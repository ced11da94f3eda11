//go:build linux

package login

import (
	"time"

	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/internal/clock"
)

// Real makes the collector live by another wall clock.
func (c *Config) Real(now func() time.Time) { c.clock = clock.Clock{Real: now} }

// Looks is a run that looks when it is told to.
type Looks struct{ *run }

// Begin begins a run.
func (c *Collector) Begin(out watch.Sink) Looks { return Looks{newRun(c.cfg, out)} }

// Look goes through everything, until there is nothing more.
func (l Looks) Look() {
	for l.look() {
	}
	l.ledger.flush(true)
}

// Close ends the run.
func (l Looks) Close() { l.close() }

// Sizes of records.
const (
	Size32 = size32
	Size64 = size64
)

// MaxLine is how long a line of a log may be.
const MaxLine = maxLine
