//go:build linux

package canary

import "sync/atomic"

// targets are the watched files, for those who look for them from other
// goroutines. The map is never changed, but replaced.
type targets struct {
	p atomic.Pointer[map[inodeKey]*node]
}

func (t *targets) set(all map[inodeKey]*node) { t.p.Store(&all) }

func (t *targets) get(key inodeKey) (n *node, ok bool) {
	if all := t.p.Load(); all != nil {
		n, ok = (*all)[key]
	}
	return n, ok
}

func (t *targets) has(key inodeKey) bool { _, ok := t.get(key); return ok }

func (t *targets) none() bool { all := t.p.Load(); return all == nil || len(*all) == 0 }
