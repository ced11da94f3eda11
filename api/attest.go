package api

import "time"

// What came of the last attestation of a host.
const (
	AttestAgrees    = "agrees"    // all is as the sensor says, and as it was
	AttestRestart   = "restart"   // it agrees, and a process still runs the sensor of before an upgrade
	AttestChanged   = "changed"   // the sensor is what it says, and another file is not as it was
	AttestDisagrees = "disagrees" // the wrapper contradicts the sensor; see the findings
	AttestRefused   = "refused"   // the wrapper refused, or failed
	AttestNoAnswer  = "no_answer" // no receipt came in time
)

// Attestation is what a host's wrapper, which is root's, has signed about its
// sensor, and what the hub makes of it.
type Attestation struct {
	// Asked is when it was last asked for, and At when the last answer was judged,
	// by the hub's clock, UTC; absent before the first.
	Asked time.Time `json:"asked,omitzero"`
	At    time.Time `json:"at,omitzero"`
	// Verdict is agrees, restart, changed, disagrees, refused or no_answer; empty before the first.
	Verdict string `json:"verdict,omitempty"`
	// Findings say what is not as it should be, and Notes what was different and
	// is explained. Host-made text.
	Findings []string `json:"findings,omitempty"`
	Notes    []string `json:"notes,omitempty"`
}
