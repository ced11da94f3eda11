//go:build linux

package process

import (
	"slices"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/connector"
)

// maxDead is how many processes are remembered that have ended, for those who
// ask what they were.
const maxDead = 256

// hear takes in what the kernel told.
func (c *Collector) hear() {
	if c.ear.feed == nil {
		return
	}
	via := c.via
	c.via = fact.SourceConnector
	now := monotonic()
	ahead := c.host.Clock.SinceBoot() - time.Duration(now)
	// Start times are compared to the tick. Who has to wait for the processor
	// between the two clocks knows less than before.
	if c.asleep == 0 || monotonic()-now < uint64(time.Millisecond) {
		c.asleep = ahead
	}
	defer func() { c.via = via }()
	events, over := c.ear.feed.take()
	c.foresee(events)
	for i := range events {
		c.event(i, &events[i])
	}
	clear(c.ending)
	for pid := range c.dirty {
		if e := c.table[pid]; e != nil && c.budget.take(monotonic()) {
			e.since = c.host.Clock.Now() // a look is taken as at a young one
			c.check(e, true)
		}
	}
	clear(c.dirty)
	c.ripen()
	c.follow()
	c.bury()
	if over {
		c.silent()
	}
}

// foresee notes which processes have ended by the end of the events: there is
// nothing to be read of them, or of another one under the same number.
func (c *Collector) foresee(events []connector.Event) {
	for i := range events {
		if ev := &events[i]; ev.What == connector.Exit && !ev.Thread() {
			c.ending[ev.TGID] = i
		}
	}
}

func (c *Collector) event(i int, ev *connector.Event) {
	if ev.What == connector.Overrun {
		c.ear.catch = true
		c.tellOverrun(c.wall(c.ear.heard), "the process connector told more than the sensor could take")
		return
	}
	c.listened(ev.Time)
	switch ev.What {
	case connector.Fork:
		if ev.Thread() {
			c.threaded(ev.TGID)
		} else {
			c.forked(ev)
		}
	case connector.Exec:
		c.executed(ev, c.ending[ev.TGID] > i)
	case connector.UID, connector.GID:
		if e := c.table[ev.TGID]; e != nil && !e.ended && e.read < ev.Time {
			c.dirty[ev.TGID] = true
		}
	case connector.Exit:
		c.exited(ev)
	}
}

// threaded notes that a process has more than one thread.
func (c *Collector) threaded(pid int32) {
	if e := c.table[pid]; e != nil {
		e.threads = true
	} else if n := c.born[pid]; n != nil {
		n.threads = true
	}
}

// executed reads what a process runs now, unless it is over already.
func (c *Collector) executed(ev *connector.Event, over bool) {
	pid := ev.TGID
	if n := c.born[pid]; n != nil {
		n.executed = true
		if !over && !n.unread && c.budget.take(monotonic()) {
			c.greet(pid, n)
		}
		return
	}
	e := c.table[pid]
	if e != nil {
		e.announced = true
	}
	switch {
	case e == nil:
		if !over && !c.queued[pid] { // it began before the kernel was heard
			c.queued[pid] = true
			c.backlog = append(c.backlog, pid)
		}
	case e.read >= ev.Time: // that is how it was read
	case over || !c.budget.take(monotonic()):
		c.unknown(e)
	case !c.reread(e):
		c.unknown(e)
	}
}

// reread reads what a known process has executed.
func (c *Collector) reread(e *entry) bool {
	d, err := c.host.FS.Dir(e.pid)
	if err != nil {
		return false
	}
	defer d.Close()
	d.Hold()
	return c.again(d, e, fact.ProcessExec)
}

// unknown notes that a process runs something else than what was read. Should
// it still be there, the next look reads it.
func (c *Collector) unknown(e *entry) {
	if e.ended || e.lost {
		return
	}
	c.hurry(e)
	c.change(e, func() {
		// Whatever is read next is another image than this.
		e.stat.StartCode, e.stat.StartStack = 0, 0
		e.image.File.Inode, e.hasImage = 0, false
		e.forget()
		e.lost = true
	})
	c.gone.add(1, c.host.Clock.Now())
}

// exited tells the end of a process.
func (c *Collector) exited(ev *connector.Event) {
	pid := ev.TGID
	if n := c.born[pid]; n != nil {
		if !ev.Thread() && !(n.threads && c.goesOn(pid, n.ticks)) {
			c.pass(n, ev)
		}
		return
	}
	e := c.table[pid]
	if ev.Thread() || e == nil || e.ended || e.stat.StartTicks > c.ticksAt(ev.Time)+1 {
		return
	}
	e.announced = true
	// The first thread may end before the others, or because another one
	// executes in its place.
	if e.threads && c.goesOn(pid, e.stat.StartTicks) {
		c.headless = append(c.headless, headless{e, *ev})
		return
	}
	c.over(e, ev)
}

// over tells the end of a known process.
func (c *Collector) over(e *entry, ev *connector.Event) {
	c.exitAt(e, exitStatus(int64(ev.Status)), c.wall(ev.Time))
	c.die(e)
}

// die keeps a process whose end is told among the dead.
func (c *Collector) die(e *entry) {
	c.change(e, func() {
		e.ended = true
		c.setDead(append(c.dead, e))
	})
}

// headless is a process whose first thread has ended while there were others,
// and how.
type headless struct {
	*entry
	end connector.Event
}

// follow looks at those whose other threads were about to end too. After a
// while looks have to find out.
func (c *Collector) follow() {
	now := monotonic()
	c.headless = slices.DeleteFunc(c.headless, func(h headless) bool {
		if !h.ended && c.table[h.pid] == h.entry && !c.goesOn(h.pid, h.stat.StartTicks) {
			c.over(h.entry, &h.end)
		}
		return h.ended || now > h.end.Time+1e9
	})
}

// goesOn tells whether a process is there that is more than a thread which
// ends.
func (c *Collector) goesOn(pid int32, ticks uint64) bool {
	d, err := c.host.FS.Dir(pid)
	if err != nil {
		return false
	}
	defer d.Close()
	var buf [1024]byte
	s, err := d.Stat(buf[:])
	return err == nil && near(s.StartTicks, ticks) && !s.Ending()
}

// bury forgets the processes that ended first.
func (c *Collector) bury() {
	for len(c.dead) > maxDead {
		e := c.dead[0]
		c.mu.Lock()
		c.setDead(c.dead[1:])
		c.mu.Unlock()
		if c.table[e.pid] == e {
			c.drop(e)
			c.reaped[e.pid] = e.stat.StartTicks // until it is reaped, it is listed
		}
	}
}
