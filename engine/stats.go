package engine

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"picket.internal/engine/rule"
	"picket.internal/engine/window"
)

// health is how one rule fares, by id across reloads.
type health struct {
	matched, suppressed, errors, exceeded, withheld atomic.Uint64
	evaluated, full, cost                           atomic.Uint64
	excused, ungrouped                              atomic.Uint64
	// samples evaluations took nanos together.
	samples, nanos atomic.Uint64

	disabled  atomic.Bool
	lastError atomic.Pointer[string]
	breaker   breaker
	version   string // of the rule; guarded by the engine's loading

	mu         sync.Mutex
	exceptions map[string]uint64 // facts that each let pass; guarded by mu
}

// excepted counts a fact that an exception let pass.
func (h *health) excepted(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.exceptions == nil {
		h.exceptions = map[string]uint64{}
	}
	h.exceptions[name]++
}

// filterHealth is how one filter fares, by name across reloads.
type filterHealth struct {
	hits atomic.Uint64
	last atomic.Int64 // Unix seconds
}

func (h *filterHealth) hit(now time.Time) {
	h.hits.Add(1)
	h.last.Store(now.Unix())
}

func filtersOf(set *rule.Set, before map[string]*filterHealth) map[string]*filterHealth {
	out := map[string]*filterHealth{}
	for _, f := range set.Filters() {
		if out[f.Name] = before[f.Name]; out[f.Name] == nil {
			out[f.Name] = new(filterHealth)
		}
	}
	return out
}

// FilterStats is how one filter has fared since the engine was made.
type FilterStats struct {
	Name string    `json:"name"`
	Hits uint64    `json:"hits"` // facts that it let pass
	Last time.Time `json:"last,omitzero"`
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
	// that the full condition was asked about: comparisons with literals are
	// decided without it.
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
	// Excused counts the facts that met it and that an exception or a filter let
	// pass; Exceptions are those of them by the exception's name.
	Excused    uint64            `json:"excused,omitempty"`
	Exceptions map[string]uint64 `json:"exceptions,omitempty"`
	// Ungrouped counts matches that a stateful rule did not take, because the
	// fact has no value for its group.
	Ungrouped uint64 `json:"ungrouped,omitempty"`
	// Window is what a stateful rule remembers.
	Window *window.Stats `json:"window,omitempty"`
	// Withheld counts the facts that it was not shown for any of that.
	Withheld uint64 `json:"withheld,omitempty"`
}

// Stats is how the rules fare.
type Stats struct {
	Version string        `json:"version"`           // of the set
	Rules   []RuleStats   `json:"rules"`             // in the order of their ids
	Filters []FilterStats `json:"filters,omitempty"` // in the order of their names
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
	remembered := map[string]*window.Stats{}
	for _, w := range e.windows.Stats() {
		remembered[w.Spec] = &w
	}
	for _, r := range a.set.Rules() {
		one := statsOf(r, a.health[r.ID])
		one.Window = remembered[r.ID]
		s.Rules = append(s.Rules, one)
	}
	for _, name := range slices.Sorted(maps.Keys(a.filters)) {
		h := a.filters[name]
		one := FilterStats{Name: name, Hits: h.hits.Load()}
		if last := h.last.Load(); last != 0 {
			one.Last = time.Unix(last, 0).UTC()
		}
		s.Filters = append(s.Filters, one)
	}
	return s
}

func statsOf(r *rule.Rule, h *health) RuleStats {
	s := RuleStats{
		ID: r.ID, Evaluated: h.evaluated.Load(), Full: h.full.Load(), Cost: h.cost.Load(),
		Matched: h.matched.Load(), Suppressed: h.suppressed.Load(), Errors: h.errors.Load(), Exceeded: h.exceeded.Load(),
		Disabled: h.disabled.Load(), Withheld: h.withheld.Load(), Excused: h.excused.Load(), Ungrouped: h.ungrouped.Load(),
	}
	h.mu.Lock()
	s.Exceptions = maps.Clone(h.exceptions)
	h.mu.Unlock()
	if samples := h.samples.Load(); samples > 0 {
		s.Time = time.Duration(float64(h.nanos.Load()) / float64(samples) * float64(s.Evaluated))
	}
	s.Off, s.OffHosts = h.breaker.state()
	if text := h.lastError.Load(); text != nil {
		s.LastError = *text
	}
	return s
}
