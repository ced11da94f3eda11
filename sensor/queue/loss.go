package queue

import (
	"strings"
	"time"

	"picket.internal/fact"
)

// maxLosses bounds how many different losses wait at once. Reasons come from
// the hub, so beyond it they are dropped and the losses merged.
const maxLosses = 64

// maxReason bounds a reason, in bytes.
const maxReason = 256

// lossKey is what losses must have in common to be told as one.
type lossKey struct {
	cause  string
	class  class
	reason string
	source string
}

// loss is facts that were lost and are not yet told of.
type loss struct {
	lossKey
	count       int64
	first, last time.Time // when they were lost, by the host's clock
	since       time.Time // when the first was lost, for the flush
}

// ledger keeps the losses that wait to be told, in the order in which they
// began. It takes no place of the queue, so nothing can push an entry out; the
// number of entries is bounded instead.
type ledger []*loss

// note counts a lost fact.
func (l *ledger) note(key lossKey, now time.Time) {
	l.merge(&loss{lossKey: key, count: 1, first: now, last: now, since: now})
}

// merge adds a loss to those that wait; also one that was on its way and came
// back because the hub refused the batch that told of it.
func (l *ledger) merge(in *loss) {
	key := in.lossKey
	if len(key.reason) > maxReason {
		key.reason = strings.ToValidUTF8(key.reason[:maxReason], "")
	}
	have := l.find(key)
	if have == nil && len(*l) >= maxLosses {
		key.reason = ""
		have = l.find(key)
	}
	if have == nil {
		in.lossKey = key
		*l = append(*l, in)
		return
	}
	have.count += in.count
	if in.first.Before(have.first) {
		have.first = in.first
	}
	if in.last.After(have.last) {
		have.last = in.last
	}
	if in.since.Before(have.since) {
		have.since = in.since
	}
}

func (l *ledger) find(key lossKey) *loss {
	for _, entry := range *l {
		if entry.lossKey == key {
			return entry
		}
	}
	return nil
}

// fact tells of the loss.
func (l *loss) fact() *fact.Fact {
	return &fact.Fact{
		Time: l.last.UTC(),
		Kind: fact.KindSensor,
		Sensor: &fact.Sensor{
			Action: fact.SensorLoss,
			Cause:  l.cause,
			Source: l.source,
			Class:  l.class.String(),
			Count:  l.count,
			First:  l.first.UTC().Format(time.RFC3339Nano),
			Last:   l.last.UTC().Format(time.RFC3339Nano),
			Reason: l.reason,
		},
	}
}
