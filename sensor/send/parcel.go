package send

import (
	"cmp"
	"slices"
	"time"

	"picket.internal/fact"
)

// parcel is the facts of one batch: out of the lanes, not yet acknowledged.
type parcel struct {
	items   []item
	bytes   int
	dropped [classes]uint64 // as it was when the parcel was made
}

// due tells whether the sender should take a parcel now, and otherwise after
// how long it should ask again; a negative wait means: when woken.
func (q *Queue) due(now time.Time, flushAfter time.Duration) (ready bool, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.lanes[critical].len() > 0 || q.enough(q.size()) {
		return true, 0
	}
	var oldest time.Time
	for i := range q.lanes {
		if l := &q.lanes[i]; l.len() > 0 && (oldest.IsZero() || l.first().since.Before(oldest)) {
			oldest = l.first().since
		}
	}
	for _, l := range q.losses {
		if oldest.IsZero() || l.since.Before(oldest) {
			oldest = l.since
		}
	}
	if oldest.IsZero() {
		return false, -1
	}
	wait = flushAfter - now.Sub(oldest)
	return wait <= 0, wait
}

// take moves the facts of the next batch out of the lanes; nil when nothing
// waits. Losses and critical facts come first, so that after a long outage
// the hub learns of them with the first batch; within a parcel facts are in
// the order of their seq. Until the parcel is settled, take returns the same.
func (q *Queue) take() *parcel {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.flight != nil {
		return q.flight
	}
	p := &parcel{}
	q.takeLosses(p)
	for l := &q.lanes[critical]; l.len() > 0 && p.fits(l.first()); {
		p.add(l.pop())
	}
	for l := q.oldestLane(); l != nil && p.fits(l.first()); l = q.oldestLane() {
		p.add(l.pop())
	}
	if len(p.items) == 0 {
		return nil
	}
	slices.SortFunc(p.items, func(a, b item) int { return cmp.Compare(a.seq, b.seq) })
	p.dropped = q.dropped
	q.flight = p
	return p
}

// takeLosses turns what was lost into facts.
func (q *Queue) takeLosses(p *parcel) {
	now := time.Now()
	for _, l := range q.losses.sorted() {
		raw, err := q.encode(l.fact(), now)
		if err != nil {
			continue // it waits on, and stays in the counters of every batch
		}
		p.add(item{seq: q.seq, since: now, class: critical, raw: raw, loss: l})
		delete(q.losses, l.lossKey)
	}
}

// oldestLane is the ordinary lane whose oldest fact is the oldest of all.
func (q *Queue) oldestLane() *lane {
	var oldest *lane
	for i := range q.lanes[:critical] {
		if l := &q.lanes[i]; l.len() > 0 && (oldest == nil || l.first().seq < oldest.first().seq) {
			oldest = l
		}
	}
	return oldest
}

func (p *parcel) fits(it *item) bool {
	return len(p.items) < batchFacts && p.bytes+len(it.raw)+1 <= batchRoom
}

func (p *parcel) add(it item) {
	p.items = append(p.items, it)
	p.bytes += len(it.raw) + 1 // and a comma
}

// settle lets go of the parcel. Facts that the hub refused are counted as
// lost, with its reasons by index; a nil map refuses none.
func (q *Queue) settle(p *parcel, refused map[int]string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flight = nil
	now := time.Now()
	for i, reason := range refused {
		q.refuse(&p.items[i], reason, now)
	}
}

// settleRefused lets go of a parcel of which the hub wants nothing.
func (q *Queue) settleRefused(p *parcel, reason string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flight = nil
	now := time.Now()
	for i := range p.items {
		q.refuse(&p.items[i], reason, now)
	}
}

// refuse counts a fact that the hub will never take. Where it told of a loss,
// that loss waits again, so that it stays told of.
func (q *Queue) refuse(it *item, reason string, now time.Time) {
	if it.loss != nil {
		it.loss.since = now
		q.losses.merge(it.loss)
		return
	}
	q.lose(it.class, fact.LossBatchRefused, reason, now)
}
