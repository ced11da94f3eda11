package store

import (
	"container/heap"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/api"
	"picket.internal/strictjson"
)

// head is what a query reads of a fact.
type head struct {
	pos  int
	kind string
	host string
	time time.Time
	raw  jsontext.Value
}

// Facts answers a query, newest first by the facts' own time.
//
// The index names batches, not facts, so the answer is merged: batches are
// opened in the order of their newest matching fact, and a fact is given out
// once no unopened batch can hold a newer one.
func (s *Store) Facts(ctx context.Context, q api.FactQuery) ([]api.StoredFact, error) {
	m, err := s.newMerge(ctx, q)
	if err != nil {
		return nil, err
	}
	var out []api.StoredFact
	for len(out) < q.Rows() {
		f, err := m.next()
		if err != nil {
			return nil, fmt.Errorf("querying facts: %w", err)
		}
		if f == nil {
			break
		}
		out = append(out, f.stored())
	}
	return out, nil
}

// found is a fact that matches.
type found struct {
	place place
	page  *page
	head  *head
}

func (f *found) stored() api.StoredFact {
	b := f.page.stored
	return api.StoredFact{Cursor: f.place.String(), Received: b.received,
		Batch: api.Batch{Session: b.session, Seq: b.seq, Digest: b.digest.String()}, Fact: f.head.raw}
}

// merge gives out matching facts, newest first.
type merge struct {
	ctx     context.Context
	store   *Store
	q       api.FactQuery
	before  *place // only facts before this one; nil means all
	streams []*segmentStream
	opened  map[int64]bool
	heap    foundHeap
}

func (s *Store) newMerge(ctx context.Context, q api.FactQuery) (*merge, error) {
	m := &merge{ctx: ctx, store: s, q: q, opened: map[int64]bool{}}
	newest := int64(math.MaxInt64)
	if !q.Until.IsZero() {
		newest = millis(q.Until)
	}
	if q.After != "" {
		p, err := parsePlace(q.After)
		if err != nil {
			return nil, err
		}
		m.before = &p
		newest = min(newest, millis(p.time))
	}
	if newest < math.MaxInt64 {
		newest += segmentSpan.Milliseconds()
	}
	var host int64
	if q.HostID != "" {
		if host = s.hosts.numberOf(q.HostID); host == 0 {
			return m, nil // nothing is about a host that does not exist
		}
	}
	for n, name := range s.kinds.all() {
		if q.Kind == "" || q.Kind == name || name == "" {
			m.streams = append(m.streams, &segmentStream{store: s, host: host, kind: n, last: newest, batch: math.MaxInt64})
		}
	}
	return m, nil
}

// next returns nil at the end.
func (m *merge) next() (*found, error) {
	for {
		st, last, err := m.newestStream()
		if err != nil {
			return nil, err
		}
		done := st == nil || !m.q.Since.IsZero() && last < millis(m.q.Since)
		if len(m.heap) > 0 && (done || millis(m.heap[0].place.time) > last) {
			return heap.Pop(&m.heap).(*found), nil
		}
		if done {
			return nil, nil
		}
		if err := m.open(st.take()); err != nil {
			return nil, err
		}
	}
}

// newestStream returns the stream with the newest unopened segment, nil where
// there is none.
func (m *merge) newestStream() (*segmentStream, int64, error) {
	var best *segmentStream
	var bestLast int64
	for _, st := range m.streams {
		last, ok, err := st.peek(m.ctx)
		if err != nil {
			return nil, 0, err
		}
		if ok && (best == nil || last > bestLast) {
			best, bestLast = st, last
		}
	}
	return best, bestLast, nil
}

// open adds everything of a batch that matches.
func (m *merge) open(n int64) error {
	if m.opened[n] {
		return nil
	}
	m.opened[n] = true
	p, err := m.store.page(m.ctx, n)
	if err != nil {
		return err
	}
	for i := range p.entries {
		h := &p.entries[i]
		at := place{h.time, n, h.pos}
		if matches(m.q, h) && (m.before == nil || at.less(*m.before)) {
			heap.Push(&m.heap, &found{at, p, h})
		}
	}
	return nil
}

func matches(q api.FactQuery, h *head) bool {
	return (q.HostID == "" || q.HostID == h.host) &&
		(q.Kind == "" || q.Kind == h.kind) &&
		(q.Since.IsZero() || !h.time.Before(q.Since)) &&
		(q.Until.IsZero() || h.time.Before(q.Until))
}

// foundHeap has the newest fact on top.
type foundHeap []*found

func (h foundHeap) Len() int           { return len(h) }
func (h foundHeap) Less(i, j int) bool { return h[j].place.less(h[i].place) }
func (h foundHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *foundHeap) Push(x any)        { *h = append(*h, x.(*found)) }
func (h *foundHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// page returns a batch unpacked for queries.
func (s *Store) page(ctx context.Context, n int64) (*page, error) {
	if p := s.cache.get(n); p != nil {
		return p, nil
	}
	b, err := scanBatch(s.read.QueryRowContext(ctx, selectBatch+`WHERE b.n = ?`, n))
	if err != nil {
		return nil, fmt.Errorf("reading batch %d: %w", n, err)
	}
	p, err := s.unpackPage(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("reading batch %d: %w", n, err)
	}
	s.cache.put(p)
	return p, nil
}

func (s *Store) unpackPage(ctx context.Context, b storedBatch) (*page, error) {
	wb, err := s.decode(ctx, s.read, b)
	if err != nil {
		return nil, err
	}
	refused := map[int]bool{}
	for _, place := range b.refused {
		refused[place] = true
	}
	p := &page{n: b.n, stored: b, size: 512}
	for i, raw := range wb.Facts {
		if refused[i] {
			continue
		}
		h, err := headOf(raw)
		if err != nil {
			return nil, fmt.Errorf("fact %d: %w", i, err)
		}
		h.pos = i
		p.entries = append(p.entries, h)
		p.size += len(raw) + 160
	}
	return p, nil
}

func headOf(raw jsontext.Value) (head, error) {
	var f struct {
		Time time.Time `json:"time"`
		Kind string    `json:"kind"`
		Host struct {
			ID string `json:"id"`
		} `json:"host"`
	}
	if err := strictjson.Decode(raw, strictjson.Limits{}, &f, func(string) {}); err != nil {
		return head{}, err
	}
	return head{kind: f.Kind, host: f.Host.ID, time: f.Time, raw: raw}, nil
}
