package window

// sighting is one value at one time.
type sighting struct {
	at    int64
	value digest
	fact  factID
	rule  uint8
	stale bool // a later sighting of the value is there
}

const sightingBytes = 56

// distinct is the state of value_count, and of temporal, whose values are rules,
// where they are judged at every event. Sightings are in order of time. Those
// before the floor of the group are settled: no event can come before them any
// more, so of each value only the last one matters, and of these the newest, as
// many as the condition needs. Those behind the floor wait, because an event
// may still come between them; when too many wait, the floor is raised.
type distinct struct {
	seen    line[sighting]
	settled int
}

func (d *distinct) apply(sh *shard, g *group, e *event, out []Firing) []Firing {
	p := sh.plan
	i := d.insert(e)
	if d.seen.len()-d.settled > 2*p.need+maxPending {
		all := d.seen.all()
		if middle := all[d.settled+(len(all)-d.settled)/2].at; middle > g.floor {
			g.floor = middle
			sh.stats.Hurried++
		}
	}
	i = d.settle(g.floor, p.span, p.need, i)
	end, count := d.judge(sh, i, e, p)
	switch g.turn(p.span, e, count >= p.need, end) {
	case fires:
		f := p.firing(e, end)
		f.Count, f.Value = int64(p.need), float64(p.need)
		d.tell(p, &f, end)
		return append(out, f)
	case continues:
		return append(out, p.continuation(g, e, float64(p.need)))
	}
	return out
}

// insert puts the sighting of an event in its place and tells which ones are
// stale now. The same value at the same time is one sighting.
func (d *distinct) insert(e *event) int {
	all := d.seen.all()
	s := sighting{at: e.at, value: e.value, fact: e.fact, rule: e.rule}
	i := len(all)
	for ; i > 0 && all[i-1].at > e.at; i-- {
		s.stale = s.stale || all[i-1].value == e.value
	}
	for j := i - 1; j >= 0 && !s.stale; j-- {
		if all[j].value != e.value {
			continue
		}
		if all[j].at == e.at {
			return j
		}
		all[j].stale = true
		break // earlier ones are stale already
	}
	for j := i - 1; j >= 0 && all[j].at == e.at && s.stale; j-- {
		if all[j].value == e.value {
			return j
		}
	}
	d.seen.insert(i, s)
	return i
}

// settle moves what lies before the floor to the settled ones, and drops what
// no longer matters. It returns where position i is then.
func (d *distinct) settle(floor, span int64, need, i int) int {
	for d.settled < d.seen.len() && d.seen.all()[d.settled].at < floor {
		all := d.seen.all()
		for j := range d.settled {
			if all[j].value == all[d.settled].value {
				d.seen.remove(j)
				d.settled--
				if j < i {
					i--
				}
				break
			}
		}
		d.settled++
	}
	n := max(0, d.settled-need)
	for all := d.seen.all(); n < d.settled && all[n].at <= floor-span; {
		n++
	}
	d.seen.drop(n)
	d.settled -= n
	return max(0, i-n)
}

// judge counts the values in the last window that holds the event at position i
// and meets the condition.
func (d *distinct) judge(sh *shard, i int, e *event, p *plan) (end int64, count int) {
	all := d.seen.all()
	if e.newest {
		for _, s := range all {
			if s.at > e.at-p.span && !s.stale {
				count++
			}
		}
		return e.at, count
	}
	// The windows that end at each later sighting, from the last to the event's
	// own: one grows at its front while it shrinks at its end.
	values := sh.seen
	clear(values)
	first := len(all)
	for j := len(all) - 1; j >= i; j-- {
		for first > 0 && all[first-1].at > all[j].at-p.span {
			first--
			values[all[first].value]++
		}
		if j == len(all)-1 || all[j+1].at != all[j].at {
			if len(values) >= p.need {
				return all[j].at, len(values)
			}
		}
		if values[all[j].value]--; values[all[j].value] == 0 {
			delete(values, all[j].value)
		}
	}
	return 0, 0
}

// tell lists the last sighting of each value in a window.
func (d *distinct) tell(p *plan, f *Firing, end int64) {
	all := d.seen.all()
	var found []witness
	since := end
	for i, s := range all {
		if s.at <= end-p.span || s.at > end {
			continue
		}
		since = min(since, s.at)
		if !d.repeated(i, end) {
			found = append(found, witness{s.at, s.fact, s.rule})
		}
	}
	p.tell(f, found)
	f.Since = moment(since)
}

// repeated reports whether the value at i is there again, until a time.
func (d *distinct) repeated(i int, until int64) bool {
	all := d.seen.all()
	if !all[i].stale {
		return false
	}
	for _, s := range all[i+1:] {
		if s.at <= until && s.value == all[i].value {
			return true
		}
	}
	return false
}

func (d *distinct) due(p *plan, g *group) int64 { return g.recv + p.span + p.lateness }

func (d *distinct) expire(_ *shard, _ *group, _ int64, out []Firing) ([]Firing, bool) {
	return out, true
}

func (d *distinct) size() int64 { return sightingBytes * int64(d.seen.len()) }
