//go:build linux

package canary

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
)

// check looks at every canary, for what no event tells of. Whole says that it
// is the regular check, which also tries what failed before.
func (c *Collector) check(whole bool) {
	for _, k := range c.canaries {
		now, err := look(k.path)
		if err != nil {
			now = spot{}
		}
		c.compare(k, now)
		if whole && k.node == nil {
			c.arrange(k)
			c.arm(k)
			c.unlisted(k)
		}
	}
	c.settle()
	if whole && c.limited && c.allArmed() {
		c.limited = false
	}
}

// compare tells what was done to a canary that no event has told of. An event
// may be on its way: only what the next look still shows is told.
func (c *Collector) compare(k *canary, now spot) {
	done := missed(k.spot, now)
	if len(done) == 0 {
		k.suspect = time.Time{}
		if k.spot.exists != now.exists {
			c.rewatch(k, now, true, "")
		}
		return
	}
	if k.suspect.IsZero() && k.node != nil {
		k.suspect = time.Now()
		return
	}
	c.tellMissed(k, now, done)
}

// tellMissed tells what a look shows that events did not.
func (c *Collector) tellMissed(k *canary, now spot, done []string) {
	k.suspect = time.Time{}
	for _, action := range done {
		c.tell(deedFact{canary: k, action: action, count: 1, at: time.Now(), recovered: true})
	}
	moved := now.key != k.spot.key || now.exists != k.spot.exists
	k.touched = time.Now()
	c.rewatch(k, now, moved, "")
}

// restless tells whether there is something left to do a little later.
func (c *Collector) restless() bool {
	if c.floods.pouring() || c.owing || c.audit.restless() {
		return true
	}
	for _, k := range c.canaries {
		if !k.suspect.IsZero() || !k.touched.IsZero() {
			return true
		}
	}
	return len(c.late) > 0
}

// settleDown is called a little later: it looks again at what was suspect, and
// makes canaries ready that were touched and then left alone.
func (c *Collector) settleDown() {
	for len(c.late) > 0 && time.Since(c.late[0].gone) > calm {
		if n := c.late[0]; c.marks[n.mark] == n {
			delete(c.marks, n.mark)
		}
		c.late, c.stale = c.late[1:], true
	}
	for _, k := range c.canaries {
		if !k.suspect.IsZero() && time.Since(k.suspect) > calm/2 {
			if now, err := look(k.path); err == nil {
				c.compare(k, now)
			}
		}
		if !k.touched.IsZero() && time.Since(k.touched) > calm {
			k.touched = time.Time{}
			if now, err := look(k.path); err == nil {
				c.compare(k, now)
			}
			if k.suspect.IsZero() {
				c.freshen(k)
			}
		}
	}
}

// freshen sees to it that the next read shows in the access time, so that it
// is found even if its event is lost: relatime writes down a read only where
// the file has changed since the last one. Giving the file to the owner it has
// changes the time of its last change and nothing else, causes no event, and
// needs no right. (Setting times would be told as a read, or as a change of
// attributes, and could not be told from somebody else's.)
func (c *Collector) freshen(k *canary) {
	if k.node == nil || !k.spot.hidesReads(c.procs.Host().Clock.Now()) {
		return
	}
	fd, err := unix.Open(k.path, unix.O_PATH|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0) // no event, unlike a real open
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	// Where there are set-id bits, they would go.
	if err := unix.Fstat(fd, &st); err != nil || (inodeKey{st.Dev, st.Ino}) != k.node.key || st.Mode&(unix.S_ISUID|unix.S_ISGID) != 0 {
		return
	}
	if err := unix.Fchownat(fd, "", -1, -1, unix.AT_EMPTY_PATH); err != nil {
		c.cfg.Logger.Debug("making the next read of a canary visible", "path", k.path, "error", err)
		return
	}
	if after, err := look(k.path); err == nil && after.key == k.spot.key {
		k.spot.ctime = after.ctime
	}
}

// refresh takes of the file's status what the events of this turn explain, so
// that a later look does not tell it again. What they do not explain has an
// event that is on its way, or none.
func (c *Collector) refresh(t *turn, k *canary, x *touch) {
	now, err := look(k.path)
	if err != nil || !now.exists || now.key != k.spot.key {
		return // its place changed, which has signs of its own
	}
	reads, writes := x.done()
	modified := now.size != k.spot.size || !now.mtime.Equal(k.spot.mtime)
	if x.wrote && writes == 0 && modified {
		// Written through a mapping, of which no event tells.
		c.tell(deedFact{canary: k, action: fact.CanaryModify, count: 1, at: t.at})
		writes++
	}
	if reads > 0 {
		k.spot.atime = now.atime
	}
	if writes > 0 {
		k.spot.size, k.spot.mtime, k.spot.ctime = now.size, now.mtime, now.ctime
	}
}

// recover tells of lost events and looks for what they would have told.
func (c *Collector) recover(t *turn) {
	if t.lost == ([3]bool{}) {
		return
	}
	for from, lost := range t.lost {
		if !lost {
			continue
		}
		f := c.loss(fact.LossInotify, 0, nil, fmt.Sprintf("the kernel's queue of %s events ran over: every canary is looked at instead", source(from)))
		f.Sensor.First = c.lastRead[from].UTC().Format(time.RFC3339Nano)
		f.Sensor.Last = t.at.UTC().Format(time.RFC3339Nano)
		c.emit(f)
		c.lastRead[from] = t.at
	}
	for _, k := range c.canaries {
		c.arrange(k)
		now, err := look(k.path)
		if err != nil {
			continue
		}
		c.tellMissed(k, now, c.untold(t, k, now))
		if k.node != nil {
			k.node.forget() // nobody knows who has it open now
			k.node.zero = time.Now()
		}
	}
}

// untold is what a look shows and the events that did arrive do not explain.
func (c *Collector) untold(t *turn, k *canary, now spot) []string {
	told := make(map[string]bool)
	if x := t.byNode[k.node]; k.node != nil && x != nil {
		reads, writes := x.done()
		told[fact.CanaryRead], told[fact.CanaryModify] = reads > 0, writes > 0
	}
	var left []string
	for _, action := range missed(k.spot, now) {
		if !told[action] {
			left = append(left, action)
		}
	}
	return left
}

func (c *Collector) allArmed() bool { return c.armed.Load() == int64(len(c.canaries)) }

// watchMounts tells whenever something was mounted or unmounted, which covers
// or uncovers files without any event of theirs.
func watchMounts(ctx context.Context, changed chan<- struct{}) {
	mounts, err := unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return // the regular check stands in
	}
	defer unix.Close(mounts)
	end, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return
	}
	defer unix.Close(end)
	stop := context.AfterFunc(ctx, func() { _, _ = unix.Write(end, []byte{1, 0, 0, 0, 0, 0, 0, 0}) })
	defer stop()
	for {
		fds := []unix.PollFd{{Fd: int32(mounts), Events: unix.POLLPRI}, {Fd: int32(end), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return
		}
		if ctx.Err() != nil {
			return
		}
		select {
		case changed <- struct{}{}:
		default:
		}
		time.Sleep(100 * time.Millisecond) // a container's start mounts a dozen times
	}
}
