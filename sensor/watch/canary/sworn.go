//go:build linux

package canary

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/proc"
)

// oath is what the audit has said of a file.
type oath struct {
	audited bool // it tells of this file
	// owed are opens that were told before the audit had its word on them;
	// the next words are on those.
	owed   int64
	owedAt time.Time
	// ahead are words on opens whose events are still to come, until when.
	ahead      int64
	aheadUntil time.Time
	// sworn are those who opened it lately.
	sworn []*actor
}

// noHope is after how many touches without a word the audit is not waited for.
const noHope = 3

// hear takes the audit's words on a file. It waits for them, but not for long,
// and not where no rule asks for canaries.
func (c *Collector) hear(o *oath, key inodeKey, opens bool, want int64, until time.Time) (words []word) {
	if c.audit == nil {
		return nil
	}
	for {
		words = append(words, c.audit.cut(func(w *word) bool { return w.key == key && w.opens == opens && !w.refused() })...)
		if int64(len(words)) >= want || time.Now().After(until) || !o.audited && c.unheard >= noHope {
			break
		}
		time.Sleep(100 * time.Microsecond)
	}
	if len(words) > 0 {
		o.audited, c.unheard = true, 0
	} else if !o.audited {
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
	if opened > 0 {
		for _, w := range c.hear(&n.oath, n.key, true, opened, t.at.Add(patience)) {
			n.sworn = append(n.sworn, w.who)
			t.actors = append(t.actors, w.who)
		}
		n.sworn = append([]*actor(nil), n.sworn[max(0, len(n.sworn)-maxRecent):]...)
	}
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
	words := c.hear(&n.oath, n.key, true, n.owed+opens, t.at.Add(patience))
	paid := min(n.owed, int64(len(words)))
	n.owed -= paid
	for i, w := range words {
		if int64(i) >= paid { // else it is on an open that was told before
			w.who = c.seen(n, w.who)
			n.open++
			n.known = append(n.known, &holder{who: w.who, fd: "fd/" + w.event.Exit, opens: 1})
		}
		c.tellAll(t, n, fact.CanaryOpen, 1, w.who)
	}
	got := int64(len(words)) - paid
	n.ahead, n.aheadUntil = max(0, got-opens), time.Now().Add(patience)
	left = max(0, opens-got)
	if left > 0 && n.audited {
		n.owed, n.owedAt = n.owed+left, t.at
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
func (c *Collector) swornChange(k *canary, s *signs, key inodeKey, until time.Time) {
	o := new(oath)
	if k.node != nil {
		o = &k.node.oath
	}
	for _, w := range c.hear(o, key, false, 1, until) {
		who := whoAttrib
		if w.place {
			who = whoPlace
		}
		if had := s.who[who]; had != nil && had.same(w.who) && !had.faceless() {
			had.event, had.how = w.event, fact.AttributionAudit
			continue
		}
		s.who[who] = w.who
	}
}

// tellWords tells what the audit alone knows: of those who were not let, at
// once, and, with late, what came too late.
func (c *Collector) tellWords(late bool) {
	now := time.Now()
	for _, w := range c.audit.cut(func(w *word) bool { return w.refused() || late && now.Sub(w.at) > 2*patience }) {
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
	for _, n := range c.nodes {
		if n.owed > 0 && now.Sub(n.owedAt) > wordAge {
			c.audit.lose(n.owed, now)
			n.owed, n.audited = 0, false
		}
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
		IDs: proc.IDs{RealUser: e.UID, User: e.EUID, RealGroup: e.GID, Group: e.EGID}, Owned: true,
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

// login adds who had logged in, which the audit keeps.
func (c *Collector) login(b *blocks, e *AuditEvent) *fact.User {
	if e == nil || e.Login == math.MaxUint32 || b.user == nil {
		return b.user
	}
	u := *b.user
	u.Audit = &fact.AuditUser{ID: strconv.FormatUint(uint64(e.Login), 10), Name: c.procs.Host().Names.User(e.Login)}
	return &u
}
