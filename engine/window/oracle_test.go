package window_test

import (
	"math"
	"slices"
	"strings"
	"time"

	"picket.internal/engine/window"
)

// oracle judges events as the package doc says, in the plainest way: it keeps
// every event and looks at all of them each time. It knows no bounds.
type oracle struct {
	spec   window.Spec
	groups map[string]*oracleGroup
	late   uint64
}

type oracleGroup struct {
	names      []string
	host       string
	events     []oracleEvent // in order of arrival
	mark, recv time.Time
	floor      time.Time
	active     bool
	fired      time.Time
	more       int64
	closed     map[time.Time]bool // windows that were judged
	first      time.Time
	lastHeard  time.Time
	lastFact   string
}

type oracleEvent struct {
	window.Event
	at time.Time
}

func newOracle(s window.Spec) *oracle {
	return &oracle{spec: s, groups: map[string]*oracleGroup{}}
}

func (o *oracle) rising() bool {
	for _, b := range o.spec.Bounds {
		if b.Op != "gt" && b.Op != "gte" {
			return false
		}
	}
	return o.spec.Type != window.ValueAvg && o.spec.Type != window.ValuePercentile
}

func (o *oracle) sigma() bool {
	return o.spec.Type != window.NewTerms && o.spec.Type != window.Absence && o.spec.Type != window.Risk
}

func (o *oracle) lateness() time.Duration {
	if o.sigma() && o.spec.Lateness == o.spec.Timespan {
		return o.spec.Lateness - 1
	}
	return o.spec.Lateness
}

func (o *oracle) apply(e window.Event) (out []window.Firing) {
	if !slices.Contains(o.spec.Rules, e.Rule) && len(o.spec.Rules) > 0 {
		return nil
	}
	at := e.Time
	if at.After(e.Received.Add(o.spec.Lateness / 2)) {
		at = e.Received
	}
	key := strings.Join(e.Group, "\x00")
	g := o.groups[key]
	if g != nil && !o.due(g).After(e.Received) {
		out = o.expire(key, g, e.Received)
		g = o.groups[key]
	}
	if g != nil && at.Before(g.floor) {
		o.late++
		return out
	}
	if g == nil {
		g = &oracleGroup{names: e.Group, host: e.Host, mark: at, first: at, closed: map[time.Time]bool{}}
		o.groups[key] = g
	}
	newest := !at.Before(g.mark)
	if newest {
		g.mark = at
		g.lastHeard, g.lastFact = at, e.Fact
	}
	if e.Received.After(g.recv) {
		g.recv = e.Received
	}
	switch {
	case o.sigma():
		g.raise(g.mark.Add(-o.lateness()))
	case o.spec.Type == window.NewTerms:
		g.raise(g.mark.Add(-o.spec.Within))
	}
	before := g.events
	g.events = append(g.events, oracleEvent{e, at})
	switch {
	case o.spec.Type == window.Absence:
		return out
	case o.spec.Type == window.NewTerms:
		return append(out, o.newTerm(g, before, e, at)...)
	case o.spec.Type == window.Risk:
		return append(out, o.risk(g, before, e, at)...)
	case !o.rising():
		return append(out, o.close(g, g.floor)...)
	}
	return append(out, o.slide(g, e, at, newest)...)
}

func (g *oracleGroup) raise(floor time.Time) {
	if floor.After(g.floor) {
		g.floor = floor
	}
}

// slide looks at every window that ends at an event and holds the new one.
func (o *oracle) slide(g *oracleGroup, e window.Event, at time.Time, newest bool) []window.Firing {
	f := window.Firing{Spec: o.spec.ID, Group: e.Group, Host: e.Host}
	hit := false
	for _, x := range g.events {
		if x.at.Before(at) || x.at.Sub(at) >= o.spec.Timespan || hit && !x.at.After(f.Time) {
			continue
		}
		var in []oracleEvent
		for _, y := range g.events {
			if !y.at.After(x.at) && x.at.Sub(y.at) < o.spec.Timespan {
				in = append(in, y)
			}
		}
		if v := o.value(in); o.met(v) {
			hit, f.Time, f.Value, f.Count = true, x.at, v, o.counted(in, v)
			if o.spec.Type != window.ValueSum {
				f.Value = float64(f.Count) // the table counts no further than it must
			}
		}
	}
	switch {
	case hit && g.active && f.Time.Sub(g.fired) < o.spec.Timespan:
		g.more++
		f.Continued, f.More, f.Time = true, g.more, at
		return []window.Firing{f}
	case hit:
		g.active, g.fired, g.more = true, f.Time, 0
		return []window.Firing{f}
	case newest:
		g.active = false
	}
	return nil
}

