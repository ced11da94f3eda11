//go:build linux

package canary

import (
	"slices"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/describe"
)

// deedFact is what a canary fact is made of.
type deedFact struct {
	canary    *canary
	action    string
	count     int64
	who       *actor // nil where that is not known
	at        time.Time
	target    string
	recovered bool
	denied    bool
}

// tellAll tells the same of every canary that the file is.
func (c *Collector) tellAll(t *turn, n *node, action string, count int64, who *actor) {
	if count == 0 {
		return
	}
	for k := range n.canaries {
		c.tell(deedFact{canary: k, action: action, count: count, who: who, at: t.at, target: n.where})
	}
}

// tell makes the fact and sends it, unless there are so many that they are
// gathered.
func (c *Collector) tell(d deedFact) {
	f := &fact.Fact{Time: d.at.Round(0).UTC(), Kind: fact.KindCanary, Canary: c.block(d.canary)}
	f.Canary.Action = d.action
	f.Canary.TargetPath, _ = describe.Path(d.target)
	f.Canary.Recovered, f.Canary.Denied = d.recovered, d.denied
	f.Canary.Attribution = fact.AttributionNone
	if d.count > 1 {
		f.Canary.Count = d.count
	}
	if b := c.describe(d.who, d.at.Add(patience)); b != nil {
		p := *b.process
		f.Process, f.User, f.Service = &p, c.login(b, d.who.event), b.service
		f.Canary.Attribution = d.who.how
		c.remember(d.who.pid)
	}
	if c.floods.pass(f, d.count) {
		c.emit(f)
	}
}

// block is the canary itself.
func (c *Collector) block(k *canary) *fact.Canary {
	b := &fact.Canary{ID: k.id, Type: k.kind}
	b.Path, b.PathB64 = describe.Path(k.path)
	return b
}

// describe makes the blocks of a process, once for each: what could be read of
// it by the time until, and the hash of its image where that is done by then.
func (c *Collector) describe(a *actor, until time.Time) *blocks {
	if a == nil || a.block != nil {
		return a.blocks()
	}
	host := c.procs.Host()
	r := a.reading(until)
	if b := c.before(a); b != nil {
		a.block = b
		return b
	}
	if r == nil {
		a.block = c.recall(a)
		return a.block
	}
	p := host.Process(r)
	host.Lineage(p, r.PPID, r.StartTicks, c.procs.Kin)
	a.block = &blocks{process: p, user: host.Owner(r), service: describe.Service(r.Unit)}
	h := c.hash(a, a.block, until.Add(hashPatience))
	if p.HashStatus = h.Status; h.Status == fact.HashOK {
		p.Hash = &fact.Hash{SHA256: h.SHA256}
	}
	if r.HasImage {
		c.keep(a)
	}
	return a.block
}

// recent is a process that was described a moment ago.
type recent struct {
	who *actor
	at  time.Time
}

const (
	maxRecent = 16
	// recentAge is how long a number surely names the same process: the
	// kernel gives a number again only after all others.
	recentAge = time.Second
)

// keep remembers who was described.
func (c *Collector) keep(a *actor) {
	c.recent = append(c.recent, recent{a, time.Now()})
	if len(c.recent) > maxRecent {
		c.recent = append([]recent(nil), c.recent[1:]...)
	}
}

// before is the description that was made of the same process a moment ago;
// nil where there is none, or where this look saw it run something else.
func (c *Collector) before(a *actor) *blocks {
	for _, r := range slices.Backward(c.recent) {
		if time.Since(r.at) > recentAge {
			return nil
		}
		if !r.who.same(a) {
			continue
		}
		if a.event != nil && r.who.block.process.Executable != a.event.Executable {
			return nil
		}
		if !a.faceless() && !a.glimpse.SameImage(&r.who.glimpse.Stat) {
			return nil
		}
		return r.who.block
	}
	return nil
}

// blocks are what was made before; nil of nobody.
func (a *actor) blocks() *blocks {
	if a == nil {
		return nil
	}
	return a.block
}

// recall describes a process that was gone before anything could be read of
// it, from what the process collector knows of it.
func (c *Collector) recall(a *actor) *blocks {
	if a.event != nil {
		return c.recount(a)
	}
	if p, u, s, ok := c.procs.Recall(a.pid); ok {
		return &blocks{process: p, user: u, service: s}
	}
	return &blocks{process: &fact.Process{PID: int64(a.pid), HashStatus: fact.HashGone}}
}

// loss is a sensor/loss fact of this collector, about one canary or, with nil,
// about all.
func (c *Collector) loss(cause string, count int64, k *canary, reason string) *fact.Fact {
	f := &fact.Fact{
		Time: c.procs.Host().Clock.Now(),
		Kind: fact.KindSensor,
		Sensor: &fact.Sensor{
			Action: fact.SensorLoss, Cause: cause, Source: c.Name(), Count: count, Reason: reason,
		},
	}
	if k != nil {
		f.Canary = c.block(k)
	}
	return f
}

func (c *Collector) emit(f *fact.Fact) { c.out.Emit(f) }
