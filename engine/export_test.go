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
