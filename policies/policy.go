// Package policies is response content: which alert may lead to which action,
// how freely, for how long. One document a policy; docs/respond.md describes
// them, and the ones that Picket ships lie beside this file. All of those say
// dry_run: what they would have done is recorded, and nothing is done.
//
// A policy can only ask. What may be done on a host is in the host's own policy
// (package eat), which no hub can change. This package reads documents and maps
// an alert's facts to arguments. It must never act, keep state or read a clock.
package policies

import (
	"net/netip"
	"slices"
	"time"

	"picket.internal/api"
	"picket.internal/eat"
)

// How much freedom a policy has, the least first.
const (
	// DryRun records what would have been done.
	DryRun = "dry_run"
	// Ask waits for a person.
	Ask = "ask"
	// Auto acts at once, within its limits.
	Auto = "auto"
)

var modes = []string{DryRun, Ask, Auto}

// What a policy means where it says nothing.
const (
	DefaultGroup        = 10 * time.Minute
	DefaultHostsPerHour = 3
	DefaultLifetime     = 30 * time.Minute
	DefaultValid        = 5 * time.Minute
)

// Policy is one document.
type Policy struct {
	// Name names it, as in "canary-touched".
	Name string
	// Title says what it does in a few words.
	Title string
	// Description says when to use it; may be empty.
	Description string
	// On is which alerts it is for, beside those whose rule names it; empty means
	// no others.
	On On
	// Mode is the most freedom that any of its actions has.
	Mode string
	// Group is how long alerts of one host are one incident, which leads to each
	// action once.
	Group time.Duration
	// Limits bound what is done without a person.
	Limits Limits
	// Actions are what to do, in order.
	Actions []Action
	// File is where it was read from.
	File string
}

// On chooses alerts. Everything that is said must hold; where nothing is said it
// chooses none.
type On struct {
	// Rules are ids of rules, one of which must have raised the alert; empty means any.
	Rules []string
	// Tags are tags, one of which the rule must have; empty means any.
	Tags []string
	// Severity is the least severity; empty means any.
	Severity string
}

// Limits bound what is done without a person. What is over them waits.
type Limits struct {
	// HostsPerHour is on how many hosts the policy acts by itself within an hour.
	HostsPerHour int
	// Share is the most of the fleet in percent that HostsPerHour may come to;
	// one host is always within it. 0 means no such limit.
	Share int
	// NeverHosts are names or ids of hosts on which it never acts by itself.
	NeverHosts []string
	// NeverLabels are labels of such hosts.
	NeverLabels []string
	// Keep are labels of which at least one host stays that nothing contains.
	Keep []string
	// From and To bound the time of day, UTC, in which it acts by itself; equal
	// means at any time. To may be before From: the night.
	From, To time.Duration
}

// Action is one thing to do.
type Action struct {
	// Name is the action, as in eat.ActionSuspendProcess.
	Name string
	// Mode is the freedom of this action, never more than the policy's.
	Mode string
	// Target is which part of the alert's fact it is about; empty where it is
	// about none.
	Target string
	// Lifetime is how long it lasts; 0 where it has no end.
	Lifetime time.Duration
	// Signatures is how many operators must sign; 0 means that a yes is enough.
	Signatures int
	// Valid is how long a token for it holds, for those who must sign it.
	Valid time.Duration
	// Tree is true where descendants of the process are meant too.
	Tree bool
	// EndSessions is true where the sessions of a disabled account end.
	EndSessions bool
	// AllUsers is true where a key is revoked for everybody.
	AllUsers bool
	// Allow are ranges that stay reachable in an isolation.
	Allow []netip.Prefix
	// What is the evidence to collect.
	What []string
}

// Names are the names of policies, in their order.
func Names(list []*Policy) []string {
	out := make([]string, 0, len(list))
	for _, p := range list {
		out = append(out, p.Name)
	}
	return out
}

// Matches reports whether an alert is one of those that the policy is for: its
// rule names the policy, or On chooses it. An alert of a rule on trial never is.
func (p *Policy) Matches(a *api.Alert) bool {
	switch {
	case a.Shadow:
		return false
	case slices.Contains(a.Rule.Response, p.Name):
		return true
	}
	return p.On.chooses(a)
}

// Pairs reports whether somebody has put the policy and the alert's rule together
// by name.
func (p *Policy) Pairs(a *api.Alert) bool {
	return slices.Contains(a.Rule.Response, p.Name) || slices.Contains(p.On.Rules, a.Rule.ID)
}

func (on On) empty() bool { return len(on.Rules)+len(on.Tags) == 0 && on.Severity == "" }

func (on On) chooses(a *api.Alert) bool {
	if on.empty() {
		return false
	}
	if len(on.Rules) > 0 && !slices.Contains(on.Rules, a.Rule.ID) {
		return false
	}
	if len(on.Tags) > 0 && !slices.ContainsFunc(on.Tags, func(t string) bool { return slices.Contains(a.Rule.Tags, t) }) {
		return false
	}
	return on.Severity == "" || slices.Index(api.Severities, a.Severity) >= slices.Index(api.Severities, on.Severity)
}

// Never reports whether the policy must not act by itself on a host.
func (l Limits) Never(id, name string, labels []string) bool {
	return slices.Contains(l.NeverHosts, id) || slices.Contains(l.NeverHosts, name) ||
		slices.ContainsFunc(l.NeverLabels, func(label string) bool { return slices.Contains(labels, label) })
}

// Kept are those of a host's labels of which one host must stay.
func (l Limits) Kept(labels []string) []string {
	var out []string
	for _, label := range l.Keep {
		if slices.Contains(labels, label) {
			out = append(out, label)
		}
	}
	return out
}

// Within reports whether it may act by itself at a time of day.
func (l Limits) Within(now time.Time) bool {
	now = now.UTC()
	at := time.Duration(now.Hour())*time.Hour + time.Duration(now.Minute())*time.Minute
	switch {
	case l.From == l.To:
		return true
	case l.From < l.To:
		return l.From <= at && at < l.To
	}
	return at >= l.From || at < l.To
}

// Hosts is on how many hosts of a fleet of so many it acts within an hour.
func (l Limits) Hosts(fleet int) int {
	if l.Share == 0 {
		return l.HostsPerHour
	}
	return min(l.HostsPerHour, max(1, fleet*l.Share/100))
}

// contains is what is known of the action without a token.
func (a Action) contains() bool {
	known, _ := eat.ActionNamed(a.Name)
	return known.Contains
}
