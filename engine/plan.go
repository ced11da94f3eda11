package engine

import (
	"fmt"
	"strings"

	"picket.internal/engine/rule"
	"picket.internal/engine/window"
)

// maxRemembered bounds what one stateful rule keeps, in bytes.
const maxRemembered = 64 << 20

// feed is how the matches of one rule become events of a stateful rule.
type feed struct {
	to     *Entry
	group  []source
	values []source
	// number is the field that is reckoned with, nil where none is.
	number *source
}

// source is where one value of an event comes from.
type source struct {
	name  string // as the group-by that asks for it
	field string
	read  rule.FieldReader
}

// plan is what the stateful rules of a set need: who feeds whom.
type plan struct {
	specs   []window.Spec
	own     map[string]*feed   // rules that remember their own matches, by id
	readers map[string][]*feed // correlations, by the id of the rule they read
	risks   []*feed
	byID    map[string]*Entry
}

// newPlan answers with a problem for each rule that cannot remember; those are
// left out, and all others go on.
func newPlan(entries []*Entry) (*plan, map[*Entry]error) {
	p := &plan{own: map[string]*feed{}, readers: map[string][]*feed{}, byID: map[string]*Entry{}}
	failed := map[*Entry]error{}
	for _, e := range entries {
		p.byID[e.Rule.ID] = e
		if !e.Rule.Stateful() {
			continue
		}
		spec := specOf(e.Rule)
		err := spec.Check()
		if err == nil {
			err = p.add(e)
		}
		if err != nil {
			failed[e] = fmt.Errorf("remembering for rule %q: %w", e.Rule.ID, err)
			continue
		}
		p.specs = append(p.specs, spec)
	}
	return p, failed
}

func (p *plan) add(e *Entry) (err error) {
	r := e.Rule
	switch {
	case r.Correlation != nil:
		return p.correlation(e)
	case r.Risk != nil:
		f := &feed{to: e}
		f.group, err = fields([]string{map[string]string{"host": "host.id", "user": "user.name"}[r.Risk.Of]})
		p.risks = append(p.risks, f)
	case r.NewTerms != nil:
		f := &feed{to: e}
		if f.group, err = fields(r.NewTerms.GroupBy); err == nil {
			f.values, err = fields(r.NewTerms.Fields)
		}
		p.own[r.ID] = f
	case r.Absence != nil:
		f := &feed{to: e}
		f.group, err = fields(r.Absence.GroupBy)
		p.own[r.ID] = f
	}
	return err
}

// correlation feeds a correlation from each rule that it reads.
func (p *plan) correlation(e *Entry) error {
	c := e.Rule.Correlation
	for _, id := range c.Rules {
		f := &feed{to: e}
		for _, key := range c.GroupBy {
			s, err := fieldSource(key, c.Reads(key, id))
			if err != nil {
				return err
			}
			f.group = append(f.group, s)
		}
		for _, key := range c.Fields {
			s, err := fieldSource(key, c.Reads(key, id))
			if err != nil {
				return err
			}
			f.values = append(f.values, s)
		}
		if c.Type != rule.ValueCount && len(f.values) == 1 {
			f.number, f.values = &f.values[0], nil
		}
		p.readers[id] = append(p.readers[id], f)
	}
	return nil
}

func fields(names []string) ([]source, error) {
	var out []source
	for _, name := range names {
		s, err := fieldSource(name, name)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func fieldSource(name, field string) (source, error) {
	read, ok := rule.Field(field)
	if !ok {
		return source{}, fmt.Errorf("there is no field %q with a single value", field)
	}
	return source{name, field, read}, nil
}

// specOf is what a rule asks of package window. Whatever decides which facts
// become events, and how they are grouped, is part of its Meaning: the rule's
// version holds it, and that of what it reads is not looked at, because a
// correlation outlives a change of wording in a rule that feeds it.
func specOf(r *rule.Rule) window.Spec {
	s := window.Spec{ID: r.ID, MaxBytes: maxRemembered}
	switch {
	case r.Correlation != nil:
		c := r.Correlation
		s.Type, s.Rules, s.Timespan, s.Lateness, s.Percentile, s.MaxGroups = window.Type(c.Type), c.Rules, c.Timespan, c.Lateness, c.Percentile, c.MaxGroups
		for _, b := range c.Condition {
			s.Bounds = append(s.Bounds, window.Bound{Op: b.Op, Value: b.Value})
		}
		s.Meaning = meaning(c.GroupBy, c.Fields, fmt.Sprint(c.Aliases))
	case r.NewTerms != nil:
		s.Type, s.Within, s.Learn = window.NewTerms, r.NewTerms.Within, r.NewTerms.Learn
		s.Meaning = meaning(r.NewTerms.GroupBy, r.NewTerms.Fields, r.Where)
	case r.Absence != nil:
		s.Type, s.Within = window.Absence, r.Absence.Within
		s.Meaning = meaning(r.Absence.GroupBy, nil, r.Where)
	case r.Risk != nil:
		s.Type, s.AtLeast, s.HalfLife = window.Risk, r.Risk.AtLeast, r.Risk.HalfLife
		s.Meaning = r.Risk.Of
	}
	return s
}

func meaning(groupBy, values []string, more string) string {
	return fmt.Sprintf("%q %q %s", strings.Join(groupBy, "\n"), strings.Join(values, "\n"), more)
}

// Check finds the stateful rules of a set that ask for more than is remembered.
func Check(set *rule.Set) rule.Findings {
	var out rule.Findings
	for _, r := range set.Rules() {
		if !r.Stateful() {
			continue
		}
		if err := specOf(r).Check(); err != nil {
			out = append(out, r.Finding(rule.LevelError, rule.CodeCorrelation, err.Error(), ""))
		}
	}
	return out
}
