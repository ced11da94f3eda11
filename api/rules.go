package api

import "time"

// RunningRule is a rule that the hub runs, and how it fares there.
type RunningRule struct {
	// ID is the rule's id, as in "canary.read".
	ID string `json:"id"`
	// Title says in a few words what it finds.
	Title string `json:"title"`
	// Version identifies its text.
	Version string `json:"version"`
	// Status is experimental, test, stable or deprecated.
	Status string `json:"status"`
	// Severity is what the rule says.
	Severity string `json:"severity"`
	// File is where it stands in the set, as in RuleFile.Name.
	File string `json:"file"`
	// Shadow is true where its alerts are only recorded: it is on trial.
	Shadow bool `json:"shadow"`
	// Matched is how many facts met it since the hub's start, duplicates included.
	Matched int64 `json:"matched"`
	// Suppressed is how many of these were duplicates.
	Suppressed int64 `json:"suppressed"`
	// Errors is how many evaluations failed since the hub's start.
	Errors int64 `json:"errors"`
	// LastError is the last of them; absent where there was none.
	LastError string `json:"last_error,omitempty"`
	// Disabled is true where it failed so badly that it is not asked any more.
	Disabled bool `json:"disabled,omitempty"`
	// Off is true where it was switched off because it kept exceeding its bound.
	Off bool `json:"off,omitempty"`
	// OffHosts is for how many hosts by themselves it was switched off.
	OffHosts int `json:"off_hosts,omitempty"`
	// Excused is how many facts met it that an exception or a filter let pass.
	Excused int64 `json:"excused,omitempty"`
	// Cost is what its evaluations cost together, in the units of CEL.
	Cost int64 `json:"cost,omitempty"`
	// TimeMS is how long they took together, by samples. Unit: milliseconds.
	TimeMS float64 `json:"time_ms,omitempty"`
	// Groups is how many groups it remembers; Evicted, Late and Ungrouped count
	// what it could not: groups that made room, events that came too late, and
	// facts without a value to group by.
	Groups    int   `json:"groups,omitempty"`
	Evicted   int64 `json:"evicted,omitempty"`
	Late      int64 `json:"late,omitempty"`
	Ungrouped int64 `json:"ungrouped,omitempty"`
	// Alerts is how many alerts of it are stored, those in shadow not counted.
	Alerts int64 `json:"alerts"`
	// ShadowAlerts is how many alerts of it are stored that nobody was told of.
	ShadowAlerts int64 `json:"shadow_alerts"`
	// LastAlert is when the hub stored the newest of them; absent without one.
	LastAlert time.Time `json:"last_alert,omitzero"`
}

// RunningFilter is one tuning of many rules, and how it fares on the hub.
type RunningFilter struct {
	// Name is the filter's name.
	Name string `json:"name"`
	// Title says in a few words what it lets pass; may be empty.
	Title string `json:"title,omitempty"`
	// Owner is who answers for it.
	Owner string `json:"owner"`
	// Reason is why it is there; may be empty.
	Reason string `json:"reason,omitempty"`
	// Expires is the last day on which it holds; absent where it has no end.
	Expires time.Time `json:"expires,omitzero"`
	// Expired is true where that day is over: it lets nothing pass any more.
	Expired bool `json:"expired,omitempty"`
	// Rules is how many rules it applies to.
	Rules int `json:"rules"`
	// Hits is how many facts it let pass since the hub's start.
	Hits int64 `json:"hits"`
	// Last is when it last did, by the hub's clock; absent before.
	Last time.Time `json:"last,omitzero"`
}

// RuleState is the answer to a rule that was switched on again.
type RuleState struct {
	// ID is the rule.
	ID string `json:"id"`
	// Enabled is true: it is shown facts of every host.
	Enabled bool `json:"enabled"`
}

// MaxRuleFile is the most that a RuleFile's text takes.
const MaxRuleFile = 1 << 20

// RuleFile is one file of the set of rules that runs.
type RuleFile struct {
	// Name is its path in the set, with slashes.
	Name string `json:"name"`
	// Text is what is in it, as it was when it was loaded.
	Text string `json:"text"`
}
