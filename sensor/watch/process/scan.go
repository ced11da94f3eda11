//go:build linux

package process

import (
	"errors"
	"fmt"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/proc"
)

// scan finds out what is new, what is gone and what has changed.
func (c *Collector) scan() error {
	c.scans++
	now := c.host.Clock.Now()
	activity, known := c.host.FS.Activity() // before the list, so that nothing falls in between
	quiet := known && activity == c.activity && c.scans%uint64(c.cfg.Revalidate) != 0 && len(c.backlog) == 0
	if !quiet {
		c.activity = activity
		if err := c.list(); err != nil {
			return err
		}
	}
	for pid, e := range c.table {
		switch {
		case now.Sub(e.since).Abs() < young:
			c.due = append(c.due, due{e, true})
		case (c.scans+uint64(pid))%uint64(c.cfg.Revalidate) == 0:
			c.due = append(c.due, due{e, (c.scans+uint64(pid))%uint64(thorough*c.cfg.Revalidate) == 0})
		}
	}
	for _, d := range c.due {
		c.check(d.entry, d.whole)
	}
	clear(c.due)
	c.due = c.due[:0]
	c.read(step)
	c.expire(now)
	c.tellGone(c.host.Clock.Now())
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
	listed := 0
	for _, pid := range pids {
		if e, ok := c.table[pid]; ok {
			listed++
			e.scan = c.scans
		} else if !c.queued[pid] {
			c.queued[pid] = true
			c.backlog = append(c.backlog, pid)
		}
	}
	if listed < len(c.table) {
		c.sweep()
	}
	return nil
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
		c.drop(e)
	}
}

// read reads at most n of the processes that are new.
func (c *Collector) read(n int) {
	n = min(n, len(c.backlog))
	for _, pid := range c.backlog[:n] {
		delete(c.queued, pid)
		c.meet(pid)
	}
	c.backlog = c.backlog[n:]
	if len(c.backlog) == 0 {
		c.backlog = nil
	}
}

// meet reads a process for the first time and tells of it.
func (c *Collector) meet(pid int32) {
	d, err := c.host.FS.Dir(pid)
	if err != nil {
		c.missed(pid, err)
		return
	}
	defer d.Close()
	r, err := d.Read()
	if err != nil {
		c.missed(pid, err)
		return
	}
	owner, _ := d.Owner()
	e := newEntry(r, owner, c.host.Clock.Now())
	e.scan, e.blind = c.scans, isBlind(r)
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
func (c *Collector) missed(pid int32, err error) {
	if errors.Is(err, proc.ErrGone) {
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
