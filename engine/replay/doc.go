// Package replay holds rules against facts of the past and tells what would
// have come of it: how many alerts on which day, about whom, at what cost, and
// what another set of rules would have made of the same facts.
//
// It runs the same engine as the hub, by the hub's clock of then. What the hub
// had learned before the first fact it does not know: what is seen for the
// first time, in prevalence and in the windows of rules, is seen from the first
// fact on.
//
// The package must never change anything: no alert of a replay leaves its
// report.
package replay
