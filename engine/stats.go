package engine

import (
	"sync/atomic"

	"picket.internal/engine/rule"
)

// health is how one rule fares, by id across reloads.
type health struct {
	matched, suppressed, errors atomic.Uint64
	disabled                    atomic.Bool
	lastError                   atomic.Pointer[string]
}

func (h *health) failed(err error) {
	h.errors.Add(1)
	text := err.Error()
	h.lastError.Store(&text)
}

// RuleStats is how one rule has fared since the engine was made.
type RuleStats struct {
	ID         string `json:"id"`
	Matched    uint64 `json:"matched"`    // facts that met it, duplicates included
	Suppressed uint64 `json:"suppressed"` // of these, duplicates
	Errors     uint64 `json:"errors"`     // evaluations that ended in an error
	LastError  string `json:"last_error,omitempty"`
	// Disabled is true for a rule that panicked: it matches nothing until the
	// next set is loaded.
	Disabled bool `json:"disabled,omitempty"`
}

// Stats is how the rules fare.
type Stats struct {
	Version string      `json:"version"` // of the set
	Rules   []RuleStats `json:"rules"`   // in the order of their ids
	// Evicted counts suppression keys that were forgotten before their time
	// because there were too many; their next duplicate alerts again.
	Evicted uint64 `json:"evicted"`
}

// Stats tells how the rules that are loaded fare.
func (e *Engine) Stats() Stats {
	s := Stats{Evicted: e.recent.Evicted()}
	a := e.active.Load()
	if a == nil {
		return s
	}
	s.Version = a.set.Version()
	for _, r := range a.set.Rules() {
		s.Rules = append(s.Rules, statsOf(r, a.health[r.ID]))
	}
	return s
}

func statsOf(r *rule.Rule, h *health) RuleStats {
	s := RuleStats{ID: r.ID, Matched: h.matched.Load(), Suppressed: h.suppressed.Load(), Errors: h.errors.Load(), Disabled: h.disabled.Load()}
	if text := h.lastError.Load(); text != nil {
		s.LastError = *text
	}
	return s
}
