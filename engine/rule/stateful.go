package rule

import (
	"time"

	"go.yaml.in/yaml/v3"
)

// Bounds of what stateful rules remember.
const (
	maxTimespan = 30 * day
	maxTerms    = 365 * day
	maxHalfLife = 90 * day
	maxGroupBy  = 8
)

var newTermsTable = table[NewTerms]{"new_terms", []key[NewTerms]{
	must(namesKey("fields", 1, maxGroupBy, func(t *NewTerms) *[]string { return &t.Fields }, func(t *NewTerms) *[]*yaml.Node { return &t.fields })),
	namesKey("group-by", 1, maxGroupBy, func(t *NewTerms) *[]string { return &t.GroupBy }, func(t *NewTerms) *[]*yaml.Node { return &t.groupBy }),
	must(durationKey("within", time.Minute, maxTerms, func(t *NewTerms) *time.Duration { return &t.Within })),
	durationKey("learn", time.Second, maxTerms, func(t *NewTerms) *time.Duration { return &t.Learn }),
}}

var absenceTable = table[Absence]{"absence", []key[Absence]{
	namesKey("group-by", 1, maxGroupBy, func(a *Absence) *[]string { return &a.GroupBy }, func(a *Absence) *[]*yaml.Node { return &a.groupBy }),
	must(durationKey("within", time.Second, maxTerms, func(a *Absence) *time.Duration { return &a.Within })),
}}

var riskTable = table[Risk]{"risk", []key[Risk]{
	must(choiceKey("of", []string{"host", "user"}, func(r *Risk) *string { return &r.Of })),
	must(own("at_least", numberShape(1, 1_000_000), func(w *walker, r *Risk, e entry) {
		r.AtLeast, _ = w.number(e.value, "at_least", 1, 1_000_000)
	})),
	must(durationKey("half_life", time.Minute, maxHalfLife, func(r *Risk) *time.Duration { return &r.HalfLife })),
}}

// Stateful reports whether the rule decides over more than one fact.
func (r *Rule) Stateful() bool {
	return r.Correlation != nil || r.NewTerms != nil || r.Absence != nil || r.Risk != nil
}

// statefulFields resolves the fields that a stateful rule of facts names.
func statefulFields(w *walker, r *Rule) {
	switch {
	case r.NewTerms != nil:
		w.fields(r.NewTerms.fields, r.On)
		w.fields(r.NewTerms.groupBy, r.On)
	case r.Absence != nil:
		w.fields(r.Absence.groupBy, r.On)
	}
}

// way names how the rule decides, for people.
func (r *Rule) way() string {
	switch {
	case r.Correlation != nil:
		return "correlation"
	case r.NewTerms != nil:
		return "new_terms"
	case r.Absence != nil:
		return "absence"
	case r.Risk != nil:
		return "risk"
	}
	return "where"
}
