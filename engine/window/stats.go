package window

import (
	"maps"
	"slices"
)

// Stats is how one spec fares.
type Stats struct {
	Spec   string `json:"spec"`
	Groups int    `json:"groups"`
	Bytes  int64  `json:"bytes"` // of content, about

	Events    uint64 `json:"events"`    // that counted
	Fired     uint64 `json:"fired"`     // firings, continuations left out
	Continued uint64 `json:"continued"` // events that kept a condition true
	Skipped   uint64 `json:"skipped"`   // events of other rules, or without the value or number that counts
	Late      uint64 `json:"late"`      // events that came too late and were dropped
	Clamped   uint64 `json:"clamped"`   // events whose time could not be, or was too far ahead of their receipt
	Expired   uint64 `json:"expired"`   // groups that were over
	// Evicted counts groups that were forgotten before their time because there
	// was no room: what they knew is lost.
	Evicted uint64 `json:"evicted"`
	// TermsEvicted counts terms that were forgotten before their time because
	// their group had too many; they will fire again.
	TermsEvicted uint64 `json:"terms_evicted"`
	// Hurried counts how often a group had too many events within Lateness, so
	// that from then on it allows for less.
	Hurried uint64 `json:"hurried"`
	// Coarsened and Sampled count how often a group had too many numbers to keep
	// them apart, so that sums or percentiles became approximate.
	Coarsened uint64 `json:"coarsened"`
	Sampled   uint64 `json:"sampled"`

	Restored    uint64 `json:"restored"`    // groups that came back from records
	Outdated    uint64 `json:"outdated"`    // records of an earlier version of the spec
	Undecodable uint64 `json:"undecodable"` // records that were not understood, and skipped
}

func (s *Stats) add(other *Stats) {
	for _, pair := range [][2]*uint64{
		{&s.Events, &other.Events}, {&s.Fired, &other.Fired}, {&s.Continued, &other.Continued}, {&s.Skipped, &other.Skipped},
		{&s.Late, &other.Late}, {&s.Clamped, &other.Clamped}, {&s.Expired, &other.Expired}, {&s.Evicted, &other.Evicted},
		{&s.TermsEvicted, &other.TermsEvicted}, {&s.Hurried, &other.Hurried}, {&s.Coarsened, &other.Coarsened}, {&s.Sampled, &other.Sampled},
		{&s.Restored, &other.Restored}, {&s.Outdated, &other.Outdated}, {&s.Undecodable, &other.Undecodable},
	} {
		*pair[0] += *pair[1]
	}
}

// Stats tells how the specs fare, in the order of their ids.
func (t *Table) Stats() []Stats {
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := make([]Stats, 0, len(t.specs))
	for _, id := range slices.Sorted(maps.Keys(t.specs)) {
		s := Stats{Spec: id}
		for _, sh := range t.specs[id].shards {
			sh.mu.Lock()
			s.add(&sh.stats)
			s.Groups += len(sh.groups)
			s.Bytes += sh.bytes
			sh.mu.Unlock()
		}
		out = append(out, s)
	}
	return out
}

// Unknown counts events and records for specs that are not there.
func (t *Table) Unknown() uint64 { return t.unknown.Load() }
