package engine

import (
	"slices"

	"picket.internal/engine/rule"
	"picket.internal/engine/window"
	"picket.internal/fact"
)

// matched takes a rule whose condition the fact meets, unless an exception or a
// filter lets the fact pass.
//
// What a rule remembers, exceptions do not change: an excepted program that is
// seen is no longer new. They speak when the rule fires.
func (p *pass) matched(e *Entry) {
	f := p.a.plan.own[e.Rule.ID]
	if f == nil {
		if !e.Rule.Stateful() && !p.excused(e) {
			p.happened(e, nil)
		}
		return
	}
	event, ok := p.event(f, e.Rule, nil)
	if !ok {
		e.health.ungrouped.Add(1)
		return
	}
	for _, firing := range p.e.windows.Apply(e.Rule.ID, event) {
		p.fired(&firing)
	}
}

// excused asks exceptions and filters, and counts the one that spoke.
func (p *pass) excused(e *Entry) bool {
	r := e.Rule
	if len(r.Exceptions)+len(r.Filters) == 0 {
		return false
	}
	excuse, err := r.Excused(p.in.vars, p.now)
	if err != nil {
		e.health.failed(err) // it does not hold: the alert is raised
	}
	switch {
	case excuse.Exception != nil:
		e.health.excepted(excuse.Exception.Name)
	case excuse.Filter != nil:
		p.a.filters[excuse.Filter.Name].hit(p.now)
	default:
		return false
	}
	e.health.excused.Add(1)
	return true
}

// happened takes what counts as a match of a rule: by itself, or by the firing
// of what it remembers.
func (p *pass) happened(e *Entry, firing *window.Firing) {
	e.health.matched.Add(1)
	var alert Alert
	if !e.Rule.Silent {
		alert = p.e.alert(&p.in, e, firing, p.now)
		p.alerts = append(p.alerts, alert)
	}
	if firing != nil && firing.Continued {
		return // what went on has been told of
	}
	for _, f := range p.a.plan.readers[e.Rule.ID] {
		p.tell(f, e.Rule, firing)
	}
	if !e.Rule.Silent && !alert.Shadow && !alert.Suppressed && e.Rule.Risk == nil {
		p.weigh(e, &alert, firing)
	}
}

// tell makes a match the event of a correlation.
func (p *pass) tell(f *feed, from *rule.Rule, firing *window.Firing) {
	event, ok := p.event(f, from, firing)
	if !ok {
		f.to.health.ungrouped.Add(1)
		return
	}
	for _, next := range p.e.windows.Apply(f.to.Rule.ID, event) {
		p.fired(&next)
	}
}

// weigh adds an alert's score to the risk of its host and user.
func (p *pass) weigh(e *Entry, alert *Alert, firing *window.Firing) {
	for _, f := range p.a.plan.risks {
		event, ok := p.event(f, e.Rule, firing)
		if !ok {
			continue // an alert about no user is on no user's account
		}
		event.Number, event.HasNumber = alert.Score, true
		for _, next := range p.e.windows.Apply(f.to.Rule.ID, event) {
			p.fired(&next)
		}
	}
}

// fired takes a firing that the fact has brought about. One that was due before
// it, and is about other facts, is told without it.
func (p *pass) fired(firing *window.Firing) {
	e := p.a.plan.byID[firing.Spec]
	if e == nil {
		return
	}
	if p.in.Ref != "" && len(firing.Parts) == 0 && !slices.Contains(firing.Facts, p.in.Ref) {
		q := p.e.pool.Get().(*pass)
		defer q.end()
		q.begin(&Input{Fact: new(fact.Fact)}, p.now)
		q.a = p.a
		q.alone(firing)
		p.alerts = append(p.alerts, q.alerts...)
		return
	}
	p.in.vars.SetWindow(windowOf(firing))
	if p.excused(e) {
		return
	}
	p.happened(e, firing)
}

// event is the fact as an event of a stateful rule; false where it has no value
// for a part of the group.
func (p *pass) event(f *feed, from *rule.Rule, firing *window.Firing) (window.Event, bool) {
	event := window.Event{Rule: from.ID, Host: p.in.Fact.Host.ID, Fact: p.in.Ref, Time: p.in.Fact.Time, Received: p.now, Learning: p.in.learning()}
	if firing != nil {
		event = firing.Event(p.now)
	}
	event.Group = make([]string, 0, len(f.group))
	for _, s := range f.group {
		value, ok := p.value(s, from, firing)
		if !ok {
			return event, false
		}
		event.Group = append(event.Group, value)
	}
	if len(f.values) > 0 {
		event.Values = make([]string, 0, len(f.values))
		for _, s := range f.values {
			value, _ := p.value(s, from, firing)
			event.Values = append(event.Values, value)
		}
	}
	if f.number != nil {
		event.Number, event.HasNumber = f.number.read.Number(p.in.vars)
	}
	return event, true
}

// value is what a field has: in the fact, or, for a firing, in its group, which
// is all that there is where no fact brought it about.
func (p *pass) value(s source, from *rule.Rule, firing *window.Firing) (string, bool) {
	if firing != nil {
		for i, key := range groupBy(from) {
			if (key == s.field || key == s.name) && i < len(firing.Group) {
				return firing.Group[i], true
			}
		}
		if s.field == "host.id" {
			return firing.Host, firing.Host != ""
		}
	}
	return s.read.Text(p.in.vars), s.read.Has(p.in.vars)
}

// groupBy are the keys by which a stateful rule groups.
func groupBy(r *rule.Rule) []string {
	switch {
	case r.Correlation != nil:
		return r.Correlation.GroupBy
	case r.NewTerms != nil:
		return r.NewTerms.GroupBy
	case r.Absence != nil:
		return r.Absence.GroupBy
	case r.Risk != nil:
		return []string{r.Risk.Of}
	}
	return nil
}