func (o *oracle) met(v float64) bool {
	bounds := o.spec.Bounds
	if len(bounds) == 0 {
		bounds = []window.Bound{{Op: "gte", Value: float64(len(o.spec.Rules))}}
	}
	for _, b := range bounds {
		ok := map[string]bool{"gt": v > b.Value, "gte": v >= b.Value, "lt": v < b.Value, "lte": v <= b.Value, "eq": v == b.Value, "neq": v != b.Value}[b.Op]
		if !ok {
			return false
		}
	}
	return true
}

// value is what the condition is held against, in a window.
func (o *oracle) value(in []oracleEvent) float64 {
	seen := map[string]bool{}
	sum := 0.0
	var nums []float64
	for _, e := range in {
		switch o.spec.Type {
		case window.ValueCount:
			seen[strings.Join(e.Values, "\x00")] = true
		case window.Temporal:
			seen[e.Rule] = true
		}
		sum += e.Number
		nums = append(nums, e.Number)
	}
	switch o.spec.Type {
	case window.EventCount:
		return float64(len(in))
	case window.TemporalOrdered:
		if chainIn(o.spec.Rules, in, time.Time{}) {
			return float64(len(o.spec.Rules))
		}
		return 0
	case window.ValueSum:
		return sum
	case window.ValueAvg:
		return sum / float64(len(in))
	case window.ValuePercentile:
		slices.Sort(nums)
		for i, n := range nums {
			if 100*float64(i+1) >= o.spec.Percentile*float64(len(nums)) {
				return n
			}
		}
	}
	return float64(len(seen))
}

// chainIn tries every event for every step.
func chainIn(rules []string, in []oracleEvent, after time.Time) bool {
	if len(rules) == 0 {
		return true
	}
	best := time.Time{}
	for _, e := range in {
		if e.Rule == rules[0] && !e.at.Before(after) && (best.IsZero() || e.at.Before(best)) {
			best = e.at // the first one leaves most room
		}
	}
	return !best.IsZero() && chainIn(rules[1:], in, best)
}

// counted is how far the table says that it counts.
func (o *oracle) counted(in []oracleEvent, v float64) int64 {
	if o.spec.Type == window.ValueSum {
		return int64(len(in))
	}
	if o.rising() {
		return int64(o.need())
	}
	if o.spec.Type == window.ValueCount || o.spec.Type == window.Temporal {
		return int64(min(v, o.enough()))
	}
	return int64(len(in))
}

// enough is the count from which on the condition stays as it is.
func (o *oracle) enough() (n float64) {
	for _, b := range o.spec.Bounds {
		n = max(n, b.Value+2)
	}
	return n
}

func (o *oracle) need() int {
	n := 1.0
	for _, b := range o.spec.Bounds {
		if b.Op == "gt" {
			n = max(n, math.Floor(b.Value)+1)
		} else {
			n = max(n, math.Ceil(b.Value))
		}
	}
	if len(o.spec.Bounds) == 0 {
		n = float64(len(o.spec.Rules))
	}
	return int(n)
}

// bin is the window of those side by side that a time falls into.
func (o *oracle) bin(at time.Time) time.Time {
	return at.Add(-time.Duration(at.UnixNano() % int64(o.spec.Timespan)))
}

