package engine

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"picket.internal/engine/rule"
)

// ErrOff begins the Error of the alert that says that a rule was switched off.
const ErrOff = "rule.switched_off"

// A rule that exceeds its bound so often within strikeWindow on facts of one
// host is switched off for that host, and for all once hostsOff hosts brought it
// there: one host alone, whose facts may be made up for just that, must not
// blind the fleet.
const (
	maxStrikes   = 10
	strikeWindow = time.Minute
	hostsOff     = 5
	maxStruck    = 1000 // hosts that are told apart for one rule
	others       = ""   // all other hosts, which count as one
)

// breaker switches a rule off that keeps exceeding its bound.
type breaker struct {
	all  atomic.Bool // off for every host
	some atomic.Bool // off for one host or more

	mu    sync.Mutex
	hosts map[string]*strikes
	off   int
}

type strikes struct {
	since time.Time
	n     int
	off   bool
}

// allows reports whether the rule is shown facts of the host.
func (b *breaker) allows(host string) bool {
	if !b.some.Load() {
		return true
	}
	if b.all.Load() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.hosts[host]
	if s == nil {
		s = b.hosts[others]
	}
	return s == nil || !s.off
}

// strike counts an evaluation that exceeded its bound; what it answers is "", or
// whom the rule was switched off for by this.
func (b *breaker) strike(host string, now time.Time) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.of(host, now)
	if age := now.Sub(s.since); age < 0 || age >= strikeWindow {
		s.since, s.n = now, 0
	}
	if s.n++; s.n < maxStrikes || s.off {
		return ""
	}
	s.off = true
	b.off++
	b.some.Store(true)
	if b.off < hostsOff {
		return "this host"
	}
	if b.all.Swap(true) {
		return ""
	}
	return "all hosts"
}

func (b *breaker) of(host string, now time.Time) *strikes {
	if b.hosts == nil {
		b.hosts = map[string]*strikes{}
	}
	if s := b.hosts[host]; s != nil {
		return s
	}
	if len(b.hosts) >= maxStruck {
		for name, s := range b.hosts {
			if !s.off && now.Sub(s.since) >= strikeWindow {
				delete(b.hosts, name)
			}
		}
		if len(b.hosts) >= maxStruck {
			host = others
		}
	}
	s := b.hosts[host]
	if s == nil {
		s = &strikes{since: now}
		b.hosts[host] = s
	}
	return s
}

// reset switches the rule on again.
func (b *breaker) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hosts, b.off = nil, 0
	b.all.Store(false)
	b.some.Store(false)
}

func (b *breaker) state() (all bool, hosts int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Load(), b.off
}

// exceeded reports whether an evaluation ended because it took too much.
func exceeded(err error) bool {
	var problem *rule.EvalError
	return errors.As(err, &problem) && (problem.ID == rule.ErrCost || problem.ID == rule.ErrTime)
}

func offError(whom string, last error) string {
	return fmt.Sprintf("%s: for %s; it exceeded its bound %d times within %v, last with %v", ErrOff, whom, maxStrikes, strikeWindow, last)
}

// Enable switches a rule on again that was switched off or disabled; false where
// there is no such rule.
func (e *Engine) Enable(id string) bool {
	a := e.active.Load()
	if a == nil {
		return false
	}
	h := a.health[id]
	if h == nil {
		return false
	}
	h.breaker.reset()
	h.disabled.Store(false)
	return true
}
