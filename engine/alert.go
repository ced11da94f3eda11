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

	vars *rule.Vars
}

// Vars are the input as conditions read it, made at the first call.
func (in *Input) Vars() *rule.Vars {
	if in.vars == nil {
		in.vars = rule.NewVars(in.Fact, in.Prevalence)
	}
	return in.vars
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
}

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
	Suppressed bool         `json:"suppressed,omitempty"`
	Facts      []*fact.Fact `json:"facts"`
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
	return RuleRef{ID: r.ID, Title: r.Title, Version: r.Version, Status: string(r.Status), Severity: r.Severity, Score: r.Score, Tags: r.Tags}
}
