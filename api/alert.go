package api

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/fact"
)

// What has become of an alert.
const StateNew = "new" // nobody has looked at it yet

// Severities lists every severity, the least first.
var Severities = []string{"info", "low", "medium", "high", "critical"}

// Alert is a rule that matched.
type Alert struct {
	// ID is a ULID. Ids grow in the order of storing, so an id is a cursor.
	ID string `json:"id"`
	// Time is when what raised it happened: the fact's time, by the host's clock, UTC.
	Time time.Time `json:"time"`
	// Stored is when the hub had made it durable, by the hub's clock, UTC.
	Stored time.Time `json:"stored"`
	// LatencyMS is stored minus time. It is negative where the host's clock runs ahead. Unit: milliseconds.
	LatencyMS float64 `json:"latency_ms"`
	// Rule is the rule as it was when it matched.
	Rule Rule `json:"rule"`
	// Severity is one of Severities.
	Severity string `json:"severity"`
	// Score orders alerts of one severity, the higher the worse; the rule decides it.
	Score float64 `json:"score"`
	// Message is the rule's message with the values of these facts filled in. Host-made text: escape it before showing it.
	Message string `json:"message"`
	// Host is the host that it is about.
	Host fact.Host `json:"host"`
	// Facts are the facts that raised it, byte for byte as the host signed them.
	Facts []jsontext.Value `json:"facts"`
	// Values are the values that the parts of the rule's condition had, by the part's text.
	Values map[string]string `json:"values,omitempty"`
	// Window is what a rule over more than one fact saw; absent for a rule that looks at one.
	Window *Window `json:"window,omitempty"`
	// Parts are the alerts that made up a risk, the weightiest first.
	Parts []Part `json:"parts,omitempty"`
	// Count is how many times it happened: 1 and every duplicate that the rule suppressed.
	Count int64 `json:"count"`
	// Last is when the last duplicate happened, by the host's clock; absent without one.
	Last time.Time `json:"last,omitzero"`
	// State is what has become of it, as in StateNew.
	State string `json:"state"`
	// Shadow is true where the rule is still on trial: nobody is to be woken.
	Shadow bool `json:"shadow"`
	// Responses are what it led to, with tokens and receipts; only where one alert is asked for.
	Responses []Response `json:"responses,omitempty"`
	// Error says what went wrong while the message or the values were computed; absent where nothing did.
	Error string `json:"error,omitempty"`
}

// Window is what a rule over more than one fact saw when it fired.
type Window struct {
	// Count is how many events the window held.
	Count int64 `json:"count"`
	// Value is what the rule's condition was held against.
	Value float64 `json:"value"`
	// Since is the time of the window's first event.
	Since time.Time `json:"since,omitzero"`
	// Group are the values that the events have in common, by field or alias. Host-made text.
	Group map[string]string `json:"group,omitempty"`
	// Rules are the ids of the rules that matched.
	Rules []string `json:"rules,omitempty"`
}

// Part is an alert that a risk is made of.
type Part struct {
	// Alert is its id; absent where it is no longer stored.
	Alert string `json:"alert,omitempty"`
	// Rule is its rule's id.
	Rule string `json:"rule"`
	// Score is what is left of its score. Unit: points.
	Score float64 `json:"score"`
	// Time is when it happened.
	Time time.Time `json:"time,omitzero"`
}

// Rule names the rule behind an alert.
type Rule struct {
	// ID is the rule's id, as in "canary.read".
	ID string `json:"id"`
	// Title says in a few words what it finds.
	Title string `json:"title"`
	// Version identifies the text of the rule that matched.
	Version string `json:"version,omitempty"`
	// Status is experimental, test, stable or deprecated.
	Status string `json:"status,omitempty"`
	// Severity is what the rule says; the alert's own may differ.
	Severity string `json:"severity"`
	// Tags are the rule's tags, as in "attack.t1552.001".
	Tags []string `json:"tags,omitempty"`
	// Author is who wrote the rule. Some licences ask for it beside every match.
	Author string `json:"author,omitempty"`
	// Source is where the rule came from; nil where it does not say.
	Source *RuleSource `json:"source,omitempty"`
	// DerivedFrom is the id of the rule that this one was made of, as Sigma's.
	DerivedFrom string `json:"derived_from,omitempty"`
	// References are links for those who want to know more, the first few.
	References []string `json:"references,omitempty"`
	// Response are the names of the response policies that are to answer it; none
	// where the rule is on trial.
	Response []string `json:"response,omitempty"`
}

// RuleSource is where a rule came from, and on which terms.
type RuleSource struct {
	Name    string `json:"name"`
	URL     string `json:"url,omitempty"`
	Licence string `json:"licence,omitempty"`
}
