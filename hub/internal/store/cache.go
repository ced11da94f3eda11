package store

import (
	"container/list"
	"sync"
)

// cacheBytes bounds the unpacked batches that queries keep for the next query.
const cacheBytes = 32 << 20

// unpacked keeps the batches that were used last. A batch never changes, so
// what is here is always right.
type unpacked struct {
	mu    sync.Mutex
	max   int
	size  int
	order *list.List // *page, the one used last in front
	byN   map[int64]*list.Element
}

// page is a batch as a query reads it.
type page struct {
	n       int64
	size    int
	stored  storedBatch
	entries []head
}

func newUnpacked(max int) *unpacked {
	return &unpacked{max: max, order: list.New(), byN: map[int64]*list.Element{}}
}

func (c *unpacked) get(n int64) *page {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byN[n]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*page)
}

func (c *unpacked) put(p *page) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byN[p.n]; ok {
		return
	}
	c.byN[p.n] = c.order.PushFront(p)
	c.size += p.size
	for c.size > c.max && c.order.Len() > 1 {
		last := c.order.Remove(c.order.Back()).(*page)
		delete(c.byN, last.n)
		c.size -= last.size
	}
}
