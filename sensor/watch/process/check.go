//go:build linux

package process

import (
	"errors"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/proc"
)

// renameQuiet is how often a process that changes its own name is told again.
const renameQuiet = 5 * time.Minute

// check looks at a known process again: at a glance, or whole where the
// glance shows that something differs.
func (c *Collector) check(e *entry, whole bool) {
	if !whole && !c.differs(e) {
		return
	}
	d, err := c.host.FS.Dir(e.pid)
	if err != nil {
		return // the next scan does not list it
	}
	defer d.Close()
	var buf [1024]byte
	s, err := d.Stat(buf[:])
	if err != nil {
		return
	}
	switch {
	case s.StartTicks != e.stat.StartTicks: // another one under its number
		c.exit(e, nil)
		c.drop(e)
		c.meet(e.pid)
	case e.ended:
	case s.Ended():
		c.end(e, &s)
	case s.Kernel():
	default:
		c.compare(d, e, &s)
	}
}

// differs looks at a process at a glance, which shows another image, a deleted
// file, another user, and an end that waits to be reaped.
func (c *Collector) differs(e *entry) bool {
	if e.ended || e.stat.Kernel() {
		return false
	}
	im, owner, imErr, err := c.host.FS.Peek(e.pid)
	if err != nil {
		return false // the next list does not have it
	}
	im.Text = e.image.Text
	return owner != e.owner || e.unhash || (imErr == nil) != e.hasImage || (e.hasImage && im != e.image)
}

// compare finds what changed in a process that is still the same.
func (c *Collector) compare(d *proc.Dir, e *entry, s *proc.Stat) {
	im, err := d.ExeFile()
	if errors.Is(err, proc.ErrGone) {
		return
	}
	readable := err == nil
	if !s.SameImage(&e.stat) || (readable && e.hasImage && !im.File.Same(e.image.File)) {
		c.again(d, e, fact.ProcessExec)
		return
	}
	switch {
	case readable != e.hasImage,
		readable && im.Links == 0 && e.image.Links != 0,
		readable && (im.File.MTime != e.image.File.MTime || im.File.Size != e.image.File.Size),
		c.otherUser(d, e),
		c.otherName(e, s):
		c.again(d, e, fact.ProcessSeen)
		return
	case e.unhash:
		c.owed(d, e)
	}
	if readable && im.File != e.image.File || im.Links != e.image.Links || s.PPID != e.ppid || s.Name != e.stat.Name {
		c.change(e, func() {
			e.ppid, e.stat.Name = s.PPID, s.Name
			if readable {
				e.image.File, e.image.Links = im.File, im.Links
			}
		})
	}
}

// otherUser tells whether the process runs as somebody else now. The owner of
// its folder shows most of that for an eighth of the price of its status,
// which is read while the process is young, when services give up their rights.
func (c *Collector) otherUser(d *proc.Dir, e *entry) bool {
	owner, err := d.Owner()
	if err != nil {
		return false
	}
	if owner == e.owner && c.host.Clock.Now().Sub(e.since).Abs() >= young {
		return false
	}
	ids, err := d.IDs()
	return err == nil && ids != e.ids
}

// otherName tells whether the process has given itself another name that is
// worth telling.
func (c *Collector) otherName(e *entry, s *proc.Stat) bool {
	if s.Name == e.stat.Name {
		return false
	}
	now := c.host.Clock.Now()
	if now.Sub(e.renamed).Abs() < renameQuiet {
		return false
	}
	e.renamed = now
	return true
}

// again reads a process whole and tells what became of it.
func (c *Collector) again(d *proc.Dir, e *entry, action string) bool {
	begun := monotonic()
	r, err := d.Read()
	if err != nil {
		return false
	}
	defer r.Release()
	if r.StartTicks != e.stat.StartTicks {
		return false
	}
	owner, _ := d.Owner()
	c.hurry(e)
	c.change(e, func() {
		e.take(r, owner)
		e.read = begun
		e.blind = isBlind(r)
		if action == fact.ProcessExec {
			e.since = c.host.Clock.Now()
		}
	})
	c.tell(d, r, e, action)
	return true
}

// owed tries once more to hash an image that had to wait.
func (c *Collector) owed(d *proc.Dir, e *entry) {
	r, err := d.Read()
	if err != nil || !r.SameImage(&e.stat) {
		return
	}
	c.hash(d, r, e, c.describe(r, e, fact.ProcessSeen), true)
}
