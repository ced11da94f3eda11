package replay

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Report is what a replay found.
type Report struct {
	// From and To are when the first and the last fact were received; zero
	// where there was none.
	From, To time.Time
	// Facts and Hosts are how many were seen.
	Facts int64
	Hosts int
	// Elapsed is how long it took.
	Elapsed time.Duration
	// Version is the set's.
	Version string
	// Rules are those that matched or failed, the ones with most alerts first.
	Rules []Rule
	// Silent is how many rules did neither.
	Silent int
	// Dearest are the rules by what they cost over all facts, the dearest first.
	Dearest []Cost
	// Diff is how the two sets differ; nil without another set.
	Diff *Diff
	// Forgotten and Evicted are what prevalence and suppression had no room
	// for: with either, alerts may be told that the hub would not tell.
	Forgotten, Evicted uint64
	// Panics is on how many facts the engine itself failed.
	Panics int64
}

// Rule is what came of one rule.
type Rule struct {
	ID         string   `json:"rule"`
	Title      string   `json:"title"`
	Status     string   `json:"status"`
	Severity   string   `json:"severity"`
	Shadow     bool     `json:"shadow,omitempty"`
	Alerts     int64    `json:"alerts"`
	Duplicates int64    `json:"duplicates"`
	Errors     int64    `json:"errors,omitempty"`
	LastError  string   `json:"last_error,omitempty"`
	Disabled   bool     `json:"disabled,omitempty"`
	Days       []Day    `json:"-"`
	Hosts      []Count  `json:"hosts,omitempty"`
	Values     []Values `json:"values,omitempty"`
	Cost       *Cost    `json:"cost,omitempty"`
}

// Day is what came of a rule on one day.
type Day struct {
	Day        string `json:"day"`
	Alerts     int64  `json:"alerts"`
	Duplicates int64  `json:"duplicates"`
}

// Count is how many alerts there were of one host or value.
type Count struct {
	Value  string `json:"value"`
	Name   string `json:"name,omitempty"` // of a host
	Alerts int64  `json:"alerts"`
}

// Values are the most frequent values of a field among a rule's alerts.
type Values struct {
	Field    string  `json:"field"` // or "message", what the alert says
	Distinct int     `json:"distinct"`
	Top      []Count `json:"top"`
	// Uncounted is how many alerts had a value beyond the bound of distinct ones.
	Uncounted int64 `json:"uncounted,omitempty"`
}

// Cost is what a rule costs when it is asked, on facts of the replay.
type Cost struct {
	ID      string  `json:"rule,omitempty"`
	Samples int64   `json:"samples"` // facts on which it was measured
	MeanNS  float64 `json:"mean_ns"`
	MostNS  int64   `json:"most_ns"`
	Facts   int64   `json:"facts"` // of the kinds that it is about
}

// Total is what it would have cost to ask the rule about all its facts.
func (c *Cost) Total() time.Duration { return time.Duration(c.MeanNS * float64(c.Facts)) }

// How a rule differs between the two sets.
const (
	Added   = "added"   // only the replayed set has it
	Removed = "removed" // only the other set has it
	Changed = "changed" // both have it, with another text
	Same    = "same"    // but its alerts differ, because another rule does
)

// Diff is how the replayed set differs from the other.
type Diff struct {
	Version string // of the other set
	Same    bool   // the two sets are one
	Rules   []Difference
}

// Difference is how one rule differs.
type Difference struct {
	ID     string `json:"rule"`
	Change string `json:"change"`
	// Alerts and Before are how many alerts the replayed set and the other one raise.
	Alerts int64 `json:"alerts"`
	Before int64 `json:"alerts_before"`
	// Gained and Lost are the alerts about facts on which only one of them alerts.
	Gained int64 `json:"gained"`
	Lost   int64 `json:"lost"`
	// Partly is true where there were too many to compare each.
	Partly bool `json:"partly,omitempty"`
}

func (r *run) report(elapsed time.Duration) *Report {
	main := r.sides[0]
	out := &Report{From: r.from, To: r.to, Facts: r.facts, Hosts: len(r.first), Elapsed: elapsed, Version: r.cfg.Set.Version(),
		Forgotten: r.table.Forgotten(), Panics: main.panics}
	stats := main.engine.Stats()
	out.Evicted = stats.Evicted
	costs := main.meter.costs()
	for _, s := range stats.Rules {
		if r.cfg.Only != "" && s.ID != r.cfg.Only {
			continue
		}
		t := main.tallies[s.ID]
		if t == nil && s.Errors == 0 && !s.Disabled {
			out.Silent++
			continue
		}
		one := main.ruleReport(s.ID, t)
		one.Errors, one.LastError, one.Disabled, one.Cost = int64(s.Errors), s.LastError, s.Disabled, costs[s.ID]
		out.Rules = append(out.Rules, one)
	}
	slices.SortStableFunc(out.Rules, func(a, b Rule) int { return cmp.Compare(b.Alerts, a.Alerts) })
	for id, c := range costs {
		if r.cfg.Only != "" && id != r.cfg.Only {
			continue
		}
		dear := *c
		dear.ID = id
		out.Dearest = append(out.Dearest, dear)
	}
	slices.SortFunc(out.Dearest, func(a, b Cost) int {
		return cmp.Or(cmp.Compare(b.Total(), a.Total()), strings.Compare(a.ID, b.ID))
	})
	if r.cfg.Against != nil {
		out.Diff = r.diff()
	}
	return out
}

func (m *meter) costs() map[string]*Cost {
	out := map[string]*Cost{}
	for _, c := range m.all {
		if cost := m.cost(c); cost != nil {
			out[c.rule.ID] = cost
		}
	}
	return out
}

func (s *side) ruleReport(id string, t *tally) Rule {
	r, _ := s.set.Rule(id)
	out := Rule{ID: id, Title: r.Title, Status: string(r.Status), Severity: r.Severity, Shadow: r.Shadow()}
	if t != nil {
		out.Alerts, out.Duplicates, out.Days = t.alerts, t.duplicates, t.perDay()
		out.Hosts, out.Values = t.topHosts(s.cfg.top()), t.topValues(s.cfg.top())
	}
	return out
}
