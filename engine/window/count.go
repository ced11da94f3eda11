package window

// witness is a fact that may be listed in a firing.
type witness struct {
	at   int64
	fact factID
	rule uint8
}

// evidence is the newest facts of a group, in order of time; of equal times in
// order of arrival.
type evidence struct{ line[witness] }

// add takes in the fact of an event, and gives up the oldest of too many.
func (ev *evidence) add(e *event, most int) {
	all := ev.all()
	i := len(all)
	for i > 0 && all[i-1].at > e.at {
		i--
	}
	if i == 0 && len(all) >= most {
		return
	}
	ev.insert(i, witness{e.at, e.fact, e.rule})
	ev.drop(max(0, ev.len()-most))
}

// forget drops what is not newer than a time.
func (ev *evidence) forget(before int64) {
	n := 0
	for _, w := range ev.all() {
		if w.at > before {
			break
		}
		n++
	}
	ev.drop(n)
}

// within are the witnesses after one time and not after another.
func (ev *evidence) within(after, until int64) []witness {
	all := ev.all()
	for len(all) > 0 && all[0].at <= after {
		all = all[1:]
	}
	for len(all) > 0 && all[len(all)-1].at > until {
		all = all[:len(all)-1]
	}
	return all
}

// tell writes witnesses, which are in order of time, into a firing.
func (p *plan) tell(f *Firing, found []witness) {
	if len(found) == 0 {
		return
	}
	f.Since = moment(found[0].at)
	found = found[max(0, len(found)-maxFacts):]
	var named [MaxRules]bool
	f.Facts = make([]string, 0, len(found))
	for _, w := range found {
		named[w.rule] = true
		if text := w.fact.String(); text != "" {
			f.Facts = append(f.Facts, text)
		}
	}
	for i, rule := range p.spec.Rules {
		if named[i] {
			f.Rules = append(f.Rules, rule)
		}
	}
}

// counted is the state of an event_count that is judged at every event. Of the
// events that may still matter it keeps the newest, twice as many as the
// condition needs. That is exact: either the newest need of them are within a
// timespan, or at least need of them lie between a late event and whatever was
// dropped, so that every window which reaches so far back is full anyway.
type counted struct {
	times line[int64]
	facts evidence
}

func (c *counted) apply(sh *shard, g *group, e *event, out []Firing) []Firing {
	p := sh.plan
	c.forget(g.floor - p.span)
	all := c.times.all()
	i := len(all)
	for i > 0 && all[i-1] > e.at {
		i--
	}
	c.times.insert(i, e.at)
	c.facts.add(e, p.facts)
	end, hit := c.judge(i, p.span, p.need)
	c.times.drop(max(0, c.times.len()-2*p.need))
	switch g.turn(p.span, e, hit, end) {
	case fires:
		f := p.firing(e, end)
		f.Count, f.Value = int64(p.need), float64(p.need)
		p.tell(&f, c.facts.within(end-p.span, end))
		return append(out, f)
	case continues:
		return append(out, p.continuation(g, e, float64(p.need)))
	}
	return out
}

// judge looks for the last full window that holds the event at position i. All
// later events are less than a timespan away, because lateness is.
func (c *counted) judge(i int, span int64, need int) (end int64, hit bool) {
	all := c.times.all()
	for j := len(all) - 1; j >= i; j-- {
		if first := j - need + 1; first >= 0 && all[j]-all[first] < span {
			return all[j], true
		}
	}
	return 0, false
}

func (c *counted) forget(before int64) {
	n := 0
	for _, at := range c.times.all() {
		if at > before {
			break
		}
		n++
	}
	c.times.drop(n)
	c.facts.forget(before)
}

func (c *counted) due(p *plan, g *group) int64 { return g.recv + p.span + p.lateness }

func (c *counted) expire(_ *shard, _ *group, _ int64, out []Firing) ([]Firing, bool) {
	return out, true
}

func (c *counted) size() int64 { return int64(8*c.times.len() + 32*c.facts.len()) }
