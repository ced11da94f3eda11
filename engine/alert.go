package engine

import (
	"time"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// Input is one fact and what the hub knows beside it.
type Input struct {
	// Fact is what happened. It must not change any more: alerts hold it, and
	// the engine keeps a few facts to learn from.
	Fact *fact.Fact
	// Prevalence is what the fleet knows of the process's hash; nil where nothing
	// is known. It must not change either.
	Prevalence *fact.Prevalence
	// Ref is where the caller keeps the fact, for Window.Firing: a ULID, or a text
	// of at most 14 bytes. Empty means that it is not listed there.
	Ref string
	// Learning is true for a host that is new: its first times mean nothing.
	Learning bool

	vars *rule.Vars
}

// Vars are the input as conditions read it, made at the first call.
func (in *Input) Vars() *rule.Vars {
	if in.vars == nil {
		in.vars = rule.NewVars(in.Fact, in.Prevalence)
	}
	return in.vars
}

func (in *Input) learning() bool {
	return in.Learning || in.Prevalence != nil && !in.Prevalence.Learned
}

// RuleRef is what an alert keeps of its rule.
type RuleRef struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Version  string   `json:"version"`
	Status   string   `json:"status"`
	Severity string   `json:"severity"`
	Score    float64  `json:"score"`
	Tags     []string `json:"tags,omitempty"`
	// Author, Source and DerivedFrom say whose work the rule is, which licences
	// ask for beside every match.
	Author      string       `json:"author,omitempty"`
	Source      *rule.Source `json:"source,omitempty"`
	DerivedFrom string       `json:"derived_from,omitempty"` // the id of the rule that it was made of
	References  []string     `json:"references,omitempty"`   // the first maxReferences
}

// maxReferences is how many of a rule's references go into each alert.
const maxReferences = 5

// Alert is a rule that a fact met, or, where Error is set, a rule that could
// not be evaluated on the fact.
type Alert struct {
	Rule     RuleRef   `json:"rule"`
	Severity string    `json:"severity"`
	Score    float64   `json:"score"`
	Message  string    `json:"message,omitempty"`
	Host     fact.Host `json:"host"`
	Time     time.Time `json:"time"` // of the fact, by the host's clock
	// Key is what the alert's duplicates have in common; empty where the rule
	// suppresses none.
	Key string `json:"key,omitempty"`
	// SuppressFor is how long duplicates of this alert are suppressed into it.
	SuppressFor time.Duration `json:"suppress_for,omitempty"`
	// Suppressed is true for a duplicate: the caller counts it and links its
	// facts to the alert of the same Key that is open. A duplicate has no
	// Message and no Values.
	Suppressed bool `json:"suppressed,omitempty"`
	// Facts are what happened, the one that raised the alert; none where time did.
	Facts []*fact.Fact `json:"facts"`
	// Window is what a stateful rule saw; nil for others.
	Window *Window `json:"window,omitempty"`
	// Values are the parts of the rule's condition with the values they had.
	Values map[string]string `json:"values,omitempty"`
	// Shadow is true for rules that are not trusted yet: recorded, not notified.
	Shadow bool `json:"shadow,omitempty"`
	// Response are the names of the rule's response policies.
	Response []string `json:"response,omitempty"`
	// Error says why the rule could not be evaluated. Such an alert is no match:
	// the hub makes a fleet fact rule_failing of it. At most one a rule, host
	// and hour is returned; all are counted. It begins with ErrOff for a rule that
	// was switched off, which is returned always.
	Error string `json:"error,omitempty"`
}

func refOf(r *rule.Rule) RuleRef {
	ref := RuleRef{ID: r.ID, Title: r.Title, Version: r.Version, Status: string(r.Status), Severity: r.Severity, Score: r.Score, Tags: r.Tags,
		Author: r.Author, Source: r.Source, References: r.References[:min(len(r.References), maxReferences)]}
	for _, other := range r.Related {
		if other.Type == "derived" && ref.DerivedFrom == "" {
			ref.DerivedFrom = other.ID
		}
	}
	return ref
}
