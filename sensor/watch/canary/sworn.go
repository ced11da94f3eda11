//go:build linux

package canary

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/proc"
)

// oath is what the audit has said of a file.
type oath struct {
	audited bool // it tells of this file
	// owed are opens that were told before the audit had its word on them.
	owed   int64
	owedAt time.Time
	// ahead are words on opens whose events are still to come, until when.
	ahead      int64
	aheadUntil time.Time
	// sworn are those who opened it lately.
	sworn []*actor
	// told is the time of the audit's own clock up to which all is told: what
	// it stamps earlier comes too late, what it stamps the same may.
	told time.Time
}

// tick is the time as the audit stamps it: by the kernel's coarse clock, in
// whole milliseconds.
func tick() time.Time {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &ts) // cannot fail
	return time.UnixMilli(ts.Nano() / 1e6).UTC()
}

const (
	// noHope is after how many touches without a word the audit is not waited
	// for.
	noHope = 3
	// hearing is how long a word is waited for. Mostly it is there at once;
	// on a host where no processor is free it takes its time.
	hearing = 20 * time.Millisecond
)

// hear takes the audit's words on a file that match. It waits for them, but
// not for long, and not where no rule asks for canaries.
func (c *Collector) hear(t *turn, o *oath, want int64, match func(*word) bool) (words []word) {
	if c.audit == nil {
		return nil
	}
	for {
		words = append(words, c.audit.cut(func(w *word) bool { return !w.refused() && match(w) })...)
		if int64(len(words)) >= want {
			break
		}
		if time.Since(t.at) > hearing || !o.audited && c.unheard >= noHope {
			break
		}
		time.Sleep(100 * time.Microsecond)
	}
	if len(words) > 0 {
		o.audited, c.unheard = true, 0
	} else if !o.audited && want > 0 {
		c.unheard++
	}
	return words
}

// swear puts the audit's word on who opened a file above fanotify's.
func (c *Collector) swear(t *turn, x *touch) {
	n, opened := x.node, int64(0)
	for _, d := range x.deeds {
		if d.opens > 0 {
			opened++
		}
	}
	for _, w := range c.hear(t, &n.oath, opened, func(w *word) bool { return w.key == n.key && w.opens }) {
		n.sworn = append(n.sworn, w.who)
		t.actors = append(t.actors, w.who)
	}
	n.sworn = slices.Clone(n.sworn[max(0, len(n.sworn)-maxRecent):])
	for i, d := range x.deeds {
		for _, s := range n.sworn {
			if d.who == nil || !d.who.same(s) || time.Since(s.event.Time).Abs() > recentAge {
				continue
			}
			if d.who.faceless() && !s.faceless() {
				x.deeds[i].who = s
			}
			x.deeds[i].who.event, x.deeds[i].who.how = s.event, fact.AttributionAudit
		}
	}
}

// swornOpens tells the opens that the audit has a word on, and returns how
// many are left to be told otherwise.
func (c *Collector) swornOpens(t *turn, n *node, opens int64) (left int64) {
	if c.audit == nil {
		return opens
	}
	if n.ahead > 0 && t.at.Before(n.aheadUntil) {
		told := min(n.ahead, opens)
		n.ahead, opens = n.ahead-told, opens-told
	}
	if opens == 0 {
		return 0
	}
	words := c.hear(t, &n.oath, opens, func(w *word) bool {
		return w.key == n.key && w.opens && !w.event.Time.Before(n.told)
	})
	for _, w := range words {
		who, fd := c.seen(n, w.who), "fd/"+w.event.Exit
		n.open++
		if w.event.Time.After(n.told) || who.holds(fd, n.key) {
			n.known = append(n.known, &holder{who: who, fd: fd, opens: 1})
		} // else it may be on an open that was told before, and another one has it open now
		c.tellAll(t, n, fact.CanaryOpen, 1, who)
	}
	got := int64(len(words))
	n.ahead, n.aheadUntil = max(0, got-opens), time.Now().Add(patience)
	left = max(0, opens-got)
	if left > 0 && n.audited {
		n.owed, n.owedAt, c.owing = n.owed+left, t.at, true
	}
	return left
}

// seen is the process as a lookout saw it, where it was gone when the audit's
// word came.
func (c *Collector) seen(n *node, who *actor) *actor {
	for _, s := range c.found().take(n.key) {
		if who.faceless() && s.who.same(who) && !s.who.faceless() && who.event.fits(s.who, c.procs.Host()) {
			s.who.event, s.who.how = who.event, fact.AttributionAudit
			who = s.who
			continue
		}
		s.who.close()
	}
	return who
}

