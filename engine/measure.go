package engine

import (
	"time"

	"picket.internal/engine/index"
	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// Measurement is what the rules of a set cost on some facts, asked one by one
// and through the index.
type Measurement struct {
	Facts  int // that were shown
	Rules  []RuleCost
	Index  []index.Report // by rule, in the order of Rules
	Linear time.Duration  // for one fact, every rule of its kind asked in full
	Found  time.Duration  // for one fact, only the rules that the index finds asked
	// Differences are rules for which the two ways gave different answers; there
	// must be none.
	Differences []string
}

// RuleCost is what one rule cost, asked about every fact of its kinds.
type RuleCost struct {
	Rule    *rule.Rule
	Time    time.Duration // for one fact
	Cost    uint64        // the most for one fact, in the units of CEL
	Facts   int
	Matches int
	Errors  int
}

// Measure shows facts to the rules of a set, as often as it takes for clock to
// have moved on by atLeast, which lets small sets be measured too. clock tells
// the time.
func Measure(set *rule.Set, facts []*fact.Fact, atLeast time.Duration, clock func() time.Time) Measurement {
	m := Measurement{Facts: len(facts)}
	var rules []*rule.Rule
	for _, r := range set.Rules() {
		if r.Status != rule.StatusDeprecated && len(r.On) > 0 {
			rules = append(rules, r)
			m.Rules = append(m.Rules, RuleCost{Rule: r})
		}
	}
	profile := new(index.Profile)
	for _, f := range facts {
		profile.Learn(f, nil)
	}
	x := index.New(rules, profile)
	m.Index = x.Report()
	if len(facts) == 0 || len(rules) == 0 {
		return m
	}
	vars, byKind := make([]*rule.Vars, len(facts)), map[fact.Kind][]int{}
	for k, f := range facts {
		vars[k] = rule.NewVars(f, nil)
		byKind[f.Kind] = append(byKind[f.Kind], k)
	}
	answers := m.each(vars, byKind, atLeast, clock)
	m.found(x, facts, vars, atLeast, clock, answers)
	return m
}

// each asks one rule after the other about all facts of its kinds, so that what
// is measured is the rule, and adds up what one fact costs. It answers which
// facts each rule matches or fails on.
func (m *Measurement) each(vars []*rule.Vars, byKind map[fact.Kind][]int, atLeast time.Duration, clock func() time.Time) []map[int]bool {
	answers := make([]map[int]bool, len(m.Rules))
	var sum time.Duration
	for i := range m.Rules {
		c := &m.Rules[i]
		var mine []int
		for _, kind := range c.Rule.On {
			mine = append(mine, byKind[kind]...)
		}
		if c.Facts = len(mine); c.Facts == 0 {
			continue
		}
		answers[i] = map[int]bool{}
		for _, k := range mine {
			if c.ask(vars[k]) {
				answers[i][k] = true
			}
		}
		c.Time = perRound(len(mine), atLeast/time.Duration(len(m.Rules)), clock, func() {
			for _, k := range mine {
				_, _ = c.Rule.EvaluateDirect(vars[k])
			}
		})
		sum += c.Time * time.Duration(c.Facts)
	}
	m.Linear = sum / time.Duration(len(vars))
	return answers
}

// ask counts what the rule says of a fact, and reports whether it says anything.
func (c *RuleCost) ask(v *rule.Vars) bool {
	matched, err := c.Rule.EvaluateDirect(v)
	_, cost, _ := c.Rule.EvaluateCost(v)
	c.Cost = max(c.Cost, cost)
	if err != nil {
		c.Errors++
	}
	if matched {
		c.Matches++
	}
	return matched || err != nil
}

// found asks only the rules that the index finds, and holds them to the answers
// of each.
func (m *Measurement) found(x *index.Index, facts []*fact.Fact, vars []*rule.Vars, atLeast time.Duration, clock func() time.Time, answers []map[int]bool) {
	for k, f := range facts {
		shown := map[int32]bool{}
		if found := x.Candidates(f.Kind, vars[k]); found != nil {
			for _, i := range found.Rules {
				shown[i] = true
			}
			found.Release()
		}
		for i := range m.Rules {
			if answers[i][k] && !shown[int32(i)] {
				m.Differences = append(m.Differences, m.Rules[i].Rule.ID)
			}
		}
	}
	m.Found = perRound(len(facts), atLeast, clock, func() {
		for k, f := range facts {
			found := x.Candidates(f.Kind, vars[k])
			if found == nil {
				continue
			}
			for _, i := range found.Rules {
				_, _ = m.Rules[i].Rule.Evaluate(vars[k])
			}
			found.Release()
		}
	})
}

// batch is long enough for the clock to tell.
const batch = 100 * time.Microsecond

// perRound is how long one of the n things takes that do does at once: the best
// of many tries, because whatever else the machine does only makes it longer.
func perRound(n int, atLeast time.Duration, clock func() time.Time, do func()) time.Duration {
	begin := clock()
	times, best := 1, time.Duration(0)
	for {
		start := clock()
		for range times {
			do()
		}
		end := clock()
		switch took := end.Sub(start); {
		case took < batch:
			times *= 2
		case best == 0 || took/time.Duration(times) < best:
			best = took / time.Duration(times)
		}
		if best > 0 && end.Sub(begin) >= atLeast {
			return best / time.Duration(n)
		}
	}
}
