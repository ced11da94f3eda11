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
			c.retarget()
		}
	}
	if whole && c.limited && c.allArmed() {
		c.limited = false
	}
}

// compare tells what was done to a canary that no event has told of. An event
// may be on its way: only what the next look still shows is told.
func (c *Collector) compare(k *canary, now spot) {
	done := missed(k.spot, now)
	if len(done) == 0 || (len(done) == 1 && done[0] == fact.CanaryAttrib && c.ownAttrib(k, k.spot, now)) {
		k.suspect = time.Time{}
		if k.spot.exists != now.exists {
			c.rewatch(k, now, true, "")
		}
		return
	}
	if k.suspect.IsZero() {
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
	k.spot, k.touched = now, time.Now()
	c.rewatch(k, now, moved, "")
}

// settleDown is called once a second: it looks again at what was suspect, and
// makes canaries ready that were touched and then left alone.
func (c *Collector) settleDown() {
	for _, k := range c.canaries {
		if !k.suspect.IsZero() && time.Since(k.suspect) > calm/2 {
			if now, err := look(k.path); err == nil {
				c.compare(k, now)
			}
		}
		if !k.touched.IsZero() && time.Since(k.touched) > calm {
			k.touched = time.Time{}
			c.freshen(k)
		}
	}
}

// freshen sees to it that the next read shows in the access time, so that it
// is found even if its event is lost. Writing the same access time again makes
// the file look changed since it was read, and after that relatime writes down
// the next read. Only the owner may do so.
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
	if err := unix.Fstat(fd, &st); err != nil || (inodeKey{st.Dev, st.Ino}) != k.node.key {
		return
	}
	times := []unix.Timespec{st.Atim, {Nsec: unix.UTIME_OMIT}}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), times, 0); err != nil {
		c.cfg.Logger.Debug("making the next read of a canary visible", "path", k.path, "error", err)
		return
	}
	after, err := look(k.path)
	if err != nil || !after.sameOwn(k.spot) || !after.atime.Equal(k.spot.atime) {
		return // somebody else did something too: its event says so
	}
	k.spot, k.ownCTime = after, after.ctime
}

// ownAttrib tells whether a change of attributes is the one that freshen made:
// nothing but the time of change differs, and it is the sensor's own.
func (c *Collector) ownAttrib(k *canary, before, after spot) bool {
	return !k.ownCTime.IsZero() && after.ctime.Equal(k.ownCTime) && after.sameOwn(before)
}

// refresh takes the file's status after events have told what was done to it,
// so that a later look does not tell it again.
func (c *Collector) refresh(t *turn, k *canary, x *touch) {
	now, err := look(k.path)
	if err != nil || !now.exists || now.key != k.spot.key {
		return // its place changed, which has signs of its own
	}
	if x.wrote && x.writes == 0 && (now.size != k.spot.size || !now.mtime.Equal(k.spot.mtime)) {
		// Written through a mapping, of which no event tells.
		c.tell(deedFact{canary: k, action: fact.CanaryModify, count: 1, at: t.at})
	}
	if t.lost == ([3]bool{}) && !t.places[k] {
		k.spot = now
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
	told := map[string]bool{fact.CanaryAttrib: c.ownAttrib(k, k.spot, now)}
	if x := t.byNode[k.node]; k.node != nil && x != nil {
		told[fact.CanaryRead] = x.reads > 0
		told[fact.CanaryModify] = x.writes > 0
		for _, d := range x.deeds {
			told[fact.CanaryRead] = told[fact.CanaryRead] || d.reads > 0
			told[fact.CanaryModify] = told[fact.CanaryModify] || d.writes > 0
		}
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

// tellLimit tells, once, that the kernel gives no further watch.
func (c *Collector) tellLimit(err error) {
	if c.limited {
		return
	}
	c.limited = true
	c.emit(c.loss(fact.LossWatchLimit, 0, nil, fmt.Sprintf(
		"the kernel gives no further inotify watch (%v): raise fs.inotify.max_user_watches and fs.inotify.max_user_instances", err)))
}

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
