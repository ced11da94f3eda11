package engine

import (
	"fmt"
	"time"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// Match is a rule that a fact met, or that failed on it where Err is set.
type Match struct {
	Entry *Entry
	Err   error
}

// Matcher finds the rules that a fact meets. It is built anew for every set of
// rules and used by many goroutines at once.
type Matcher interface {
	// Match calls emit for every rule that the fact meets and for every rule
	// that failed on it, in the order of the rules' ids.
	Match(in *Input, emit func(Match))
}

// Entry is a rule in an engine: the rule and how it fares there.
type Entry struct {
	Rule *rule.Rule

	health   *health
	evaluate func(*rule.Rule, *rule.Vars) (bool, error) // nil: the rule's own
}

// Evaluate reports whether the rule's condition holds, and accounts for it. A
// rule that panics is disabled until the next set is loaded; a rule that is
// disabled or switched off matches nothing, and Stats says so.
func (e *Entry) Evaluate(in *Input) (matched bool, err error) {
	h := e.health
	if h.disabled.Load() || !h.breaker.allows(in.Fact.Host.ID) {
		h.withheld.Add(1)
		return false, nil
	}
	defer func() {
		if p := recover(); p != nil {
			matched, err = false, &rule.EvalError{ID: rule.ErrPanic, Detail: fmt.Sprint(p)}
		}
	}()
	if !h.timeNext() {
		return e.ask(in.Vars())
	}
	start := time.Now()
	matched, err = e.ask(in.Vars())
	h.timed(time.Since(start))
	return matched, err
}

func (e *Entry) ask(v *rule.Vars) (bool, error) {
	if e.evaluate != nil {
		return e.evaluate(e.Rule, v)
	}
	matched, cost, err := e.Rule.EvaluateCost(v)
	if cost > 0 {
		e.health.full.Add(1)
		e.health.cost.Add(cost)
	}
	return matched, err
}

// linear asks every rule of the fact's kind, one after the other. It is the
// oracle that faster matchers are held against.
type linear struct{ byKind map[fact.Kind][]*Entry }

// NewLinear returns the Matcher that asks every rule of the fact's kind.
func NewLinear(entries []*Entry) Matcher {
	m := linear{map[fact.Kind][]*Entry{}}
	for _, e := range entries {
		for _, kind := range e.Rule.On {
			m.byKind[kind] = append(m.byKind[kind], e)
		}
	}
	return m
}

// Match implements Matcher.
func (m linear) Match(in *Input, emit func(Match)) {
	for _, e := range m.byKind[in.Fact.Kind] {
		if matched, err := e.Evaluate(in); matched || err != nil {
			emit(Match{Entry: e, Err: err})
		}
	}
}
