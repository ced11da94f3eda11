package window

import (
	"container/heap"
	"strings"
	"sync"
)

// group is one group of a spec.
type group struct {
	key   digest
	host  *host
	names []string // values of group-by, where the spec keeps them
	state state

	mark  int64 // newest event time: the clock of the group
	recv  int64 // newest receipt
	floor int64 // events before it are late

	active bool  // the condition fired and was true at the last event
	fired  int64 // end of the window that fired last
	more   int64 // continuations since

	seq     uint64 // of the last touch, for the order of eviction
	bytes   int64
	wakes   int64 // due, as the heap knows it; never later than the truth
	heapPos int
	older   *group // in the order of touches, of one host
	newer   *group
	links   [2]*group // in the list of what has changed
	dirty   bool
	stored  bool // a caller has a record of it
}

// groupBytes is about what a group takes beside its content.
const groupBytes = 400

func (g *group) content() int64 {
	n := g.state.size() + groupBytes
	for _, name := range g.names {
		n += int64(len(name)) + 16
	}
	return n
}

// shard is a part of the groups of a spec, under a lock of its own.
type shard struct {
	plan      *plan
	maxGroups int
	maxBytes  int64

	mu      sync.Mutex
	groups  map[digest]*group
	hosts   map[string]*host
	byCount hostHeap
	byBytes hostHeap
	wakes   groupHeap
	changed changes
	bytes   int64
	seq     uint64
	stats   Stats
	event   event          // scratch: the one that is applied
	seen    map[digest]int // scratch
}

func newShard(p *plan, maxGroups int, maxBytes int64) *shard {
	return &shard{plan: p, maxGroups: maxGroups, maxBytes: maxBytes, groups: map[digest]*group{}, hosts: map[string]*host{},
		byCount: hostHeap{pos: atCount}, byBytes: hostHeap{pos: atBytes}, seen: map[digest]int{}}
}

func (sh *shard) apply(key digest, ev *Event) (out []Firing) {
	p := sh.plan
	e := event{Event: *ev}
	clamped := e.setTimes(p.ahead)
	takes := p.takes(&e)
	e.fact = packFact(ev.Fact)

	sh.mu.Lock()
	defer sh.mu.Unlock()
	if !takes {
		sh.stats.Skipped++
		return nil
	}
	if clamped {
		sh.stats.Clamped++
	}
	g := sh.groups[key]
	if g != nil && g.state.due(p, g) <= e.recv {
		out, g = sh.expire(g, e.recv, out)
	}
	if g != nil && e.at < g.floor {
		sh.stats.Late++
		return out
	}
	if g == nil {
		out = sh.makeRoom(e.recv, ev.Host, out)
		g = sh.add(&group{key: key, state: p.newState(), mark: e.at, recv: e.recv, floor: never, names: p.names(ev)}, ev.Host)
	}
	sh.stats.Events++
	e.newest = e.at >= g.mark
	g.mark, g.recv = max(g.mark, e.at), max(g.recv, e.recv)
	if p.forgets() {
		g.floor = max(g.floor, g.mark-p.lateness)
	}
	before := len(out)
	sh.event = e
	out = g.state.apply(sh, g, &sh.event, out)
	sh.event = event{} // what the caller holds is not kept
	sh.count(out[before:])
	sh.touch(g)
	return out
}

func (sh *shard) count(firings []Firing) {
	for i := range firings {
		if firings[i].Continued {
			sh.stats.Continued++
		} else {
			sh.stats.Fired++
		}
	}
}

// setTimes takes the times of an event, or of its receipt where its own cannot be.
func (e *event) setTimes(ahead int64) (clamped bool) {
	at, whole := nanos(e.Time)
	e.at, e.recv = at, at
	if !e.Received.IsZero() {
		e.recv, _ = nanos(e.Received)
		if at > e.recv+ahead {
			e.at = e.recv
			return true
		}
	}
	return !whole
}

