//go:build linux

package self

import (
	"fmt"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/clock"
)

// maxStep is how far the wall clock may move against the time since boot
// between two heartbeats: a clock that is only slewed stays far below.
const maxStep = time.Second

// stepWatch finds that the wall clock was set.
type stepWatch struct {
	booted time.Time // when the host booted, by the wall clock
	at     time.Time
}

func (w *stepWatch) reset(c clock.Clock) { w.booted, w.at = c.Booted(), c.Now() }

// moved is how far the clock was set since the last call, 0 if it was not, and
// when that was last not so.
func (w *stepWatch) moved(c clock.Clock) (by time.Duration, since time.Time) {
	before := *w
	w.reset(c)
	by = w.booted.Sub(before.booted)
	if by.Abs() <= maxStep {
		return 0, before.at
	}
	return by, before.at
}

// step tells that the clock was set; nil where it was not.
func (c *Collector) step() *fact.Fact {
	by, since := c.watch.moved(c.cfg.clock)
	if by == 0 {
		return nil
	}
	direction := "forward"
	if by < 0 {
		direction = "back"
	}
	f := c.fact(fact.Sensor{
		Action: fact.SensorLoss, Cause: fact.LossClockStep, Source: c.Name(), Count: 1,
		Reason: fmt.Sprintf("the clock was set %s by %v: times before and after do not compare", direction, by.Abs().Round(time.Millisecond)),
	})
	f.Sensor.First = since.Format(time.RFC3339Nano)
	f.Sensor.Last = f.Time.Format(time.RFC3339Nano)
	return f
}
