package respond

import (
	"fmt"
	"slices"

	"picket.internal/api"
	"picket.internal/engine/rule"
	"picket.internal/policies"
)

// unknown are the policies that rules name and that there are not.
type unknown struct {
	// rules and policies are the versions of what was compared.
	rules, policies string
	// words are a line each, for people.
	words []string
}

// tellUnknown compares the names in the running rules with the running policies,
// once for each pair of versions: rules and policies change one without the other.
func (d *Desk) tellUnknown() {
	if d.cfg.Rules == nil {
		return
	}
	set, running := d.cfg.Rules(), d.running.Load()
	if set == nil {
		return
	}
	before := d.unknown.Load()
	if before != nil && before.rules == set.Version() && before.policies == running.digest {
		return
	}
	now := &unknown{rules: set.Version(), policies: running.digest}
	for _, f := range rule.CheckResponses(set, policies.Names(running.list)) {
		now.words = append(now.words, fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Message))
		d.cfg.Logger.Warn("a rule names a response policy that there is not", "file", f.File, "line", f.Line, "problem", f.Message)
	}
	d.unknown.Store(now)
}

// UnknownPolicies says, a line each, which rules name a policy that there is not.
func (d *Desk) UnknownPolicies() []string {
	if u := d.unknown.Load(); u != nil {
		return u.words
	}
	return nil
}

// countUnknown counts the policies that an alert's rule names and that there are not.
func (d *Desk) countUnknown(a *api.Alert) {
	if a.Shadow {
		return
	}
	names := policies.Names(d.policies())
	for _, name := range a.Rule.Response {
		if !slices.Contains(names, name) {
			d.cfg.Stats.Add("response.unknown_policy", 1)
			d.cfg.Logger.Error("an alert names a response policy that there is not", "alert", a.ID, "rule", a.Rule.ID, "policy", name)
		}
	}
}
