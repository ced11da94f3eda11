package index

import (
	"slices"
	"strings"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// Report says how a rule is looked up.
type Report struct {
	Rule string `json:"rule"`
	// Indexed is true where facts of no kind are all shown to the rule.
	Indexed bool `json:"indexed"`
	// Kinds is how it is looked up by the kind of the facts.
	Kinds []KindReport `json:"kinds"`
}

// KindReport says how a rule is looked up among facts of one kind.
type KindReport struct {
	Kind fact.Kind `json:"kind"`
	// Tests are what a fact must meet one of to be shown to the rule, as in
	// `process.name equals "sh"`, or `process.name equals "sh" and one of: …`
	// where it must meet a second one too. Empty where the rule is not indexed.
	Tests []string `json:"tests,omitempty"`
	// Fields are the fields of these tests.
	Fields []string `json:"fields,omitempty"`
	// Share of the facts of the kind is expected to be shown to the rule.
	Share float64 `json:"share"`
	// Reason is why the rule is shown every fact; empty where it is not.
	Reason string `json:"reason,omitempty"`
}

// Report says how each rule is looked up, in the order in which New had them.
func (x *Index) Report() []Report { return x.report }

func (r *Report) add(kind fact.Kind, p plan) {
	k := KindReport{Kind: kind, Share: p.share, Reason: p.why}
	if p.why != "" {
		k.Share = 1
	}
	for _, c := range p.clauses {
		also := k.say(c.also)
		for _, text := range k.say(c.tests) {
			if len(also) > 0 {
				text += " and one of: " + strings.Join(also, "; ")
			}
			k.Tests = append(k.Tests, text)
		}
	}
	r.Indexed = p.why == "" && (r.Indexed || len(r.Kinds) == 0)
	r.Kinds = append(r.Kinds, k)
}

func (k *KindReport) say(tests []*rule.Atom) (out []string) {
	for _, t := range tests {
		out = append(out, t.String())
		if !slices.Contains(k.Fields, t.Subject.Name) {
			k.Fields = append(k.Fields, t.Subject.Name)
		}
	}
	return out
}
