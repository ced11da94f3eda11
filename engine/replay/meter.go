package replay

import (
	"math/rand/v2"
	"time"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// sampleEvery is on one of how many facts the cost of rules is measured:
// looking at the clock takes about as long as a cheap rule.
const sampleEvery = 64

// meter measures what rules cost on real facts: now and then it asks every rule
// that is about a fact's kind, one after the other, whatever the engine would
// have spared.
type meter struct {
	byKind map[fact.Kind][]*costed
	all    []*costed
	kinds  map[fact.Kind]int64 // how many facts of each there were
	rnd    *rand.Rand
	vars   rule.Vars
	clock  time.Duration // what looking at the clock takes
}

type costed struct {
	rule    *rule.Rule
	samples int64
	total   time.Duration
	most    time.Duration
}

func newMeter(set *rule.Set) *meter {
	m := &meter{byKind: map[fact.Kind][]*costed{}, kinds: map[fact.Kind]int64{}, rnd: rand.New(rand.NewPCG(1, 2)), clock: clockCost()}
	for _, r := range set.Rules() {
		if r.Where == "" || r.Status == rule.StatusDeprecated {
			continue // it reads other rules' matches, not facts
		}
		c := &costed{rule: r}
		m.all = append(m.all, c)
		for _, kind := range r.On {
			m.byKind[kind] = append(m.byKind[kind], c)
		}
	}
	return m
}

// clockCost is the least time between two looks at the clock.
func clockCost() time.Duration {
	least := time.Second
	for range 200 {
		start := time.Now()
		least = min(least, time.Since(start))
	}
	return least
}

func (m *meter) fact(at *moment) {
	m.kinds[at.fact.Kind]++
	if m.rnd.IntN(sampleEvery) != 0 {
		return
	}
	rules := m.byKind[at.fact.Kind]
	m.vars.Reset(at.fact, at.known)
	for _, c := range rules { // so that no rule pays for the fields of all
		ask(c.rule, &m.vars)
	}
	for _, c := range rules {
		start := time.Now()
		ask(c.rule, &m.vars)
		d := max(time.Since(start)-m.clock, 0)
		c.samples++
		c.total += d
		c.most = max(c.most, d)
	}
}

// ask evaluates a rule; what comes of it, and of a panic, is the engine's to count.
func ask(r *rule.Rule, v *rule.Vars) {
	defer func() { _ = recover() }()
	_, _ = r.Evaluate(v)
}

// cost is what a rule costs on the facts that it is about.
func (m *meter) cost(c *costed) *Cost {
	if c.samples == 0 {
		return nil
	}
	out := &Cost{Samples: c.samples, MeanNS: float64(c.total.Nanoseconds()) / float64(c.samples), MostNS: c.most.Nanoseconds()}
	for _, kind := range c.rule.On {
		out.Facts += m.kinds[kind]
	}
	return out
}
