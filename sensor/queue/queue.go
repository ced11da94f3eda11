package queue

import (
	"context"
	"sync"
	"time"

	"picket.internal/fact"
)

// Bounds of one parcel, which is a batch where it goes to the hub.
const (
	ParcelFacts = 1000
	ParcelBytes = 256 << 10
	// batchFrame is set aside for everything in a batch that is not a fact.
	batchFrame = 2 << 10
	// batchRoom is left for the facts, and the commas between them.
	batchRoom = ParcelBytes - batchFrame
)

// Limits bound what waits in a Queue. The batch on its way to the hub does
// not count: it cannot be evicted, and it has bounds of its own.
type Limits struct {
	// Facts is how many facts wait at most; 0 means 1,000.
	Facts int
	// Bytes is how much the waiting facts take at most, encoded; 0 means 4 MiB.
	Bytes int
	// ReservedFacts is how many of Facts only critical facts may take; 0
	// means 256, or half of Facts where that is less.
	ReservedFacts int
	// ReservedBytes is how much of Bytes only critical facts may take; 0
	// means 1 MiB, or half of Bytes where that is less.
	ReservedBytes int
}

// withDefaults fills in what is not set and keeps the reserve below the whole.
func (l Limits) withDefaults() Limits {
	if l.Facts <= 0 {
		l.Facts = 1000
	}
	if l.Bytes <= 0 {
		l.Bytes = 4 << 20
	}
	if l.ReservedFacts <= 0 {
		l.ReservedFacts = min(256, l.Facts/2)
	}
	if l.ReservedBytes <= 0 {
		l.ReservedBytes = min(1<<20, l.Bytes/2)
	}
	l.ReservedFacts = min(l.ReservedFacts, l.Facts)
	l.ReservedBytes = min(l.ReservedBytes, l.Bytes)
	return l
}

// Queue holds facts until the hub has acknowledged them. It is bounded: when
// it is full, metrics go first, then inventory, then process facts, the oldest
// of a class before the newer, and critical facts last. Among those, the
// newest of whatever there is most of goes, so that a flood hides neither how
// it began nor anything else. What went is told in sensor/loss facts, which
// cannot be evicted.
//
// Every fact gets its id, host and seq on entering. Seq counts from 1 for as
// long as the sensor runs, and counts lost facts too: a number that the hub
// never sees, once nothing older waits, is a fact that was lost.
//
// A Queue is safe for concurrent use.
type Queue struct {
	cfg    Config
	limits Limits
	wake   chan struct{} // tells the sender, with room for one, to look again

	mu       sync.Mutex // guards all below
	ids      ulids
	seq      uint64
	lanes    [classes]lane
	losses   ledger
	flight   *Parcel         // on its way to the hub; at most one
	dropped  [classes]uint64 // lost since the start, by class
	lastSaid said            // by the newest binary fact
	scratch  fact.Fact       // the fact that is being encoded, kept to spare an allocation
}

// Stats is what a Queue holds and has lost.
type Stats struct {
	Facts   int    // waiting, and on their way
	Bytes   int    // what those take, encoded
	Dropped uint64 // lost since the start
}

// Config says what a queue is for.
type Config struct {
	// Host is the id of the host. Empty means that the facts are on their way
	// to another queue, which will give them id, host and seq: here they get
	// none.
	Host string
	// Limits bound what waits.
	Limits Limits
	// Source names the queue in the losses it tells; empty means "queue".
	Source string
	// Cause is why facts are lost here; empty means fact.LossQueue.
	Cause string
}

// New makes a queue.
func New(cfg Config) *Queue {
	if cfg.Source == "" {
		cfg.Source = "queue"
	}
	if cfg.Cause == "" {
		cfg.Cause = fact.LossQueue
	}
	return &Queue{
		cfg:    cfg,
		limits: cfg.Limits.withDefaults(),
		wake:   make(chan struct{}, 1),
	}
}

// Emit queues a fact, or counts it as lost. It never waits for the hub and
// never fails. The fact is encoded at once and not kept, so that the caller
// may use it again.
func (q *Queue) Emit(f *fact.Fact) {
	if f == nil {
		return
	}
	q.mu.Lock()
	urgent := q.add(f)
	q.mu.Unlock()
	if urgent {
		q.nudge()
	}
}

