package engine

import (
	"picket.internal/engine/index"
	"picket.internal/engine/rule"
)

// Indexed asks the rules that an index finds for a fact: the matcher that an
// engine uses by itself.
type Indexed struct {
	entries []*Entry
	index   *index.Index
}

// NewIndexed builds the index of rules; p is what is known of their facts, or nil.
func NewIndexed(entries []*Entry, p *index.Profile) *Indexed {
	rules := make([]*rule.Rule, len(entries))
	for i, e := range entries {
		rules[i] = e.Rule
	}
	return &Indexed{entries, index.New(rules, p)}
}

// Report says how each rule is looked up.
func (m *Indexed) Report() []index.Report { return m.index.Report() }

// Match implements Matcher.
func (m *Indexed) Match(in *Input, emit func(Match)) {
	found := m.index.Candidates(in.Fact.Kind, in.Vars())
	if found == nil {
		return
	}
	defer found.Release()
	for _, i := range found.Rules {
		if matched, err := m.entries[i].Evaluate(in); matched || err != nil {
			emit(Match{Entry: m.entries[i], Err: err})
		}
	}
}