// swornChange is who changed a file's attributes, or one of its names.
func (c *Collector) swornChange(t *turn, k *canary, s *signs, key inodeKey) {
	o := new(oath)
	if k.node != nil {
		o = &k.node.oath
	}
	for _, w := range c.hear(t, o, 1, func(w *word) bool {
		return w.key == key && !w.opens && w.event.Time.After(o.told) && (!w.place || w.event.takes(key, k.path))
	}) {
		who := whoAttrib
		if w.place {
			who = whoPlace
		}
		if had := s.who[who]; had != nil && had.same(w.who) && !had.faceless() {
			had.event, had.how = w.event, fact.AttributionAudit
			continue
		}
		s.who[who] = w.who
		t.actors = append(t.actors, w.who)
	}
}

// takes tells whether the event took the name away from the file. The folders
// on the way may have other names for whoever did it.
func (e *AuditEvent) takes(key inodeKey, name string) bool {
	return slices.ContainsFunc(e.Paths, func(p AuditRecord) bool {
		return p.NameType == "DELETE" && (inodeKey{p.Device, p.Inode}) == key && path.Base(p.Name) == path.Base(name)
	})
}

// tellWords tells what the audit alone knows: of those who were not let, at
// once, and, with late, what came too late.
func (c *Collector) tellWords(late bool) {
	now := time.Now()
	for _, w := range c.audit.cut(func(w *word) bool { return w.refused() || late && now.Sub(w.at) > hearing }) {
		n, ok := c.targets.get(w.key)
		refused := w.event.Exit == "-13" || w.event.Exit == "-1" // EACCES, EPERM
		action := fact.CanaryAttrib
		switch {
		case !ok || w.refused() && !refused || !w.refused() && (!w.opens || n.mark != ""):
			w.who.close()
			continue
		case w.opens:
			action = fact.CanaryOpen
		case w.place:
			action = fact.CanaryDelete
		}
		if !w.refused() {
			n.owed = max(0, n.owed-1)
		}
		for k := range n.canaries {
			c.tell(deedFact{canary: k, action: action, count: 1, who: w.who, at: w.event.Time, denied: refused})
		}
		w.who.close()
	}
	if late {
		c.settleOaths(now)
		c.tellAuditLoss(now)
	}
}

// settleOaths counts the words that never came.
func (c *Collector) settleOaths(now time.Time) {
	if !c.owing {
		return
	}
	c.owing = false
	for _, n := range c.nodes {
		if n.owed > 0 && now.Sub(n.owedAt) > wordAge {
			c.audit.lose(n.owed, now)
			n.owed, n.audited = 0, false
		}
		c.owing = c.owing || n.owed > 0
	}
}

func (c *Collector) tellAuditLoss(now time.Time) {
	c.audit.mu.Lock()
	l := &c.audit.lost
	if l.count == 0 || now.Sub(l.told) < wordAge {
		c.audit.mu.Unlock()
		return
	}
	f := c.loss(fact.LossAudit, l.count, nil, fmt.Sprintf("%d audit events were lost or incomplete: whoever touched a canary may be known less well", l.count))
	f.Sensor.First, f.Sensor.Last = l.first.UTC().Format(time.RFC3339Nano), l.last.UTC().Format(time.RFC3339Nano)
	*l = loss{told: now}
	c.audit.mu.Unlock()
	c.emit(f)
}

// recount describes a process that is gone by the audit's own record.
func (c *Collector) recount(a *actor) *blocks {
	e, host := a.event, c.procs.Host()
	if p, u, s, ok := c.procs.Recall(a.pid); ok && p.Executable == e.Executable {
		return &blocks{process: p, user: u, service: s}
	}
	r := &proc.Reading{
		PID: a.pid, Path: e.Executable, Cwd: e.WorkingDir,
		IDs: e.ids(), Owned: true,
		ArgsCut: len(e.Title) >= 128,
	}
	r.Name = e.Comm
	for _, arg := range strings.Split(strings.TrimSuffix(e.Title, "\x00"), "\x00") {
		r.Args = append(r.Args, []byte(arg))
	}
	p := host.Process(r)
	p.EntityID, p.Start, p.HashStatus = "", "", fact.HashGone // when it began is not known
	since := min(max(0, e.Time.Sub(host.Clock.Booted())), math.MaxInt64)
	host.Lineage(p, int32(e.PPID), uint64(since/clock.Tick), c.procs.Kin)
	return &blocks{process: p, user: host.Owner(r)}
}

func (e *AuditEvent) ids() proc.IDs {
	return proc.IDs{RealUser: e.UID, User: e.EUID, RealGroup: e.GID, Group: e.EGID}
}

// login adds who had logged in, which the audit keeps, and as whom the process
// ran where it ended before it could be asked.
func (c *Collector) login(b *blocks, e *AuditEvent) *fact.User {
	if e == nil {
		return b.user
	}
	owner := b.user
	if owner == nil {
		owner = c.procs.Host().Owner(&proc.Reading{IDs: e.ids(), Owned: true})
	}
	if owner == nil || e.Login == math.MaxUint32 {
		return owner
	}
	u := *owner
	u.Audit = c.procs.Host().Login(e.Login)
	return &u
}
