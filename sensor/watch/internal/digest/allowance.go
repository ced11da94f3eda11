//go:build linux

package digest

import (
	"sync"
	"time"
)

// rested is for how long an allowance adds up while nothing is read.
const rested = 8 * time.Second

// allowance bounds bytes a second. It may be overdrawn, by what is under way:
// then the next has to wait until it is paid back. It is safe for concurrent
// use.
type allowance struct {
	mu    sync.Mutex
	rate  float64 // a second
	left  float64
	since time.Time
}

func newAllowance(rate int64) allowance {
	return allowance{rate: float64(rate), left: float64(rate) * rested.Seconds(), since: time.Now()}
}

// wait is how long the next has to wait.
func (a *allowance) wait(now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left = min(a.rate*rested.Seconds(), a.left+a.rate*max(0, now.Sub(a.since).Seconds()))
	a.since = now
	if a.left > 0 {
		return 0
	}
	return time.Duration((1 - a.left) / a.rate * float64(time.Second))
}

// spend takes what was read.
func (a *allowance) spend(n int64) {
	a.mu.Lock()
	a.left -= float64(n)
	a.mu.Unlock()
}