// Lose counts something that never became a fact of this queue, as one that
// could not be read; source is whoever lost it. It is told as a critical loss:
// nobody knows what it was.
func (q *Queue) Lose(source, cause, reason string) {
	now := time.Now()
	q.mu.Lock()
	q.dropped[critical]++
	q.losses.note(lossKey{cause: cause, class: critical, reason: reason, source: source}, now)
	q.mu.Unlock()
	q.nudge()
}

// Await returns when a parcel is due, or ctx ends. A fact that is not critical
// waits for company for flushAfter at most. Only one may wait at a time.
func (q *Queue) Await(ctx context.Context, flushAfter time.Duration) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		ready, wait := q.due(time.Now(), flushAfter)
		if ready || ctx.Err() != nil {
			return
		}
		var flush <-chan time.Time
		if wait >= 0 {
			timer.Reset(wait)
			flush = timer.C
		}
		select {
		case <-flush:
		case <-q.wake:
		case <-ctx.Done():
		}
	}
}

// nudge makes the sender look at the queue again.
func (q *Queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default: // it has been told already
	}
}

// Stats tells what the queue holds and has lost.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	var s Stats
	s.Facts, s.Bytes = q.size()
	if q.flight != nil {
		s.Facts += len(q.flight.items)
		s.Bytes += q.flight.bytes
	}
	for _, n := range q.dropped {
		s.Dropped += n
	}
	return s
}

// Urgent tells whether a critical fact waits.
func (q *Queue) Urgent() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lanes[critical].len() > 0
}

// add encodes and places a fact, and tells whether the sender should look.
func (q *Queue) add(f *fact.Fact) (urgent bool) {
	now := time.Now()
	it := item{class: q.classify(f), since: now}
	if it.class == critical {
		it.group = group(f)
	}
	raw, err := q.encode(f, now)
	it.seq = q.seq
	if err != nil {
		// Only a fault of a collector gets here; the fact cannot be sent.
		q.lose(it.class, fact.LossMalformed, err.Error(), now)
		return false
	}
	if len(raw) >= batchRoom {
		q.lose(it.class, fact.LossMalformed, "the fact is larger than a batch", now)
		return false
	}
	it.raw = raw
	if !q.makeRoom(&it, now) {
		q.lose(it.class, q.cfg.Cause, "", now)
		return false
	}
	facts, bytes := q.size()
	q.lanes[it.class].push(it)
	return it.class == critical || facts == 0 || (!q.enough(facts, bytes) && q.enough(facts+1, bytes+len(raw)))
}

// classify is classOf, but for binary facts: one that repeats what the last
// one said is a sample, one that says something new is critical.
func (q *Queue) classify(f *fact.Fact) class {
	if f.Kind == fact.KindBinary && f.Binary != nil {
		now := saidBy(f.Binary)
		repeats := now == q.lastSaid
		q.lastSaid = now
		if repeats {
			return metric
		}
	}
	return classOf(f)
}

// encode numbers the fact and encodes it.
func (q *Queue) encode(f *fact.Fact, now time.Time) ([]byte, error) {
	q.seq++
	q.scratch = *f
	if q.cfg.Host != "" {
		q.stamp(&q.scratch, now)
	} else {
		q.scratch.ID, q.scratch.Host.ID, q.scratch.Seq = "", "", 0
	}
	raw, err := q.scratch.Encode()
	q.scratch = fact.Fact{}
	return raw, err
}

// stamp gives a fact its id, host and seq.
func (q *Queue) stamp(f *fact.Fact, now time.Time) {
	f.ID, f.Host.ID, f.Seq = q.ids.next(now), q.cfg.Host, q.seq
}

// size tells what waits.
func (q *Queue) size() (facts, bytes int) {
	for i := range q.lanes {
		facts += q.lanes[i].len()
		bytes += q.lanes[i].bytes
	}
	return facts, bytes
}

// enough tells whether so much waits that waiting for more only risks losing
// it: a batch, or half of what ordinary facts may take.
func (q *Queue) enough(facts, bytes int) bool {
	return facts >= min(ParcelFacts, (q.limits.Facts-q.limits.ReservedFacts+1)/2) ||
		bytes >= min(batchRoom, (q.limits.Bytes-q.limits.ReservedBytes+1)/2)
}

// lose counts a lost fact.
func (q *Queue) lose(c class, cause, reason string, now time.Time) {
	q.dropped[c]++
	q.losses.note(lossKey{cause: cause, class: c, reason: reason, source: q.cfg.Source}, now)
}