// close judges every window that ended by a time of the group's clock.
func (o *oracle) close(g *oracleGroup, at time.Time) (out []window.Firing) {
	in := map[time.Time][]oracleEvent{}
	for _, e := range g.events {
		in[o.bin(e.at)] = append(in[o.bin(e.at)], e)
	}
	for start, events := range in {
		end := start.Add(o.spec.Timespan)
		if g.closed[start] || end.After(at) {
			continue
		}
		g.closed[start] = true
		g.raise(end)
		if v := o.value(events); o.met(v) {
			out = append(out, window.Firing{Spec: o.spec.ID, Group: g.names, Host: g.host, Time: end, Value: v, Count: o.counted(events, v)})
			if o.spec.Type == window.ValueCount {
				out[len(out)-1].Value = float64(o.counted(events, v))
			}
		}
	}
	slices.SortFunc(out, func(a, b window.Firing) int { return a.Time.Compare(b.Time) })
	return out
}

func (o *oracle) due(g *oracleGroup) time.Time {
	switch {
	case o.spec.Type == window.Absence:
		return g.recv.Add(o.spec.Within)
	case o.spec.Type == window.NewTerms:
		return g.recv.Add(o.spec.Within + o.grain())
	case o.spec.Type == window.Risk:
		return g.recv.Add(1000 * o.spec.HalfLife) // what the table forgets is negligible
	case o.rising():
		return g.recv.Add(o.spec.Timespan + o.lateness())
	}
	for _, e := range g.events {
		if start := o.bin(e.at); !g.closed[start] {
			due := start.Add(o.spec.Timespan + o.lateness() + g.recv.Sub(g.mark))
			for _, e := range g.events {
				if s := o.bin(e.at); !g.closed[s] && s.Before(start) {
					due, start = s.Add(o.spec.Timespan+o.lateness()+g.recv.Sub(g.mark)), s
				}
			}
			return due
		}
	}
	return g.recv.Add(2*o.spec.Timespan + o.lateness())
}

func (o *oracle) expire(key string, g *oracleGroup, now time.Time) (out []window.Firing) {
	if o.spec.Type == window.Absence {
		delete(o.groups, key)
		return []window.Firing{{Spec: o.spec.ID, Group: g.names, Host: g.host, Value: o.spec.Within.Seconds(), Since: g.lastHeard, Time: o.due(g), Facts: []string{g.lastFact}}}
	}
	if o.sigma() && !o.rising() {
		out = o.close(g, now.Add(-g.recv.Sub(g.mark)-o.lateness()))
		if o.due(g).After(now) {
			return out
		}
	}
	delete(o.groups, key)
	return out
}

func (o *oracle) advance(now time.Time) (out []window.Firing) {
	for key, g := range o.groups {
		if !o.due(g).After(now) {
			out = append(out, o.expire(key, g, now)...)
		}
	}
	slices.SortFunc(out, func(a, b window.Firing) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return slices.Compare(a.Group, b.Group)
	})
	return out
}

func (o *oracle) grain() time.Duration { return max(1, o.spec.Within/1024) }

func (o *oracle) newTerm(g *oracleGroup, before []oracleEvent, e window.Event, at time.Time) []window.Firing {
	if e.Learning || at.Sub(g.first) < o.spec.Learn {
		return nil
	}
	for _, x := range before {
		up := (x.at.UnixNano() + int64(o.grain()) - 1) / int64(o.grain()) * int64(o.grain())
		if slices.Equal(x.Values, e.Values) && time.Unix(0, up).Add(o.spec.Within).After(at) {
			return nil
		}
	}
	return []window.Firing{{Spec: o.spec.ID, Group: e.Group, Host: e.Host, Count: 1, Value: 1, Time: at}}
}

func (o *oracle) risk(g *oracleGroup, before []oracleEvent, e window.Event, at time.Time) []window.Firing {
	sum := func(events []oracleEvent) (total float64) {
		for _, x := range events {
			total += x.Number * math.Exp2(-float64(g.mark.Sub(x.at))/float64(o.spec.HalfLife))
		}
		return total
	}
	was, is := sum(before), sum(g.events)
	f := window.Firing{Spec: o.spec.ID, Group: e.Group, Host: e.Host, Value: is, Time: g.mark}
	switch {
	case is < o.spec.AtLeast:
		return nil
	case was >= o.spec.AtLeast:
		g.more++
		f.Continued, f.More, f.Time = true, g.more, at
	default:
		g.more = 0
	}
	return []window.Firing{f}
}
