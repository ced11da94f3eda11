// Package patience waits for the kernel, but not for ever. Some reads of
// another process or of a file system can be held up by whoever owns it: the
// caller then goes on without the answer, and the goroutine that asked is left
// behind. A Gate bounds how many are left behind.
//
// The package must never be used where a late answer would have side effects.
package patience

import (
	"sync/atomic"
	"time"
)

// Gate bounds how many calls are out at once that nobody waits for any more.
// The zero Gate lets none out; it is safe for concurrent use.
type Gate struct {
	max  int64
	lost atomic.Int64
}

// NewGate returns a Gate that leaves at most max calls behind.
func NewGate(max int) *Gate { return &Gate{max: int64(max)} }

// Lost is how many calls have not come back.
func (g *Gate) Lost() int64 { return g.lost.Load() }

// Do calls f and waits at most d for it. ok is false where f did not come back
// in time, or was not called because too many others have not.
func Do[T any](g *Gate, d time.Duration, f func() T) (answer T, ok bool) {
	late := new(T)
	if !g.do(d, func() { *late = f() }) {
		return answer, false
	}
	return *late, true
}

// do is Do without an answer, so that there is one of it for all types.
func (g *Gate) do(d time.Duration, f func()) bool {
	if g.lost.Load() >= g.max {
		return false
	}
	// 0 running, 1 answered, 2 given up: who changes it first decides who
	// keeps the books.
	var state atomic.Int32
	done := make(chan struct{})
	go func() {
		f()
		if !state.CompareAndSwap(0, 1) {
			g.lost.Add(-1)
		}
		close(done)
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
	}
	g.lost.Add(1)
	if state.CompareAndSwap(0, 2) {
		return false
	}
	g.lost.Add(-1)
	<-done
	return true
}
