package window

import (
	"maps"
	"slices"
)

// changes is what a shard has to tell whoever stores its groups: a list of those
// that are not stored as they are, and the keys of those that are no more.
type changes struct {
	first, last *group
	gone        map[digest]bool
}

const (
	before = iota
	after
)

func (c *changes) mark(g *group) {
	if g.dirty {
		return
	}
	g.dirty = true
	g.links = [2]*group{before: c.last}
	if c.last != nil {
		c.last.links[after] = g
	} else {
		c.first = g
	}
	c.last = g
}

func (c *changes) unmark(g *group) {
	if !g.dirty {
		return
	}
	g.dirty = false
	if g.links[before] != nil {
		g.links[before].links[after] = g.links[after]
	} else {
		c.first = g.links[after]
	}
	if g.links[after] != nil {
		g.links[after].links[before] = g.links[before]
	} else {
		c.last = g.links[before]
	}
	g.links = [2]*group{}
}

// forget notes that a group is no more. One that was never told of needs no
// word.
func (c *changes) forget(g *group) {
	c.unmark(g)
	if g.stored {
		c.drop(g.key)
	}
}

func (c *changes) drop(key digest) {
	if c.gone == nil {
		c.gone = map[digest]bool{}
	}
	c.gone[key] = true
}

// revive reports whether the group of a key was to be forgotten: what is stored
// of it will be replaced instead.
func (c *changes) revive(key digest) bool {
	if !c.gone[key] {
		return false
	}
	delete(c.gone, key)
	return true
}

// take appends what has changed since the last call, forgotten groups first.
func (sh *shard) take(out []Record) []Record {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, key := range slices.SortedFunc(maps.Keys(sh.changed.gone), compareDigests) {
		out = append(out, Record{Spec: sh.plan.spec.ID, Key: key[:]})
	}
	sh.changed.gone = nil
	for g := sh.changed.first; g != nil; g = sh.changed.first {
		out = append(out, Record{Spec: sh.plan.spec.ID, Key: slices.Clone(g.key[:]), Data: sh.plan.encode(g)})
		g.stored = true
		sh.changed.unmark(g)
	}
	return out
}
