package store

import (
	"context"
	"sync"
	"time"
)

// feedBytes bounds the payloads of the batches that wait in memory for the
// engine; parsed, they take some times as much. What does not fit is read from
// the database again.
const feedBytes = 8 << 20

// LogBatch is a batch of the log, for the engine.
type LogBatch struct {
	// N is its place in the log; places grow, and may have holes.
	N int64
	// Received is when it was stored, by the hub's clock.
	Received time.Time
	// Host is who signed it: a host, or the hub.
	Host string
	// Session, Seq and Digest name it in the signer's chain.
	Session string
	Seq     uint64
	Digest  Digest
	// Entries are the facts that count.
	Entries []Entry

	size int
}

// feed hands batches from the writer to the engine without a way through the
// disk. It holds a gapless end of the log, or nothing.
type feed struct {
	mu      sync.Mutex
	batches []*LogBatch
	bytes   int
	changed chan struct{}
	closed  bool
}

func newFeed() *feed { return &feed{changed: make(chan struct{})} }

func (f *feed) publish(b *LogBatch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.batches = append(f.batches, b)
	f.bytes += b.size
	drop := 0
	for f.bytes > feedBytes && drop < len(f.batches)-1 {
		f.bytes -= f.batches[drop].size
		f.batches[drop] = nil
		drop++
	}
	f.batches = f.batches[drop:]
	f.wakeLocked()
}

// wake tells everybody that something was committed.
func (f *feed) wake() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wakeLocked()
}

func (f *feed) wakeLocked() {
	if f.closed {
		return
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.closed = true
		close(f.changed)
	}
}

func (f *feed) wait() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// after returns the batches behind n, where the feed reaches back that far.
func (f *feed) after(n int64, limit int) (batches []*LogBatch, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.batches) == 0 || n < f.batches[0].N-1 {
		return nil, false
	}
	for _, b := range f.batches {
		if b.N > n && len(batches) < limit {
			batches = append(batches, b)
		}
	}
	return batches, true
}

// forget drops what the reader of the feed is done with.
func (f *feed) forget(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.batches) > 1 && f.batches[0].N <= n {
		f.bytes -= f.batches[0].size
		f.batches[0] = nil
		f.batches = f.batches[1:]
	}
}

// Changed is closed at the next commit that adds facts or alerts, and when the
// store closes. Ask for it before looking, so that nothing falls between.
func (s *Store) Changed() <-chan struct{} { return s.feed.wait() }

// Next returns at most limit batches behind the place n in the log, oldest
// first: from memory where they were committed just now, else from the disk.
// None means that there are none yet.
func (s *Store) Next(ctx context.Context, n int64, limit int) ([]*LogBatch, error) {
	if batches, ok := s.feed.after(n, limit); ok {
		s.feed.forget(n)
		return batches, nil
	}
	return s.readLog(ctx, n, limit)
}
