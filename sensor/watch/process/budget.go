//go:build linux

package process

import (
	"fmt"
	"time"

	"picket.internal/fact"
)

// budget bounds how many processes a second are read and told one by one. It
// holds for those that the kernel tells of; a look bounds itself.
type budget struct {
	rate  float64 // a second; twice as many at once after a rest
	left  float64
	since uint64 // by CLOCK_MONOTONIC
}

// take takes one, where there is one.
func (b *budget) take(now uint64) bool {
	if now > b.since {
		b.left = min(2*b.rate, b.left+b.rate*float64(now-b.since)/1e9)
		b.since = now
	}
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// maxMakers is how many makers of short processes are told apart.
const maxMakers = 64

// crowd counts processes that began and ended while the budget was spent, by
// what made them.
type crowd struct {
	tally
	makers map[string]int64
}

func (w *crowd) add(maker string, now time.Time) {
	w.tally.add(1, now)
	if w.makers == nil {
		w.makers = make(map[string]int64)
	}
	if _, known := w.makers[maker]; known || len(w.makers) < maxMakers {
		w.makers[maker]++
	}
}

// tellCrowd tells how many were only counted: at once, and then at most once
// in a window.
func (c *Collector) tellCrowd(now time.Time, last bool) {
	w := &c.crowd
	if w.count == 0 || !last && now.Sub(w.told).Abs() < lossWindow {
		return
	}
	maker, most := "", int64(0)
	for name, n := range w.makers {
		if n > most || n == most && name < maker {
			maker, most = name, n
		}
	}
	reason := fmt.Sprintf("more processes began and ended than are told one by one (%d a second)", c.cfg.Rate)
	if maker != "" {
		reason += fmt.Sprintf("; %d were made by %s", most, maker)
	}
	c.out.Emit(lossOf(&w.tally, now, c.Name(), reason))
	*w = crowd{tally: tally{told: now}}
}

// lossOf is the fact of a tally of processes.
func lossOf(t *tally, now time.Time, source, reason string) *fact.Fact {
	return &fact.Fact{
		Time: now,
		Kind: fact.KindSensor,
		Sensor: &fact.Sensor{
			Action: fact.SensorLoss, Cause: fact.LossProcessGone, Source: source, Count: t.count, Reason: reason,
			First: t.first.Format(time.RFC3339Nano), Last: t.last.Format(time.RFC3339Nano),
		},
	}
}
