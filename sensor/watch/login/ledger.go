//go:build linux

package login

import (
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/internal/clock"
)

// tellEvery is how often losses are told at most: who causes one can cause
// many.
const tellEvery = 10 * time.Second

// ledger gathers losses and tells them, one fact a cause and reason.
type ledger struct {
	out     watch.Sink
	clock   clock.Clock
	entries []loss
	told    time.Duration // since boot
	any     bool
}

type loss struct {
	cause, reason string
	count         int64
	first, last   time.Time
}

func (l *ledger) add(cause string, count int64, reason string) {
	if count == 0 {
		return
	}
	now := l.clock.Now()
	for i := range l.entries {
		if e := &l.entries[i]; e.cause == cause && e.reason == reason {
			e.count, e.last = e.count+count, now
			return
		}
	}
	l.entries = append(l.entries, loss{cause: cause, reason: reason, count: count, first: now, last: now})
}

// flush tells what has gathered; at once where asked, or nothing was told for
// a while.
func (l *ledger) flush(now bool) {
	if len(l.entries) == 0 || (!now && l.any && l.clock.SinceBoot()-l.told < tellEvery) {
		return
	}
	for _, e := range l.entries {
		l.out.Emit(&fact.Fact{Time: l.clock.Now(), Kind: fact.KindSensor, Sensor: &fact.Sensor{
			Action: fact.SensorLoss, Cause: e.cause, Source: "login", Count: e.count, Reason: e.reason,
			First: e.first.Format(time.RFC3339Nano), Last: e.last.Format(time.RFC3339Nano),
		}})
	}
	l.entries, l.told, l.any = l.entries[:0], l.clock.SinceBoot(), true
}
