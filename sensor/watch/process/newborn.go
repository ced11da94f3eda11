//go:build linux

package process

import (
	"time"
	"unique"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/connector"
	"picket.internal/sensor/watch/internal/describe"
)

const (
	// settling is how long a process that was forked has to execute another
	// image before it is told as what its parent is.
	settling = 250 * time.Millisecond
	// mourning is how long the end of a process that could not be read any
	// more may take to be told.
	mourning = 5 * time.Second
	// belated is how late the kernel's word of a process may be taken in that
	// a look has found.
	belated = time.Second
)

// newborn is a process that the kernel told of and nobody has read yet.
type newborn struct {
	pid, parent int32
	at          uint64 // CLOCK_MONOTONIC
	ticks       uint64 // its start time by that, one tick more or less
	heir        *kept  // what the parent was then; nil where that is not known
	executed    bool
	unread      bool // it was gone, or is another by now
	threads     bool
}

// ticksAt is a time of the monotonic clock in ticks since boot.
func (c *Collector) ticksAt(at uint64) uint64 {
	return uint64(max(0, c.asleep+time.Duration(at)) / clock.Tick)
}

// near tells whether two start times can be one: the kernel takes its own a
// moment before it tells.
func near(a, b uint64) bool { return a-b+1 <= 2 }

// forked notes a new process.
func (c *Collector) forked(ev *connector.Event) {
	pid := ev.TGID
	delete(c.reaped, pid)
	if e := c.table[pid]; e != nil {
		if c.foundEarly(e, ev) {
			e.announced = true
			return
		}
		c.exit(e, nil) // its end was not told
		c.drop(e)
	}
	if old := c.born[pid]; old != nil {
		c.lose(old)
	}
	n := &newborn{pid: pid, parent: ev.Parent, at: ev.Time, ticks: c.ticksAt(ev.Time)}
	// Of what the parent was read as, this is what it was forked from only if
	// the reading was before.
	if p := c.table[ev.Parent]; p != nil && !p.ended && p.read < ev.Time {
		k := p.kept
		n.heir = &k
	}
	c.born[pid] = n
	c.fresh = append(c.fresh, n)
}

// foundEarly tells whether a fork is that of the process which is known under
// its number: the kernel lists a process before it tells of it, and on a busy
// host a look can find it, and even its end, before the word is taken in.
func (c *Collector) foundEarly(e *entry, ev *connector.Event) bool {
	if !e.ended && e.read >= ev.Time {
		return true
	}
	if e.announced || c.ear.catch {
		return false // or so much was lost that this may be another one
	}
	return c.ticksAt(ev.Time)-e.stat.StartTicks+1 <= uint64(belated/clock.Tick)
}

// awaited tells whether the kernel may still have to tell of a process that a
// look found.
func (c *Collector) awaited(e *entry) bool {
	return c.ear.live && !e.announced && monotonic() < e.read+uint64(belated)
}

// lose counts a process of which there is nothing to tell.
func (c *Collector) lose(n *newborn) {
	delete(c.born, n.pid)
	c.gone.add(1, c.host.Clock.Now())
}

// ripen reads the processes whose time has come, oldest first.
func (c *Collector) ripen() {
	now := monotonic()
	kept := c.fresh[:0]
	for i, n := range c.fresh {
		switch {
		case c.born[n.pid] != n: // told already
		case n.unread && now > n.at+uint64(mourning):
			c.lose(n)
		case n.unread:
			kept = append(kept, n)
		case !n.executed && now < n.at+uint64(settling):
			kept = append(kept, n)
		case !c.budget.take(now):
			kept = append(kept, c.fresh[i:]...)
			clear(c.fresh[len(kept):])
			c.fresh = kept
			return
		default:
			if c.greet(n.pid, n); c.born[n.pid] == n {
				kept = append(kept, n)
			}
		}
	}
	clear(c.fresh[len(kept):])
	if c.fresh = kept; len(kept) == 0 {
		c.fresh = nil
	}
}

// pass tells of a process that ended before it was read: what the kernel told
// of it, and where it executed nothing, what it had of its parent.
func (c *Collector) pass(n *newborn, ev *connector.Event) {
	delete(c.born, n.pid)
	c.reaped[n.pid] = n.ticks
	if !c.budget.take(monotonic()) {
		c.crowd.add(c.maker(n.parent), c.wall(ev.Time))
		return
	}
	var k kept
	var user *fact.User
	var service *fact.Service
	if n.heir != nil {
		service = describe.Service(n.heir.unit)
		if !n.executed {
			k = *n.heir
			user = c.user(&k)
		}
	}
	if k.path == (unique.Handle[string]{}) {
		k.path = unique.Make("")
	}
	k.pid, k.ppid, k.stat.StartTicks = n.pid, n.parent, n.ticks
	k.start = c.wall(n.at)
	for _, action := range []string{fact.ProcessStart, fact.ProcessExit} {
		f := &fact.Fact{Time: k.start, Kind: fact.KindProcess, Process: c.block(&k), User: user, Service: service}
		p := f.Process
		p.Action, p.Source = action, c.via
		if p.HashStatus == "" {
			p.HashStatus = fact.HashGone
		}
		c.host.Lineage(p, k.ppid, k.stat.StartTicks+1, c.Kin)
		if action == fact.ProcessExit {
			f.Time, p.ExitCode = c.wall(ev.Time), exitStatus(int64(ev.Status))
		}
		c.out.Emit(f)
	}
}

// maker names what makes processes.
func (c *Collector) maker(pid int32) string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e := c.table[pid]
	if e == nil {
		return ""
	}
	name := e.path.Value()
	if name == "" {
		name = e.stat.Name
	}
	text, _ := describe.Path(name)
	return text
}
