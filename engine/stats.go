package engine

import (
	"sync/atomic"
	"time"

	"picket.internal/engine/rule"
)

// health is how one rule fares, by id across reloads.
type health struct {
	matched, suppressed, errors, exceeded, withheld atomic.Uint64
	evaluated, full, cost                           atomic.Uint64
	// samples evaluations took nanos together.
	samples, nanos atomic.Uint64

	disabled  atomic.Bool
	lastError atomic.Pointer[string]
	breaker   breaker
	version   string // of the rule; guarded by the engine's loading
}

// timeEvery is how many evaluations there are to one that is timed, after the
// first few: reading the clock costs as much as asking a simple rule.
const timeEvery = 64

// timeNext counts an evaluation and reports whether it is to be timed.
func (h *health) timeNext() bool {
	n := h.evaluated.Add(1)
	return n <= 8 || n%timeEvery == 0
}

func (h *health) timed(d time.Duration) {
	h.samples.Add(1)
	h.nanos.Add(uint64(max(0, d)))
}

func (h *health) failed(err error) {
	h.errors.Add(1)
	text := err.Error()
	h.lastError.Store(&text)
}

// RuleStats is how one rule has fared since the engine was made.
type RuleStats struct {
	ID string `json:"id"`
	// Evaluated counts the facts that the rule was shown, Full those of them
	// that met what it needs at least, so that the whole condition was asked.
	Evaluated uint64 `json:"evaluated"`
	Full      uint64 `json:"full"`
	// Cost is what the evaluations cost together, in the units of rule.MaxCost.
	Cost uint64 `json:"cost"`
	// Time is how long they took together, as told from one in 64.
	Time       time.Duration `json:"time_ns"`
	Matched    uint64        `json:"matched"`    // facts that met it, duplicates included
	Suppressed uint64        `json:"suppressed"` // of these, duplicates
	Errors     uint64        `json:"errors"`     // evaluations that ended in an error
	// Exceeded are the errors that were for cost or time.
	Exceeded  uint64 `json:"exceeded,omitempty"`
	LastError string `json:"last_error,omitempty"`
	// Disabled is true for a rule that panicked: it matches nothing until the
	// next set is loaded.
	Disabled bool `json:"disabled,omitempty"`
	// Off is true for a rule that was switched off because it kept exceeding its
	// bound; OffHosts is how many hosts it was switched off for by themselves.
	// Enable switches it on again, and so does a change of the rule.
	Off      bool `json:"off,omitempty"`
	OffHosts int  `json:"off_hosts,omitempty"`
	// Withheld counts the facts that it was not shown for any of that.
	Withheld uint64 `json:"withheld,omitempty"`
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
	s := RuleStats{
		ID: r.ID, Evaluated: h.evaluated.Load(), Full: h.full.Load(), Cost: h.cost.Load(),
		Matched: h.matched.Load(), Suppressed: h.suppressed.Load(), Errors: h.errors.Load(), Exceeded: h.exceeded.Load(),
		Disabled: h.disabled.Load(), Withheld: h.withheld.Load(),
	}
	if samples := h.samples.Load(); samples > 0 {
		s.Time = time.Duration(float64(h.nanos.Load()) / float64(samples) * float64(s.Evaluated))
	}
	s.Off, s.OffHosts = h.breaker.state()
	if text := h.lastError.Load(); text != nil {
		s.LastError = *text
	}
	return s
}
