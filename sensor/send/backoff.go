package send

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff is exponential with full jitter: each wait is a random part of a
// bound that doubles, so that a fleet which lost its hub does not come back
// all at once.
type backoff struct {
	min, max time.Duration
	bound    time.Duration // of the last wait; 0 before the first
}

// next is how long to wait before the next try: between half of the least
// wait and the bound, because a jitter of nothing would be no wait at all.
func (b *backoff) next() time.Duration {
	b.bound = min(max(2*b.bound, b.min), b.max)
	floor := b.min / 2
	return floor + rand.N(b.bound-floor+1)
}

// reset begins anew, after a success.
func (b *backoff) reset() { b.bound = 0 }

// pause waits, or less where ctx ends first; it tells whether it waited.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
