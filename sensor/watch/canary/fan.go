//go:build linux

package canary

import (
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
)

// markFan has fanotify tell of a file too, where it can.
func (c *Collector) markFan(n *node, path string) {
	if c.fan == nil || n.mark != "" {
		return
	}
	name, err := c.fan.mark(path)
	if err != nil {
		c.cfg.Logger.Debug("marking canary for fanotify", "path", path, "error", err)
		return
	}
	if now, err := look(path); err != nil || now.key != n.key {
		return // replaced meanwhile; the mark is of nobody's file
	}
	n.mark = name
	c.marks[name] = n
}

func (c *Collector) sortFan(t *turn, e fanEvent) {
	if e.mask&unix.FAN_Q_OVERFLOW != 0 {
		t.lost[fromFan] = true
		return
	}
	n, ok := c.marks[e.name]
	if !ok {
		return
	}
	d := t.deed(n, e.who)
	count := func(bit uint64, into *int64) {
		if e.mask&bit != 0 {
			*into++
		}
	}
	count(unix.FAN_OPEN, &d.opens)
	count(unix.FAN_ACCESS, &d.reads)
	count(unix.FAN_MODIFY, &d.writes)
	if e.mask&unix.FAN_CLOSE_WRITE != 0 {
		t.touch(n).wrote = true
	}
	for k := range n.canaries {
		if k.node != n {
			continue
		}
		if e.mask&unix.FAN_ATTRIB != 0 {
			s := t.sign(k)
			s.attrib++
			s.who[whoAttrib] = e.who
		}
		if e.mask&(unix.FAN_DELETE_SELF|unix.FAN_MOVE_SELF) != 0 {
			s := t.sign(k)
			s.selfDeleted = s.selfDeleted || e.mask&unix.FAN_DELETE_SELF != 0
			s.selfMoved = s.selfMoved || e.mask&unix.FAN_MOVE_SELF != 0
			s.who[whoPlace] = e.who
		}
	}
}

// deed finds or begins what one process did to a file.
func (t *turn) deed(n *node, who *actor) *deed {
	if who != nil {
		t.actors = append(t.actors, who)
	}
	x := t.touch(n)
	for i := range x.deeds {
		d := &x.deeds[i]
		if who == nil || d.who == nil {
			if who == d.who {
				return d
			}
			continue
		}
		if d.who.same(who) {
			if d.who.glimpse == nil {
				d.who = who // this look may have seen more
			}
			return d
		}
	}
	x.deeds = append(x.deeds, deed{who: who})
	return &x.deeds[len(x.deeds)-1]
}

// better takes what the lookouts saw of processes that fanotify told of too
// late to be read.
func (c *Collector) better(t *turn, x *touch) {
	for time.Now().Before(t.at.Add(2*time.Millisecond)) && x.faceless() && !c.lookouts.idle() {
		time.Sleep(100 * time.Microsecond)
	}
	for _, s := range c.found().take(x.node.key) {
		s.who.how = fact.AttributionFanotify
		t.actors = append(t.actors, s.who)
		for i := range x.deeds {
			d := &x.deeds[i]
			if d.who != nil && d.who.faceless() && d.who.pid == s.who.pid && s.at.After(x.node.zero) {
				d.who = s.who
			}
		}
	}
}

// faceless tells whether nothing but its number is known of the process.
func (a *actor) faceless() bool { return a.glimpse == nil || !a.glimpse.HasImage }

func (x *touch) faceless() bool {
	for _, d := range x.deeds {
		if d.who != nil && d.who.faceless() {
			return true
		}
	}
	return false
}
