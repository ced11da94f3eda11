package engine

import (
	"time"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// Process holds one fact against all rules. Now is the time of the engine's
// own host: suppression goes by it, because a host whose clock is wrong, or
// set wrong on purpose, must not decide for how long its alerts are hidden.
//
// Processing the same fact again, as after a crash before its alerts were
// stored, returns the same alerts again, not duplicates of them; what stateful
// rules remember is to be restored as it was before the fact.
func (e *Engine) Process(in *Input, now time.Time) []Alert {
	if in.Fact == nil {
		return nil
	}
	p := e.pool.Get().(*pass)
	defer p.end()
	for {
		a := e.active.Load()
		if a == nil {
			return nil
		}
		p.begin(in, now)
		a.matcher.Match(&p.in, p.emit)
		if len(p.matches) == 0 || p.decide(a) {
			return p.alerts
		}
	}
}

// Advance lets time go on for rules that wait for something not to happen, and
// for windows that end. Alerts that come of it may have no fact.
func (e *Engine) Advance(now time.Time) []Alert {
	e.deciding.RLock()
	defer e.deciding.RUnlock()
	a := e.active.Load()
	if a == nil {
		return nil
	}
	firings := e.windows.Advance(now)
	if len(firings) == 0 {
		return nil
	}
	p := e.pool.Get().(*pass)
	defer p.end()
	p.begin(&Input{Fact: new(fact.Fact)}, now)
	p.a = a
	for i := range firings {
		p.alone(&firings[i])
	}
	return p.alerts
}

// pass is one fact on its way through the rules. Passes are used again and
// again, so that a fact that no rule meets costs no memory.
type pass struct {
	e       *Engine
	a       *active
	in      Input
	now     time.Time
	matches []Match
	alerts  []Alert
	emit    func(Match)
	facts   int // that this pass was used for
}

func newPass(e *Engine) *pass {
	p := &pass{e: e, in: Input{vars: new(rule.Vars)}}
	p.emit = func(m Match) { p.matches = append(p.matches, m) }
	return p
}

func (p *pass) begin(in *Input, now time.Time) {
	vars := p.in.vars
	p.in = *in
	p.in.vars = vars
	p.now, p.alerts, p.matches = now, nil, p.matches[:0]
	vars.Reset(in.Fact, in.Prevalence)
}

// end lets go of the fact. It runs after a panic too.
func (p *pass) end() {
	if p.facts++; p.facts%learnEvery == 1 && p.in.Fact != nil && p.in.Fact.Kind != "" {
		p.e.learn(&p.in)
	}
	vars := p.in.vars
	vars.Reset(nil, nil)
	clear(p.matches)
	p.in, p.a, p.alerts, p.matches = Input{vars: vars}, nil, nil, p.matches[:0]
	p.e.pool.Put(p)
}

// decide makes alerts of the matches; false where the rules were swapped since
// the fact was matched, so that it has to be matched again.
func (p *pass) decide(a *active) bool {
	p.e.deciding.RLock()
	defer p.e.deciding.RUnlock()
	if p.e.active.Load().plan != a.plan {
		return false
	}
	p.a = a
	for _, m := range p.matches {
		if m.Err != nil {
			p.alerts = p.e.failure(p.alerts, &p.in, m, p.now)
			continue
		}
		p.matched(m.Entry)
	}
	return true
}
