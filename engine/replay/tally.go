package replay

import (
	"cmp"
	"maps"
	"slices"

	"picket.internal/engine"
)

// maxDistinct bounds the values that are counted one by one.
const maxDistinct = 10_000

// tally is what came of one rule.
type tally struct {
	alerts, duplicates int64
	days               map[string]*Day
	hosts              *counts
	names              map[string]string // of hosts, by id
	values             map[string]*counts
	fields             []string // of values, in their order
	marks              map[uint64]struct{}
	unmarked           bool // there were more alerts than marks
}

func newTally() *tally {
	return &tally{days: map[string]*Day{}, hosts: newCounts(), names: map[string]string{}, values: map[string]*counts{}}
}

func (t *tally) day(name string) *Day {
	d := t.days[name]
	if d == nil {
		d = &Day{Day: name}
		t.days[name] = d
	}
	return d
}

func (t *tally) duplicate(day string) {
	t.duplicates++
	t.day(day).Duplicates++
}

func (t *tally) alert(day string, a *engine.Alert, values []named) {
	t.alerts++
	t.day(day).Alerts++
	if t.hosts.add(a.Host.ID) {
		t.names[a.Host.ID] = a.Host.Name
	}
	for _, v := range values {
		c := t.values[v.field]
		if c == nil {
			c = newCounts()
			t.values[v.field] = c
			t.fields = append(t.fields, v.field)
		}
		c.add(v.value)
	}
}

func (t *tally) mark(a *engine.Alert) {
	if t.marks == nil {
		t.marks = map[uint64]struct{}{}
	}
	if len(t.marks) >= maxMarked {
		t.unmarked = true
		return
	}
	t.marks[fingerprint(a)] = struct{}{}
}

// perDay are the days in their order.
func (t *tally) perDay() []Day {
	out := make([]Day, 0, len(t.days))
	for _, name := range slices.Sorted(maps.Keys(t.days)) {
		out = append(out, *t.days[name])
	}
	return out
}

// topHosts are the hosts with the most alerts.
func (t *tally) topHosts(n int) []Count {
	out := t.hosts.top(n)
	for i := range out {
		out[i].Name = t.names[out[i].Value]
	}
	return out
}

func (t *tally) topValues(n int) []Values {
	var out []Values
	for _, field := range t.fields {
		c := t.values[field]
		out = append(out, Values{Field: field, Distinct: len(c.of), Uncounted: c.rest, Top: c.top(n)})
	}
	return out
}

// counts says how often each value came, as far as its bound goes.
type counts struct {
	of   map[string]int64
	rest int64 // of values beyond the bound
}

func newCounts() *counts { return &counts{of: map[string]int64{}} }

// add reports whether the value is counted one by one.
func (c *counts) add(value string) bool {
	if _, ok := c.of[value]; !ok && len(c.of) >= maxDistinct {
		c.rest++
		return false
	}
	c.of[value]++
	return true
}

// top are the n values that came most often.
func (c *counts) top(n int) []Count {
	out := make([]Count, 0, len(c.of))
	for value, count := range c.of {
		out = append(out, Count{Value: value, Alerts: count})
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Alerts, a.Alerts), cmp.Compare(a.Value, b.Value))
	})
	return out[:min(n, len(out))]
}