func (p *plan) names(e *Event) []string {
	if !p.keepsGroup() {
		return nil
	}
	names := make([]string, len(e.Group))
	for i, v := range e.Group {
		names[i] = strings.Clone(clip(v, maxName))
	}
	return names
}

// touch brings what the table knows of a group in line with it.
func (sh *shard) touch(g *group) {
	sh.seq++
	g.seq = sh.seq
	g.host.moveToNewest(g)
	sh.resize(g)
	if due := g.state.due(sh.plan, g); due < g.wakes {
		g.wakes = due
		heap.Fix(&sh.wakes, g.heapPos)
	}
	sh.changed.mark(g)
	for sh.bytes > sh.maxBytes {
		sh.evict(sh.byBytes.hosts[0])
	}
}

func (sh *shard) resize(g *group) {
	n := g.content()
	if n == g.bytes {
		return
	}
	sh.bytes += n - g.bytes
	g.host.bytes += n - g.bytes
	g.bytes = n
	heap.Fix(&sh.byBytes, g.host.at[atBytes])
}

// add takes in a group that is not there yet.
func (sh *shard) add(g *group, hostName string) *group {
	hostName = clip(hostName, maxName)
	h := sh.hosts[hostName]
	if h == nil {
		h = &host{name: strings.Clone(hostName)}
		sh.hosts[h.name] = h
		heap.Push(&sh.byCount, h)
		heap.Push(&sh.byBytes, h)
	}
	g.host = h
	h.pushNewest(g)
	h.count++
	heap.Fix(&sh.byCount, h.at[atCount])
	sh.groups[g.key] = g
	g.stored = g.stored || sh.changed.revive(g.key)
	g.wakes = g.state.due(sh.plan, g)
	heap.Push(&sh.wakes, g)
	sh.resize(g)
	return g
}

// remove forgets a group.
func (sh *shard) remove(g *group) {
	delete(sh.groups, g.key)
	heap.Remove(&sh.wakes, g.heapPos)
	sh.changed.forget(g)
	h := g.host
	h.unlink(g)
	h.count--
	h.bytes -= g.bytes
	sh.bytes -= g.bytes
	if h.count > 0 {
		heap.Fix(&sh.byCount, h.at[atCount])
		heap.Fix(&sh.byBytes, h.at[atBytes])
		return
	}
	heap.Remove(&sh.byCount, h.at[atCount])
	heap.Remove(&sh.byBytes, h.at[atBytes])
	delete(sh.hosts, h.name)
}

// makeRoom sees to it that there is room for one more group of the host.
func (sh *shard) makeRoom(now int64, hostName string, out []Firing) []Firing {
	if len(sh.groups) < sh.maxGroups {
		return out
	}
	out = sh.advance(now, out)
	for len(sh.groups) >= sh.maxGroups {
		most := sh.byCount.hosts[0]
		if own := sh.hosts[clip(hostName, maxName)]; own != nil && own.count+1 >= most.count {
			most = own // it would be the one that holds most
		}
		sh.evict(most)
	}
	return out
}

func (sh *shard) evict(h *host) {
	sh.stats.Evicted++
	sh.remove(h.oldest)
}

// advance does what is due at a time of the hub.
func (sh *shard) advance(now int64, out []Firing) []Firing {
	for len(sh.wakes) > 0 && sh.wakes[0].wakes <= now {
		g := sh.wakes[0]
		if due := g.state.due(sh.plan, g); due > now {
			g.wakes = due
			heap.Fix(&sh.wakes, 0)
			continue
		}
		out, _ = sh.expire(g, now, out)
	}
	return out
}

// expire does what is due for a group, which is nil afterwards when it is over.
func (sh *shard) expire(g *group, now int64, out []Firing) ([]Firing, *group) {
	before := len(out)
	out, over := g.state.expire(sh, g, now, out)
	sh.count(out[before:])
	if over {
		sh.stats.Expired++
		sh.remove(g)
		return out, nil
	}
	sh.resize(g)
	g.wakes = g.state.due(sh.plan, g)
	heap.Fix(&sh.wakes, g.heapPos)
	sh.changed.mark(g)
	return out, g
}
