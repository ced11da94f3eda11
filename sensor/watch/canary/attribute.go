//go:build linux

package canary

import (
	"time"

	"picket.internal/fact"
)

// tellTouch tells what was done to a file, and by whom where that is known.
func (c *Collector) tellTouch(t *turn, x *touch) {
	n := x.node
	if t.at.Sub(n.last) > forgotten && n.open > 0 {
		if n.verify(n.key); len(n.known) == 0 {
			n.open = 0
		}
	}
	n.last = t.at
	if n.mark != "" {
		c.better(t, x)
		c.swear(t, x)
		for _, d := range x.deeds {
			c.tellDeed(t, n, d)
		}
	} else {
		c.tellGuess(t, x)
	}
	n.closed(x.closes, n.key, c.lastRead[fromFiles])
	for k := range n.canaries {
		k.touched = t.at
		if k.node == n {
			c.refresh(t, k, x)
		}
	}
}

// tellDeed tells what fanotify knows one process did.
func (c *Collector) tellDeed(t *turn, n *node, d deed) {
	c.tellAll(t, n, fact.CanaryOpen, d.opens, d.who)
	c.tellAll(t, n, fact.CanaryRead, d.reads, d.who)
	c.tellAll(t, n, fact.CanaryModify, d.writes, d.who)
}

// tellGuess tells what inotify reports, and who can have done it.
func (c *Collector) tellGuess(t *turn, x *touch) {
	n := x.node
	var who *actor
	switch {
	case x.opens > 0:
		if left := c.swornOpens(t, n, x.opens); left > 0 {
			for _, s := range n.opened(left, c.await(n, t)) {
				c.tellAll(t, n, fact.CanaryOpen, s.n, s.who)
			}
		}
		who = n.sole()
	case x.reads+x.writes > 0:
		if who = n.sole(); who == nil {
			who = n.used(c.await(n, t))
		}
	}
	c.tellAll(t, n, fact.CanaryRead, x.reads, who)
	c.tellAll(t, n, fact.CanaryModify, x.writes, who)
}

// await returns who was seen to hold the file since it was last closed and is
// not known to hold it already. It waits for the lookouts, and looks further
// itself, but not for long.
func (c *Collector) await(n *node, t *turn) []sighting {
	until := t.at.Add(patience)
	soon := t.at.Add(time.Millisecond)
	for {
		if seen := n.fresh(c.found().take(n.key)); len(seen) > 0 {
			return c.elders(n.key, seen)
		}
		now := time.Now()
		if now.After(until) || (now.After(soon) && c.lookouts.idle()) {
			break
		}
		wait := time.NewTimer(500 * time.Microsecond)
		select {
		case <-c.found().wake:
		case <-wait.C:
		}
		wait.Stop()
	}
	if time.Now().Before(until) {
		c.lookThrough(n.key, until)
	}
	return c.elders(n.key, n.fresh(c.found().take(n.key)))
}

func (c *Collector) found() *sightings { return c.lookouts.found }

// lookThrough looks at every process, for one that holds the file for longer.
func (c *Collector) lookThrough(key inodeKey, until time.Time) {
	pids, err := c.procs.Host().FS.Pids(c.pids[:0], c.dirents)
	if err != nil {
		return
	}
	c.pids = pids
	c.own.through(pids, key, until)
}

// elders puts in the place of a process the one that it has the open file
// from: a shell opens a file once, and all that it then starts has it too.
func (c *Collector) elders(key inodeKey, seen []sighting) []sighting {
	for i, s := range seen {
		for range 4 {
			d, err := c.procs.Host().FS.Dir(s.who.glimpse.PPID)
			if err != nil {
				break
			}
			dev, inode, err := d.Target(s.fd)
			if err != nil || (inodeKey{dev, inode}) != key {
				d.Close()
				break
			}
			a, err := newActor(d)
			if err != nil {
				d.Close()
				break
			}
			go a.complete()
			s.who.close()
			s.who = a
		}
		seen[i] = s
	}
	return seen
}

// remember keeps the processes that touched a canary lately, for the lookouts.
func (c *Collector) remember(pid int32) {
	for _, p := range c.repeat {
		if p == pid {
			return
		}
	}
	c.repeat = append([]int32{pid}, c.repeat...)
	if len(c.repeat) > nearby {
		c.repeat = c.repeat[:nearby]
	}
	c.lookouts.expect(append([]int32(nil), c.repeat...))
}
