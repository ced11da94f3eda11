package replay

import (
	"maps"
	"slices"

	"picket.internal/engine/rule"
)

// diff compares the two sides, rule by rule.
func (r *run) diff() *Diff {
	d := &Diff{Version: r.cfg.Against.Version(), Same: len(r.sides) == 1}
	if d.Same {
		return d
	}
	ids := map[string]bool{}
	for _, set := range []*rule.Set{r.cfg.Set, r.cfg.Against} {
		for _, one := range set.Rules() {
			ids[one.ID] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if one := r.difference(id); one.Change != Same || one.Alerts != one.Before {
			d.Rules = append(d.Rules, one)
		}
	}
	return d
}

func (r *run) difference(id string) Difference {
	now, before := r.sides[0].tallies[id], r.sides[1].tallies[id]
	if now == nil {
		now = newTally()
	}
	if before == nil {
		before = newTally()
	}
	d := Difference{ID: id, Change: r.change(id), Alerts: now.alerts, Before: before.alerts}
	switch d.Change {
	case Added:
		d.Gained = d.Alerts
	case Removed:
		d.Lost = d.Before
	case Changed:
		d.Gained, d.Lost = missing(now.marks, before.marks), missing(before.marks, now.marks)
		d.Partly = now.unmarked || before.unmarked
	}
	return d
}

func (r *run) change(id string) string {
	now, here := r.cfg.Set.Rule(id)
	before, there := r.cfg.Against.Rule(id)
	switch {
	case !there:
		return Added
	case !here:
		return Removed
	case now.Version != before.Version:
		return Changed
	default:
		return Same
	}
}

// missing is how many of a are not in b.
func missing(a, b map[uint64]struct{}) (n int64) {
	for mark := range a {
		if _, ok := b[mark]; !ok {
			n++
		}
	}
	return n
}
