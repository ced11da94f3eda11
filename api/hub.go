package api

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Status is how the hub itself is.
type Status struct {
	// Hub is its identifier, "u_" and 26 characters.
	Hub string `json:"hub"`
	// Version is the program's version.
	Version string `json:"version"`
	// Started is when it began to serve; absent where it does not say.
	Started time.Time `json:"started,omitzero"`
	// Rules is what it looks for.
	Rules RulesStatus `json:"rules"`
	// Counters are what it has counted since its start, by name, as in "batch.accepted" or "batch.gap".
	Counters map[string]int64 `json:"counters"`
}

// RulesStatus is the rule set that the hub runs.
type RulesStatus struct {
	// Loaded is how many rules run.
	Loaded int `json:"loaded"`
	// Source is where they were read, as in "embedded" or a folder.
	Source string `json:"source"`
	// Error says why a newer set was refused; the loaded one keeps running. Absent where there is none.
	Error string `json:"error,omitempty"`
	// Warnings say, a line each, which rules name a response policy that the hub does not have. Text of whoever wrote the rules.
	Warnings []string `json:"warnings,omitempty"`
}

// EnrollTokenRequest asks for a token that lets a host in.
type EnrollTokenRequest struct {
	// TTLSeconds is how long it is good for, 1 to MaxTTLSeconds; 0 means DefaultTTLSeconds. Unit: seconds.
	TTLSeconds int64 `json:"ttl_s,omitempty"`
	// Uses is how many hosts it lets in, 1 to MaxUses; 0 means 1.
	Uses int `json:"uses,omitempty"`
	// Name is a note for the people who look at the list later; may be empty.
	Name string `json:"name,omitempty"`
}

// Bounds of an EnrollTokenRequest.
const (
	DefaultTTLSeconds = 3600
	MaxTTLSeconds     = 3600
	MaxUses           = 1000
)

// Fill checks the bounds and puts the defaults in the place of what is 0.
func (r *EnrollTokenRequest) Fill() error {
	if r.TTLSeconds == 0 {
		r.TTLSeconds = DefaultTTLSeconds
	}
	if r.Uses == 0 {
		r.Uses = 1
	}
	switch {
	case r.TTLSeconds < 1 || r.TTLSeconds > MaxTTLSeconds:
		return &QueryError{"ttl_s", strconv.FormatInt(r.TTLSeconds, 10), "want 1 to 3600 seconds"}
	case r.Uses < 1 || r.Uses > MaxUses:
		return &QueryError{"uses", strconv.Itoa(r.Uses), "want 1 to 1000"}
	case len(r.Name) > MaxText || !utf8.ValidString(r.Name):
		return &QueryError{"name", cut(r.Name), "want at most 256 bytes of UTF-8"}
	}
	return nil
}

// EnrollTokenReply carries a new token. Its text is shown this once.
type EnrollTokenReply struct {
	// Token is the text to hand to picket-sensor enroll.
	Token string `json:"token"`
	// ID is the part of it that is no secret.
	ID string `json:"id"`
	// Expires is when it stops working, by the hub's clock.
	Expires time.Time `json:"expires"`
}
