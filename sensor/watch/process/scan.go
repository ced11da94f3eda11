//go:build linux

package process

import (
	"errors"
	"fmt"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/proc"
)

// scan finds out what is new, what is gone and what has changed.
func (c *Collector) scan() error {
	c.scans++
	now := c.host.Clock.Now()
	activity, known := c.host.FS.Activity() // before the list, so that nothing falls in between
	looks := c.looks()
	same := known && activity == c.activity && c.scans%uint64(c.cfg.Revalidate) != 0 && len(c.backlog) == 0 && !c.ear.catch
	c.ear.catch = false
	if !same {
		c.activity = activity
		if err := c.list(); err != nil {
			return err
		}
	}
	for pid, e := range c.table {
		switch {
		case e.ended && c.ear.live:
		case e.lost || now.Sub(e.since).Abs() < young:
			c.due = append(c.due, due{e, true})
		case (c.scans+uint64(pid))%looks == 0:
			c.due = append(c.due, due{e, (c.scans+uint64(pid))%(thorough*looks) == 0})
		}
	}
	for _, d := range c.due {
		c.check(d.entry, d.whole)
	}
	clear(c.due)
	c.due = c.due[:0]
	c.read(step)
	c.expire(now)
	c.tellGone(c.host.Clock.Now(), false)
	c.tellCrowd(c.host.Clock.Now(), false)
	c.tellUnheard()
	c.tellCoverage()
	return nil
}

// due is an entry whose turn it is.
type due struct {
	entry *entry
	whole bool // not only at a glance
}

// list lists the processes, queues those that are new and tells the exit of
// those that are gone.
func (c *Collector) list() error {
	pids, err := c.host.FS.Pids(c.pids[:0], c.dirents)
	if err != nil {
		return err
	}
	if len(pids) == 0 {
		return errors.New("listing processes: there are none")
	}
	c.pids = pids
	c.hear() // who is not listed has ended, and the kernel has told how
	listed, reaped := 0, c.reaped
	c.reaped = make(map[int32]uint64)
	for _, pid := range pids {
		if e, ok := c.table[pid]; ok {
			listed++
			e.scan = c.scans
		} else if ticks, ok := reaped[pid]; ok && c.sameOrGone(pid, ticks) {
			c.reaped[pid] = ticks
		} else if !c.queued[pid] && c.born[pid] == nil {
			c.queued[pid] = true
			c.backlog = append(c.backlog, pid)
		}
	}
	if listed < len(c.table) {
		c.sweep()
	}
	return nil
}

// sameOrGone tells whether no other process has the number of one that started
// then.
func (c *Collector) sameOrGone(pid int32, ticks uint64) bool {
	k, ok := describe.ReadKin(c.host.FS, pid)
	return !ok || near(k.StartTicks, ticks)
}

// sweep tells the exit of those that the last scan did not list.
func (c *Collector) sweep() {
	var ended []*entry
	for _, e := range c.table {
		if e.scan != c.scans {
			ended = append(ended, e)
		}
	}
	for _, e := range ended {
		c.exit(e, nil)
	}
	for _, e := range ended { // only now, so that each could name its parent
		if !c.awaited(e) {
			c.drop(e)
		} else if !e.ended {
			c.die(e)
		}
	}
}

// read reads at most n of the processes that are new.
func (c *Collector) read(n int) {
	n = min(n, len(c.backlog))
	for _, pid := range c.backlog[:n] {
		delete(c.queued, pid)
		_, told := c.reaped[pid]
		if !told && c.table[pid] == nil && c.born[pid] == nil {
			c.meet(pid)
		}
	}
	c.backlog = c.backlog[n:]
	if len(c.backlog) == 0 {
		c.backlog = nil
	}
}

// meet reads a process for the first time and tells of it.
func (c *Collector) meet(pid int32) { c.greet(pid, nil) }

// greet is meet for a process of which the kernel may have told the beginning.
// If it did and the process cannot be read, it stays unread, and its end tells
// what there is to tell. One that keeps executing other images is read later.
func (c *Collector) greet(pid int32, n *newborn) {
	begun := monotonic()
	d, err := c.host.FS.Dir(pid)
	if err != nil {
		c.missed(pid, n, err)
		return
	}
	defer d.Close()
	if n != nil {
		d.Hold()
	}
	r, err := d.Read()
	if err != nil {
		c.missed(pid, n, err)
		return
	}
	defer r.Release()
	if n != nil && (!near(r.StartTicks, n.ticks) || r.Ended()) {
		n.unread = true // another one under its number, or nothing but its exit code
		return
	}
	owner, _ := d.Owner()
	e := newEntry(r, owner, c.host.Clock.Now())
	e.scan, e.read, e.blind, e.threads = c.scans, begun, isBlind(r), true
	if n == nil {
		c.unannounced(r.StartTicks)
	} else {
		delete(c.born, pid)
		e.ppid, e.threads, e.announced = n.parent, n.threads, true
	}
	e.start = c.host.Started(r.StartTicks)
	c.put(e)
	action := fact.ProcessStart
	if r.StartTicks < c.began {
		action = fact.ProcessSeen
	}
	c.tell(d, r, e, action)
	if r.Ended() {
		c.end(e, &r.Stat)
	}
}

// missed counts a process that could not be read.
func (c *Collector) missed(pid int32, n *newborn, err error) {
	unsettled := errors.Is(err, proc.ErrUnsettled)
	if n != nil {
		n.unread = !unsettled
	}
	if unsettled || errors.Is(err, proc.ErrGone) {
		if n != nil {
			return // its turn comes again, or its end is still to be told
		}
		c.gone.add(1, c.host.Clock.Now())
		return
	}
	c.cfg.Logger.Debug("reading process", "pid", pid, "error", err)
	c.out.Emit(&fact.Fact{
		Time: c.host.Clock.Now(),
		Kind: fact.KindSensor,
		Sensor: &fact.Sensor{
			Action: fact.SensorLoss, Cause: fact.LossMalformed, Source: c.Name(), Count: 1,
			Reason: fmt.Sprintf("process %d: %v", pid, err),
		},
	})
}

func isBlind(r *proc.Reading) bool {
	return !r.Kernel() && !r.Ended() && !r.HasImage && len(r.Unreadable) > 0
}
