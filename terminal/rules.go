package terminal

import (
	"iter"
	"strings"

	"picket.internal/api"
)

// RunningRules prints a table of the rules that a hub runs, or one document
// each. It returns how many there were.
func (p *Printer) RunningRules(rules iter.Seq2[api.RunningRule, error]) (n int, err error) {
	t := table{header: []string{"RULE", "STATUS", "SEVERITY", "ALERTS", "IN SHADOW", "LAST", "MATCHED", "MORE", "ERRORS"}, cut: []int{0}}
	for r, err := range rules {
		if err != nil {
			return n, err
		}
		n++
		if p.o.JSON {
			if err := p.Document(&r); err != nil {
				return n, err
			}
			continue
		}
		t.rows = append(t.rows, p.ruleRow(&r))
	}
	if p.o.JSON || n == 0 {
		return n, nil
	}
	return n, p.write(p.table(&t))
}

func (p *Printer) ruleRow(r *api.RunningRule) []cell {
	state, s := r.Status, plain
	if r.Disabled {
		state, s = "DISABLED", bad
	}
	switch {
	case r.Off:
		state, s = "SWITCHED OFF", bad
	case r.OffHosts > 0:
		state, s = r.Status+", off for "+number(int64(r.OffHosts)), bad
	}
	errors := cell{text: number(r.Errors), right: true}
	if r.Errors > 0 {
		errors.style = bad
	}
	return []cell{
		{text: r.ID}, {text: state, style: s}, {text: strings.ToUpper(r.Severity), style: severityStyle(r.Severity)},
		{text: number(r.Alerts), right: true}, {text: number(r.ShadowAlerts), right: true}, {text: p.ago(r.LastAlert)},
		{text: number(r.Matched), right: true}, {text: number(r.Suppressed), right: true}, errors,
	}
}

// RunningFilters prints a table of the filters of a hub, or one document each.
// It returns how many there were.
func (p *Printer) RunningFilters(filters iter.Seq2[api.RunningFilter, error]) (n int, err error) {
	t := table{header: []string{"FILTER", "OWNER", "RULES", "HITS", "LAST", "EXPIRES"}, cut: []int{0, 1}}
	for f, err := range filters {
		if err != nil {
			return n, err
		}
		n++
		if p.o.JSON {
			if err := p.Document(&f); err != nil {
				return n, err
			}
			continue
		}
		expires := cell{text: "never"}
		if !f.Expires.IsZero() {
			expires.text = f.Expires.Format("2006-01-02")
		}
		if f.Expired {
			expires.style = bad
		}
		t.rows = append(t.rows, []cell{
			{text: f.Name}, {text: f.Owner}, {text: number(int64(f.Rules)), right: true}, {text: number(f.Hits), right: true}, {text: p.ago(f.Last)}, expires,
		})
	}
	if p.o.JSON || n == 0 {
		return n, nil
	}
	return n, p.write(p.table(&t))
}
