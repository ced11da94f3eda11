package queue

import (
	"time"

	"picket.internal/fact"
)

// Parcel is the facts of one batch: out of the lanes, not yet acknowledged.
type Parcel struct {
	items   []item
	bytes   int
	dropped [classes]uint64 // as it was when the parcel was made
}

// Len is how many facts there are.
func (p *Parcel) Len() int { return len(p.items) }

// Raw is the i-th fact in its canonical form. It must not be changed.
func (p *Parcel) Raw(i int) []byte { return p.items[i].raw }

// Dropped is what the queue had lost when the parcel was made.
func (p *Parcel) Dropped() Dropped {
	return Dropped{
		Critical: p.dropped[critical], Process: p.dropped[process], Inventory: p.dropped[inventory], Metric: p.dropped[metric],
	}
}

// Dropped counts facts that were lost since the start, by class.
type Dropped struct{ Critical, Process, Inventory, Metric uint64 }

func (p *Parcel) add(it item) {
	p.items = append(p.items, it)
	p.bytes += len(it.raw) + 1 // and a comma
}

// room is how much more a parcel may hold.
type room struct{ facts, bytes int }

// take uses up the room of a fact, where there is enough.
func (r *room) take(it *item) bool {
	if r.facts < 1 || r.bytes < len(it.raw)+1 {
		return false
	}
	r.facts--
	r.bytes -= len(it.raw) + 1
	return true
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
		if l := &q.lanes[i]; l.len() > 0 && (oldest.IsZero() || l.at(0).since.Before(oldest)) {
			oldest = l.at(0).since
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

// Take moves the facts of the next batch out of the lanes; nil when nothing
// waits. Losses and critical facts have precedence, so that after a long
// outage the hub learns of them with the first batch; within a parcel facts
// are in the order of their seq. Until the parcel is settled, Take returns the
// same.
func (q *Queue) Take() *Parcel {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.flight != nil {
		return q.flight
	}
	left := room{facts: ParcelFacts, bytes: batchRoom}
	told := q.tellLosses(&left)
	p := &Parcel{}
	q.move(p, q.choose(&left))
	for i := range told {
		p.add(told[i]) // theirs are the highest numbers
	}
	if len(p.items) == 0 {
		return nil
	}
	p.dropped = q.dropped
	q.flight = p
	return p
}

// tellLosses turns what was lost into facts.
func (q *Queue) tellLosses(left *room) []item {
	var told []item
	now := time.Now()
	waiting := q.losses
	q.losses = nil
	for _, l := range waiting {
		it := item{since: now, class: critical, loss: l}
		raw, err := q.encode(l.fact(), now)
		it.seq, it.raw = q.seq, raw
		if err != nil || !left.take(&it) {
			// It waits on; the counters of every batch have it already.
			q.losses = append(q.losses, l)
			continue
		}
		told = append(told, it)
	}
	return told
}

// choose counts how many of each lane's facts go: all critical ones that there
// is room for, then the oldest of the others.
func (q *Queue) choose(left *room) (counts [classes]int) {
	for l := &q.lanes[critical]; counts[critical] < l.len() && left.take(l.at(counts[critical])); {
		counts[critical]++
	}
	var limits [classes]int
	for c := metric; c < critical; c++ {
		limits[c] = q.lanes[c].len()
	}
	at := counts
	for {
		c, ok := q.oldest(at, limits)
		if !ok || !left.take(q.lanes[c].at(at[c])) {
			break
		}
		at[c]++
	}
	return at
}

// move takes the first facts of each lane into the parcel, in order of seq.
func (q *Queue) move(p *Parcel, counts [classes]int) {
	for {
		c, ok := q.oldest([classes]int{}, counts)
		if !ok {
			return
		}
		p.add(q.lanes[c].pop())
		counts[c]--
	}
}

// oldest is the lane that has the lowest seq at its position, among those
// whose position is below their limit.
func (q *Queue) oldest(at, limits [classes]int) (oldest class, ok bool) {
	var least uint64
	for c := range class(classes) {
		if at[c] >= limits[c] {
			continue
		}
		if seq := q.lanes[c].at(at[c]).seq; !ok || seq < least {
			oldest, least, ok = c, seq, true
		}
	}
	return oldest, ok
}

// Settle lets go of the parcel. Facts that the hub refused are counted as
// lost, with its reasons by index; a nil map refuses none.
func (q *Queue) Settle(p *Parcel, refused map[int]string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flight = nil
	now := time.Now()
	for i, reason := range refused {
		q.refuse(&p.items[i], reason, now)
	}
}

// SettleRefused lets go of a parcel of which the hub wants nothing.
func (q *Queue) SettleRefused(p *Parcel, reason string) {
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
