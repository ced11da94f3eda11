//go:build linux

package canary

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/digest"
)

// follow brings the hashes that came too late for their canary facts: each
// goes out in a process/seen fact of the same process.
type follow struct {
	wake chan struct{}

	mu   sync.Mutex
	late []*fact.Fact
}

func newFollow() *follow { return &follow{wake: make(chan struct{}, 1)} }

func (f *follow) add(x *fact.Fact) {
	f.mu.Lock()
	f.late = append(f.late, x)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *follow) tell(emit func(*fact.Fact)) {
	f.mu.Lock()
	late := f.late
	f.late = nil
	f.mu.Unlock()
	for _, x := range late {
		emit(x)
	}
}

// hash finds the hash of an actor's image by the time until, or has it follow.
func (c *Collector) hash(a *actor, b *blocks, until time.Time) digest.Result {
	r, hasher := a.glimpse, c.procs.Hasher()
	switch {
	case r.Kernel():
		return digest.Result{Status: fact.HashNone}
	case !r.HasImage && len(r.Unreadable) > 0:
		return digest.Result{Status: fact.HashUnreadable}
	case !r.HasImage:
		return digest.Result{Status: fact.HashGone}
	case r.Image.File.Size > hasher.MaxSize():
		return digest.Result{Status: fact.HashTooLarge}
	}
	if sum, ok := hasher.Known(r.Image.File); ok {
		return digest.Result{Status: fact.HashOK, SHA256: sum}
	}
	if a.dir == nil || a.dir.Slow(r.Image) {
		return digest.Result{Status: fact.HashSkippedFS}
	}
	file, err := a.pin.Open()
	if err != nil {
		return digest.Result{Status: fact.HashUnreadable}
	}
	return c.hashFile(file, r.Image.File, *b, until)
}

// hashFile waits for a hash until the time is up. Then it follows in a fact of
// its own, made of b.
func (c *Collector) hashFile(file *os.File, key digest.Key, b blocks, until time.Time) digest.Result {
	p := *b.process // as it is now: the caller writes the hash into its own
	answer := make(chan digest.Result, 1)
	var settled atomic.Bool // by the answer or by the end of waiting
	ok := c.procs.Hasher().SumNow(file, key, func(r digest.Result) {
		if settled.CompareAndSwap(false, true) {
			answer <- r
			return
		}
		if r.Status != fact.HashOK {
			return
		}
		p.Action, p.HashStatus, p.Hash = fact.ProcessSeen, r.Status, &fact.Hash{SHA256: r.SHA256}
		c.follow.add(&fact.Fact{
			Time: c.procs.Host().Clock.Now(), Kind: fact.KindProcess, Process: &p, User: b.user, Service: b.service,
		})
	})
	if !ok {
		return digest.Result{Status: fact.HashDeferred}
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case r := <-answer:
		return r
	case <-timer.C:
	}
	if settled.CompareAndSwap(false, true) {
		return digest.Result{Status: fact.HashDeferred}
	}
	return <-answer
}
