package engine

import "picket.internal/engine/rule"

// Entries are the rules of a set as a Matcher takes them.
func Entries(set *rule.Set) []*Entry {
	var out []*Entry
	for _, r := range set.Rules() {
		out = append(out, &Entry{Rule: r, health: new(health)})
	}
	return out
}

// Sabotage makes a rule of the engine's set do something else than evaluate.
func Sabotage(e *Entry, f func(*rule.Rule, *rule.Vars) (bool, error)) { e.evaluate = f }

// EntriesOf are rules as a Matcher takes them.
func EntriesOf(rules []*rule.Rule) []*Entry {
	var out []*Entry
	for _, r := range rules {
		out = append(out, &Entry{Rule: r, health: new(health)})
	}
	return out
}

// Reused is an input that is used for one fact after the other, as an engine
// does.
type Reused struct{ in Input }

// NewReused returns one.
func NewReused() *Reused { return &Reused{Input{vars: new(rule.Vars)}} }

// Take makes it the input of another fact.
func (r *Reused) Take(in *Input) *Input {
	r.in.Fact, r.in.Prevalence = in.Fact, in.Prevalence
	r.in.vars.Reset(in.Fact, in.Prevalence)
	return &r.in
}
