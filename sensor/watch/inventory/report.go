package inventory

import (
	"strings"
	"time"

	"picket.internal/fact"
)

const (
	// maxTold bounds how many different troubles of a source are kept apart.
	maxTold = 32
	// maxReason bounds a reason, in bytes.
	maxReason = 256
)

// trouble is what tells one lack from another.
type trouble struct {
	of    fact.Kind
	cause string // empty of a source that cannot be read at all
}

type toldAs struct {
	count  int64
	reason string
	at     time.Time
	now    bool // it still is so
}

// ledger is what was said of a source's troubles, so that the same is not said
// every minute.
type ledger map[trouble]*toldAs

// news tells whether a trouble is to be told: when it is new, or was told long
// ago and is not what it was.
func (l ledger) news(t trouble, count int64, reason string, now time.Time) bool {
	was := l[t]
	if was == nil {
		if len(l) >= maxTold {
			return false // the digest's omitted has it
		}
		l[t] = &toldAs{count, reason, now, true}
		return true
	}
	was.now = true
	if was.count == count && was.reason == reason || now.Sub(was.at) < renew {
		return false
	}
	was.count, was.reason, was.at = count, reason, now
	return true
}

// sweep forgets what is no longer so.
func (l ledger) sweep() {
	for t, was := range l {
		if !was.now {
			delete(l, t)
		}
		was.now = false
	}
}

// lacking is a sensor/loss fact, or sensor/degraded where there is no cause.
func lacking(source string, t trouble, count int64, reason string, now time.Time) *fact.Fact {
	s := &fact.Sensor{Action: fact.SensorDegraded, Source: source, Reason: words(reason)}
	if t.cause != "" {
		s.Action, s.Cause, s.Count = fact.SensorLoss, t.cause, count
		s.First, s.Last = now.Format(time.RFC3339Nano), now.Format(time.RFC3339Nano)
		if t.of != "" {
			s.Reason = string(t.of) + ": " + s.Reason
		}
	}
	return &fact.Fact{Time: now, Kind: fact.KindSensor, Sensor: s}
}

// words bounds what a reason says; it may quote the host.
func words(reason string) string {
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	return strings.ToValidUTF8(strings.ReplaceAll(reason, "\n", " "), "\uFFFD")
}

// keep leaves everything as it is, for a look that found nothing new.
func (l ledger) keep() {
	for _, was := range l {
		was.now = true
	}
}
