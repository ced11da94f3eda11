package window

import (
	"cmp"
	"slices"
)

// ordered is the state of temporal_ordered. For each step of the order it knows
// the chain of events up to it that began last: no chain of that length can do
// better in any later window. Chains are made of events before the floor of the
// group; those behind it wait, as in distinct.
type ordered struct {
	chains  [][]witness // by step; empty where there is none
	pending line[witness]
	facts   int // in all chains
}

func (o *ordered) apply(sh *shard, g *group, e *event, out []Firing) []Firing {
	p := sh.plan
	if len(o.chains) == 0 {
		o.chains = make([][]witness, len(p.spec.Rules))
	}
	o.insert(e)
	if all := o.pending.all(); len(all) > maxPending {
		if middle := all[len(all)/2].at; middle > g.floor {
			g.floor = middle
			sh.stats.Hurried++
		}
	}
	o.settle(g.floor, p.span)
	end, hit := o.judge(p, e.at)
	switch g.turn(p.span, e, hit, end) {
	case fires:
		f := p.firing(e, end)
		f.Count, f.Value = int64(p.need), float64(p.need)
		p.tell(&f, o.chainUntil(end))
		return append(out, f)
	case continues:
		return append(out, p.continuation(g, e, float64(p.need)))
	}
	return out
}

// insert puts an event among those that wait: by time, and at one time by the
// order of the rules. A rule that matched twice at one time says nothing more.
func (o *ordered) insert(e *event) {
	w := witness{e.at, e.fact, e.rule}
	all := o.pending.all()
	i := len(all)
	for i > 0 && compareSteps(all[i-1], w) > 0 {
		i--
	}
	if i == 0 || compareSteps(all[i-1], w) != 0 {
		o.pending.insert(i, w)
	}
}

func compareSteps(a, b witness) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.rule, b.rule))
}

// settle moves events before the floor into chains, and drops chains that no
// window can hold any more.
func (o *ordered) settle(floor, span int64) {
	n := 0
	for _, w := range o.pending.all() {
		if w.at >= floor {
			break
		}
		o.extend(w)
		n++
	}
	o.pending.drop(n)
	for i, chain := range o.chains {
		if len(chain) > 0 && chain[0].at <= floor-span {
			o.facts -= len(chain)
			o.chains[i] = nil
		}
	}
}

// extend takes an event, not older than any before, into the chain of its step.
func (o *ordered) extend(w witness) {
	step := int(w.rule)
	var before []witness
	if step > 0 {
		if before = o.chains[step-1]; len(before) == 0 {
			return
		}
	}
	chain := append(slices.Clip(before), w) // a chain is never changed
	o.facts += len(chain) - len(o.chains[step])
	o.chains[step] = chain
}

// judge looks for the last window that holds a time and all steps in order.
func (o *ordered) judge(p *plan, at int64) (end int64, hit bool) {
	var room [MaxSteps]int64
	starts := room[:len(o.chains)] // where the best chain of each step begins
	for i, chain := range o.chains {
		starts[i] = never
		if len(chain) > 0 {
			starts[i] = chain[0].at
		}
	}
	for _, w := range o.pending.all() {
		switch {
		case w.rule == 0:
			starts[0] = w.at
		case starts[w.rule-1] != never:
			starts[w.rule] = starts[w.rule-1]
		}
		if last := starts[len(starts)-1]; w.at >= at && last != never && last > w.at-p.span {
			end, hit = w.at, true
		}
	}
	return end, hit
}

// chainUntil is the whole chain that began last of those that end by a time.
func (o *ordered) chainUntil(end int64) []witness {
	scratch := ordered{chains: slices.Clone(o.chains)}
	for _, w := range o.pending.all() {
		if w.at > end {
			break
		}
		scratch.extend(w)
	}
	return scratch.chains[len(scratch.chains)-1]
}

func (o *ordered) due(p *plan, g *group) int64 { return g.recv + p.span + p.lateness }

func (o *ordered) expire(_ *shard, _ *group, _ int64, out []Firing) ([]Firing, bool) {
	return out, true
}

func (o *ordered) size() int64 {
	return 32*int64(o.pending.len()+o.facts) + 24*int64(len(o.chains))
}
