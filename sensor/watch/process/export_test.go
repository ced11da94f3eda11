//go:build linux

package process

import (
	"os"

	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/internal/connector"
	"picket.internal/sensor/watch/internal/proc"
)

// Listening has f called with each socket that the kernel is heard through.
func (c Config) Listening(f func(*connector.Socket)) Config {
	c.listening = f
	return c
}

// Begin prepares for scans without Run.
func (c *Collector) Begin(out watch.Sink) { c.reset(out) }

// Scan is one look, and all that is left over of it.
func (c *Collector) Scan() error {
	err := c.scan()
	for len(c.backlog) > 0 {
		c.read(step)
	}
	return err
}

// Backlog is how many new processes wait to be read.
func (c *Collector) Backlog() int { return len(c.backlog) }

// ScanOnce is one look.
func (c *Collector) ScanOnce() error { return c.scan() }

// Settle takes the hashes that are there.
func (c *Collector) Settle() { c.settle() }

// Differs tells whether coverage is told anew.
func Differs(seen, blind, oldSeen, oldBlind int64) bool {
	return coverage{seen, blind}.differs(coverage{oldSeen, oldBlind})
}

// Step is how many new processes are read at once.
const Step = step

// Hears makes the kernel heard since a time of CLOCK_MONOTONIC, as it would be
// in Run.
func (c *Collector) Hears(since uint64) {
	c.ear.feed = newFeed(nil)
	c.ear.live, c.ear.since, c.ear.heard = true, since, monotonic()
}

// Hear takes in events as if the kernel had told them.
func (c *Collector) Hear(events ...connector.Event) {
	c.ear.feed.add(events, false)
	c.hear()
}

// Tick is what Run does in every interval.
func (c *Collector) Tick() error { return c.tick() }

// OpenImage opens the image of a reading.
func OpenImage(d *proc.Dir, r *proc.Reading) (*os.File, error) { return openImage(d, r) }
