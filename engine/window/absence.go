package window

import "slices"

// absence is the state of a group that should be heard. Silence is measured by
// the hub's time, from the receipt of the last event on. A group that has fired
// is forgotten: it exists again when it is heard again.
type absence struct {
	last int64
	fact factID
	rule uint8
}

func (a *absence) apply(_ *shard, _ *group, e *event, out []Firing) []Firing {
	if e.newest {
		a.last, a.fact, a.rule = e.at, e.fact, e.rule
	}
	return out
}

func (a *absence) due(p *plan, g *group) int64 { return g.recv + p.span }

func (a *absence) expire(sh *shard, g *group, _ int64, out []Firing) ([]Firing, bool) {
	p := sh.plan
	f := Firing{Spec: p.spec.ID, Group: slices.Clone(g.names), Host: g.host.name, Value: seconds(p.span), Time: moment(a.due(p, g))}
	p.tell(&f, []witness{{a.last, a.fact, a.rule}})
	return append(out, f), true
}

func (a *absence) size() int64 { return 32 }
