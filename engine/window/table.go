package window

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	manyGroups = 4096 // from which on a spec is split
	manyShards = 16
)

// Table is the state of a set of specs. It is safe for concurrent use; called
// from one goroutine, it does the same for the same calls.
type Table struct {
	// mu is held for reading while events are applied, and for writing while the
	// set of specs or their groups are replaced.
	mu      sync.RWMutex
	specs   map[string]*specState
	orphans []Record // forgotten groups of specs that are no more
	unknown atomic.Uint64
}

// specState is the groups of one spec.
type specState struct {
	plan   *plan
	shards []*shard
}

// NewTable returns an empty table for specs.
func NewTable(specs []Spec) (*Table, error) {
	t := &Table{}
	if err := t.Reload(specs); err != nil {
		return nil, err
	}
	return t, nil
}

func newSpecState(s Spec) *specState {
	t := &specState{plan: newPlan(s)}
	n := 1
	if s.maxGroups() >= manyGroups {
		n = manyShards
	}
	for range n {
		t.shards = append(t.shards, newShard(t.plan, s.maxGroups()/n, s.maxBytes()/int64(n)))
	}
	return t
}

func (t *specState) shard(key digest) *shard { return t.shards[int(key[0])%len(t.shards)] }

// Apply takes an event for a spec and answers with what fires. Beside the
// firing of the event there may be others that were due before it.
func (t *Table) Apply(spec string, e Event) []Firing {
	t.mu.RLock()
	defer t.mu.RUnlock()
	s := t.specs[spec]
	if s == nil {
		t.unknown.Add(1)
		return nil
	}
	key := digestOf(e.Group)
	return s.shard(key).apply(key, &e)
}

// Advance lets the hub's time go on: windows that are over are judged, absences
// fire, what no longer matters is forgotten. Firings come in order of time.
func (t *Table) Advance(now time.Time) []Firing {
	n, _ := nanos(now)
	t.mu.RLock()
	defer t.mu.RUnlock()
	var out []Firing
	for _, s := range t.specs {
		for _, sh := range s.shards {
			sh.mu.Lock()
			out = sh.advance(n, out)
			sh.mu.Unlock()
		}
	}
	slices.SortFunc(out, func(a, b Firing) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Spec, b.Spec), slices.Compare(a.Group, b.Group))
	})
	return out
}

// Reload replaces the specs. Those whose Version is unchanged keep their state;
// that of others is forgotten. On an error nothing has changed.
func (t *Table) Reload(specs []Spec) error {
	fresh := make(map[string]*specState, len(specs))
	for _, s := range specs {
		if err := s.Check(); err != nil {
			return fmt.Errorf("spec %q: %w", clip(s.ID, 64), err)
		}
		if fresh[s.ID] != nil {
			return fmt.Errorf("spec %q is there twice", s.ID)
		}
		fresh[s.ID] = newSpecState(s)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, old := range t.specs {
		s := fresh[id]
		switch {
		case s == nil || s.plan.version != old.plan.version:
			t.forget(old)
		case s.plan.spec.maxGroups() == old.plan.spec.maxGroups() && s.plan.spec.maxBytes() == old.plan.spec.maxBytes():
			fresh[id] = old
		default:
			s.moveFrom(old)
		}
	}
	t.specs = fresh
	return nil
}

// forget notes that all stored groups of a spec are no more.
func (t *Table) forget(s *specState) {
	for _, sh := range s.shards {
		for _, g := range sh.inOrder() {
			sh.remove(g)
		}
		t.orphans = sh.take(t.orphans)
	}
}

// inOrder are the groups in the order in which they were touched.
func (sh *shard) inOrder() []*group {
	all := make([]*group, 0, len(sh.groups))
	for _, g := range sh.groups {
		all = append(all, g)
	}
	slices.SortFunc(all, bySeq)
	return all
}

func bySeq(a, b *group) int { return cmp.Or(cmp.Compare(a.seq, b.seq), compareDigests(a.key, b.key)) }

// moveFrom takes over the groups of a table with other bounds. Touches are
// numbered by the shard: between groups of different shards, who is older is
// only about right.
func (t *specState) moveFrom(old *specState) {
	var all []*group
	for i, sh := range old.shards {
		for key := range sh.changed.gone {
			t.shard(key).changed.drop(key)
		}
		t.shards[min(i, len(t.shards)-1)].stats.add(&sh.stats)
		all = append(all, sh.inOrder()...)
	}
	slices.SortStableFunc(all, bySeq)
	for _, g := range all {
		moved := &group{key: g.key, names: g.names, state: g.state, mark: g.mark, recv: g.recv, floor: g.floor,
			active: g.active, fired: g.fired, more: g.more, seq: g.seq, stored: g.stored}
		sh := t.shard(g.key)
		if sh.admit(moved, g.host.name); g.dirty && sh.groups[g.key] == moved {
			sh.changed.mark(moved)
		}
	}
}

// admit takes in a group as it is, the newest of its host.
func (sh *shard) admit(g *group, hostName string) {
	for len(sh.groups) >= sh.maxGroups {
		sh.evict(sh.byCount.hosts[0])
	}
	sh.add(g, hostName)
	sh.seq = max(sh.seq, g.seq)
	for sh.bytes > sh.maxBytes {
		sh.evict(sh.byBytes.hosts[0])
	}
}

// sorted are the tables in the order of their ids.
func (t *Table) sorted() []*specState {
	out := make([]*specState, 0, len(t.specs))
	for _, id := range slices.Sorted(maps.Keys(t.specs)) {
		out = append(out, t.specs[id])
	}
	return out
}
