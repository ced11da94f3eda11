package window

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// share is what one alert has added to a risk.
type share struct {
	rule  string
	fact  factID
	at    int64
	score float64 // at that time
}

const (
	maxParts = 100
	maxScore = 1e6
	// negligible is the risk below which a group is forgotten.
	negligible = 0.01
)

// risk is the state of a risk: its largest contributions, the largest first,
// which stay in this order as all decay alike, and the sum of all others.
type risk struct {
	parts []share
	rest  float64 // at restAt
	// restAt is when the last one was added to the rest.
	restAt int64
	total  float64 // at the clock of the group
}

func (r *risk) apply(sh *shard, g *group, e *event, out []Firing) []Firing {
	p := sh.plan
	r.add(p, share{strings.Clone(clip(e.Rule, maxName)), e.fact, e.at, min(e.Number, maxScore)}, g.mark)
	r.total = r.at(p, g.mark)
	switch at := p.spec.AtLeast; {
	case r.total < at:
		g.active = false
	case r.total-p.decayed(min(e.Number, maxScore), e.at, g.mark) >= at:
		g.active = true
		g.more++
		return append(out, p.continuation(g, e, r.total))
	default:
		g.active, g.fired, g.more = true, g.mark, 0
		f := p.firing(e, g.mark)
		f.Count, f.Value = int64(len(r.parts)), r.total
		r.tell(p, &f, g.mark)
		return append(out, f)
	}
	return out
}

// rank orders shares by their score at any one time.
func (s share) rank(p *plan) float64 { return math.Log2(s.score) + float64(s.at)/p.half }

// decayed is what a score of one time is worth at another.
func (p *plan) decayed(score float64, at, now int64) float64 {
	return score * math.Exp2(-float64(now-at)/p.half)
}

func (r *risk) add(p *plan, s share, now int64) {
	i := len(r.parts)
	for i > 0 && r.parts[i-1].rank(p) < s.rank(p) {
		i--
	}
	r.parts = slices.Insert(r.parts, i, s)
	if len(r.parts) <= maxParts {
		return
	}
	least := r.parts[maxParts]
	r.parts = r.parts[:maxParts]
	r.rest = p.decayed(r.rest, r.restAt, now) + p.decayed(least.score, least.at, now)
	r.restAt = now
}

func (r *risk) at(p *plan, now int64) float64 {
	sum := p.decayed(r.rest, r.restAt, now)
	for _, s := range r.parts {
		sum += p.decayed(s.score, s.at, now)
	}
	return sum
}

func (r *risk) tell(p *plan, f *Firing, now int64) {
	f.Rest = p.decayed(r.rest, r.restAt, now)
	f.Parts = make([]Part, 0, len(r.parts))
	for _, s := range r.parts {
		f.Parts = append(f.Parts, Part{Rule: s.rule, Fact: s.fact.String(), Score: p.decayed(s.score, s.at, now), Time: moment(s.at)})
		if !slices.Contains(f.Rules, s.rule) {
			f.Rules = append(f.Rules, s.rule)
		}
	}
	byTime := slices.Clone(r.parts)
	slices.SortStableFunc(byTime, func(a, b share) int { return cmp.Compare(a.at, b.at) })
	f.Since = moment(byTime[0].at)
	for _, s := range byTime {
		if text := s.fact.String(); text != "" {
			f.Facts = append(f.Facts, text)
		}
	}
}

func (r *risk) due(p *plan, g *group) int64 {
	return g.recv + int64(p.half*max(1, min(math.Log2(r.total/negligible), 64)))
}

func (r *risk) expire(_ *shard, _ *group, _ int64, out []Firing) ([]Firing, bool) {
	return out, true
}

func (r *risk) size() int64 {
	n := int64(32)
	for _, s := range r.parts {
		n += 64 + int64(len(s.rule))
	}
	return n
}
