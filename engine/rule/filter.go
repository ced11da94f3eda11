package rule

import (
	"path"
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

const maxSelected = 200 // names that a filter selects rules by

// Filter is one tuning of many rules: what meets it is let pass by all rules
// that it selects.
type Filter struct {
	Name, Title, Owner, Reason, Where string
	Rules, Tags, Severities           []string // selectors; each that is there must fit
	Expires                           time.Time
	File                              string
	Line                              int

	src   *source
	node  *yaml.Node
	nodes []*yaml.Node // of Rules
	skip  []*yaml.Node // places that nobody asks for
	guard *guard
}

var globIDForm = regexp.MustCompile(`^[a-z0-9*][a-z0-9_*-]*(\.[a-z0-9_*-]+)*$`)

var filterTable = table[Filter]{"a filter", []key[Filter]{
	must(formKey("filter", nameForm, nameHint, func(f *Filter) *string { return &f.Name })),
	textKey("title", 200, func(f *Filter) *string { return &f.Title }),
	namesKey("rules", 1, maxSelected, func(f *Filter) *[]string { return &f.Rules }, func(f *Filter) *[]*yaml.Node { return &f.nodes }),
	namesKey("tags", 1, maxSelected, func(f *Filter) *[]string { return &f.Tags }, func(f *Filter) *[]*yaml.Node { return &f.skip }),
	own("severity", listShape(shape{"enum": severities}, 1, len(severities)), func(w *walker, f *Filter, e entry) {
		items, _ := w.sequence(e.value, "severity")
		for _, item := range items {
			f.Severities = append(f.Severities, w.oneOf(item, "severity", severities))
		}
	}),
	must(whereKey(func(f *Filter) (*string, **yaml.Node) { return &f.Where, &f.node })),
	must(textKey("owner", 200, func(f *Filter) *string { return &f.Owner })),
	textKey("reason", maxText, func(f *Filter) *string { return &f.Reason }),
	dayKey("expires", func(f *Filter) *time.Time { return &f.Expires }),
}}

func (w *walker) filterDocument(n *yaml.Node) *Filter {
	f := &Filter{File: w.src.name, Line: n.Line, src: w.src}
	before := len(w.findings)
	if _, ok := filterTable.read(w, n, f); !ok {
		return nil
	}
	if len(w.findings) == before && len(f.Rules)+len(f.Tags)+len(f.Severities) == 0 {
		w.fail(CodeMissingKey, at(n), "the filter selects no rules", "name them by rules, tags or severity")
	}
	for i, glob := range f.Rules {
		if !globIDForm.MatchString(glob) {
			w.fail(CodeBadValue, at(f.nodes[i]), "malformed rule id of a filter", "write an id, or a part of one with *, as in canary.*")
		}
	}
	return f
}

// Expired reports whether its last day is over.
func (f *Filter) Expired(now time.Time) bool { return expired(f.Expires, now) }

// Applies reports whether the filter selects the rule.
func (f *Filter) Applies(r *Rule) bool {
	fits := func(selectors []string, any func(string) bool) bool {
		return len(selectors) == 0 || slices.ContainsFunc(selectors, any)
	}
	return fits(f.Rules, func(glob string) bool {
		ok, err := path.Match(glob, r.ID)
		return ok && err == nil
	}) && fits(f.Tags, func(tag string) bool {
		return slices.Contains(r.Tags, tag)
	}) && fits(f.Severities, func(severity string) bool {
		return severity == r.Severity
	})
}

// Holds reports whether the filter lets the fact in v pass. The error is an
// *EvalError; a filter that fails does not hold.
func (f *Filter) Holds(v *Vars, now time.Time) (bool, error) {
	if expired(f.Expires, now) {
		return false, nil
	}
	return f.guard.holds(v)
}
