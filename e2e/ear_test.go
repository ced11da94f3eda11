//go:build linux

package e2e_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/fact"
)

// heard is a fact and when the hub accepted it.
type heard struct {
	fact     *fact.Fact
	received time.Time
}

// ear keeps what the hub tells to who follows it.
type ear struct {
	stop func()

	mu     sync.Mutex
	facts  []heard
	cursor string
	err    error
	more   chan struct{} // closed with each fact, and made anew
}

// follow listens to the hub from now on.
func follow(t *testing.T, hub *rig) *ear {
	e := &ear{more: make(chan struct{})}
	e.listen(t, hub)
	return e
}

// listen follows the hub from where the ear left off. One that was started
// anew has another address for its clients, so that it is to be called again.
func (e *ear) listen(t *testing.T, hub *rig) {
	ctx, cancel := context.WithCancel(t.Context())
	c := hub.client()
	after := e.cursor
	done := make(chan struct{})
	go func() {
		defer close(done)
		for stored, err := range c.FollowFacts(ctx, api.FactQuery{After: after}) {
			if ctx.Err() != nil {
				return
			}
			e.take(stored, err)
		}
	}()
	e.stop = func() { cancel(); <-done }
	t.Cleanup(e.stop)
}

func (e *ear) take(stored api.StoredFact, err error) {
	var f *fact.Fact
	if err == nil {
		f, _, err = fact.Parse(stored.Fact)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		e.err = err
	} else {
		e.facts = append(e.facts, heard{f, stored.Received})
		e.cursor = stored.Cursor
	}
	close(e.more)
	e.more = make(chan struct{})
}

// heard is how many facts came so far.
func (e *ear) heard() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.facts)
}

// await waits for a fact beyond the first ones that is as wanted, and tells
// when the hub accepted it.
func (e *ear) await(t *testing.T, from int, what string, deadline time.Time, wanted func(*fact.Fact) bool) time.Time {
	t.Helper()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for next := from; ; {
		e.mu.Lock()
		facts, err, more := e.facts, e.err, e.more
		e.mu.Unlock()
		for ; next < len(facts); next++ {
			if wanted(facts[next].fact) {
				return facts[next].received
			}
		}
		if err != nil {
			t.Fatalf("following the hub: %v", err)
		}
		select {
		case <-more:
		case <-timer.C:
			t.Fatalf("%s: the hub was not told; it was told:%s", what, e.since(from))
		}
	}
}

// since says what came beyond the first facts.
func (e *ear) since(from int) (out string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range e.facts[from:] {
		if h.fact.Kind == fact.KindMetric || h.fact.Kind == fact.KindProcess {
			continue
		}
		data, err := h.fact.Encode()
		if err != nil {
			data = []byte(err.Error())
		}
		out += "\n" + string(data)
	}
	return out
}

// count is how many facts beyond the first ones are as wanted.
func (e *ear) count(from int, wanted func(*fact.Fact) bool) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range e.facts[from:] {
		if wanted(h.fact) {
			n++
		}
	}
	return n
}
