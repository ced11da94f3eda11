package engine

import (
	"fmt"

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

// Evaluate reports whether the rule's condition holds. A rule that panics is
// disabled until the next set is loaded; a disabled rule matches nothing, and
// Stats says so.
func (e *Entry) Evaluate(v *rule.Vars) (matched bool, err error) {
	if e.health.disabled.Load() {
		return false, nil
	}
	defer func() {
		if p := recover(); p != nil {
			matched, err = false, &rule.EvalError{ID: rule.ErrPanic, Detail: fmt.Sprint(p)}
		}
	}()
	if e.evaluate != nil {
		return e.evaluate(e.Rule, v)
	}
	return e.Rule.Evaluate(v)
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
	v := in.Vars()
	for _, e := range m.byKind[in.Fact.Kind] {
		if matched, err := e.Evaluate(v); matched || err != nil {
			emit(Match{Entry: e, Err: err})
		}
	}
}
