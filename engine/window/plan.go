package window

import (
	"slices"
	"time"
)

// plan is a spec made ready to judge events.
type plan struct {
	spec    Spec
	version digest
	rules   map[string]uint8

	span     int64 // timespan, or within
	lateness int64
	ahead    int64 // how far an event may be ahead of its receipt
	bounds   []Bound
	need     int // count at which the condition is decided
	facts    int // that are kept as evidence
	learn    int64
	half     float64 // half-life
	grain    int64   // of what new_terms remembers
}

const (
	maxFacts   = 100
	maxPending = 256 // events of a group that wait until none can come before them, beyond what the condition needs
)

func newPlan(s Spec) *plan {
	p := &plan{spec: s, version: s.version(), rules: make(map[string]uint8, len(s.Rules)), span: int64(s.Timespan), lateness: int64(s.Lateness),
		ahead: int64(s.Lateness / 2), bounds: s.Bounds, facts: maxFacts, learn: int64(s.Learn), half: float64(s.HalfLife)}
	for i, r := range s.Rules {
		p.rules[r] = uint8(i)
	}
	if len(p.bounds) == 0 {
		p.bounds = []Bound{{Op: "gte", Value: float64(len(s.Rules))}}
	}
	if p.correlates() {
		// A late event and the newest one can be in one window.
		p.lateness = min(p.lateness, p.span-1)
	}
	switch s.Type {
	case NewTerms:
		// Whatever is still known can come late.
		p.span, p.lateness = int64(s.Within), int64(s.Within)
		p.grain = max(1, int64(s.Within)/1024)
	case Absence:
		p.span = int64(s.Within)
	case EventCount, ValueCount, Temporal, TemporalOrdered:
		if p.need = enough(p.bounds); rising(p.bounds) {
			p.need = least(p.bounds)
		}
		if s.Type == EventCount && rising(p.bounds) {
			p.facts = min(maxFacts, 2*p.need)
		}
	}
	return p
}

// sliding reports whether the condition is judged at every event.
func (p *plan) sliding() bool {
	return rising(p.bounds) && p.spec.Type != ValueAvg && p.spec.Type != ValuePercentile
}

// correlates reports whether the type is one of Sigma's.
func (p *plan) correlates() bool { return p.forgets() && p.spec.Type != NewTerms }

// forgets reports whether events can be too late.
func (p *plan) forgets() bool { return p.spec.Type != Absence && p.spec.Type != Risk }

// newState returns the state of a new group.
func (p *plan) newState() state {
	switch p.spec.Type {
	case NewTerms:
		return &terms{}
	case Absence:
		return &absence{}
	case Risk:
		return &risk{}
	}
	if !p.sliding() {
		return &bins{}
	}
	switch p.spec.Type {
	case EventCount:
		return &counted{}
	case ValueSum:
		return &summed{}
	case TemporalOrdered:
		return &ordered{}
	}
	return &distinct{}
}

// keepsGroup reports whether a group fires without an event that would say
// what the group is.
func (p *plan) keepsGroup() bool {
	return p.spec.Type == Absence || p.correlates() && !p.sliding()
}

// takes reports whether the event is one that the spec reads, and fills in what
// states need of it.
func (p *plan) takes(e *event) bool {
	rule, named := p.rules[e.Rule]
	if !named && len(p.rules) > 0 {
		return false
	}
	e.rule = rule
	switch p.spec.Type {
	case ValueCount, NewTerms:
		if !e.valued() {
			return false
		}
		e.value = digestOf(e.Values)
	case Temporal:
		e.value = digest{rule}
	case ValueSum, ValueAvg, ValuePercentile:
		return e.number()
	case Risk:
		return e.number() && e.Number > 0
	}
	return true
}

// state is what a group holds, one implementation a way to judge.
type state interface {
	// apply takes an event that is in time; the clock of the group has seen it.
	apply(sh *shard, g *group, e *event, out []Firing) []Firing
	// due is the hub's time from which on expire has something to do.
	due(p *plan, g *group) int64
	// expire does what is due; over means that the group can be forgotten.
	expire(sh *shard, g *group, now int64, out []Firing) (_ []Firing, over bool)
	// size is what the state holds, in bytes, by its content.
	size() int64
	encode(b []byte) []byte
	// decode reads what encode wrote and leaves what is wrong with it in r.
	decode(p *plan, g *group, r *reader)
}

// verdict is what became of a condition.
type verdict uint8

const (
	quiet verdict = iota
	fires
	continues
)

// turn moves the condition of a group on: hit says that the event met it, in a
// window that ends at end.
func (g *group) turn(span int64, e *event, hit bool, end int64) verdict {
	switch {
	case hit && g.active && end < g.fired+span:
		g.more++
		return continues
	case hit:
		g.active, g.fired, g.more = true, end, 0
		return fires
	case e.newest:
		g.active = false
	}
	return quiet
}

// firing begins the answer to an event.
func (p *plan) firing(e *event, at int64) Firing {
	return Firing{Spec: p.spec.ID, Group: slices.Clone(e.Group), Host: e.Host, Since: moment(at), Time: moment(at)}
}

// continuation is the answer to an event that keeps a condition true.
func (p *plan) continuation(g *group, e *event, value float64) Firing {
	f := p.firing(e, e.at)
	f.Continued, f.More, f.Value, f.Count = true, g.more, value, int64(value)
	if e.Fact != "" {
		f.Facts = []string{e.Fact}
	}
	if e.Rule != "" {
		f.Rules = []string{e.Rule}
	}
	return f
}

// seconds is a span as rules compare and show it.
func seconds(n int64) float64 { return time.Duration(n).Seconds() }
