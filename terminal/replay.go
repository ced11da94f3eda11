package terminal

import (
	"fmt"
	"strings"
	"time"

	"picket.internal/display"
	"picket.internal/engine/replay"
)

const (
	dearest   = 10 // rules whose cost is shown
	shownDays = 5  // days of a rule that are shown on its line, the newest

	countWidth, fieldWidth = 8, 22 // of a list of values
)

// learnedAnew is what a replay cannot know.
const learnedAnew = "first times are learned from the first fact of the replay on, as on a new hub"

// Missing is what a replay did not get to see.
type Missing struct {
	// Facts are those that this program cannot read.
	Facts int64 `json:"unreadable_facts,omitempty"`
	// Batches are those that the hub found not to be what was signed.
	Batches int64 `json:"unreadable_batches,omitempty"`
}

// replayDay, replayRule, replayDifference and replayCost are the documents of a
// replay; replaySummary is the last.
type replayDay struct {
	Event string `json:"event"` // "rule_day"
	Rule  string `json:"rule"`
	replay.Day
}

type replayRule struct {
	Event string `json:"event"` // "rule"
	replay.Rule
}

type replayDifference struct {
	Event string `json:"event"` // "difference"
	replay.Difference
}

type replayCost struct {
	Event string `json:"event"` // "cost"
	replay.Cost
}

type replaySummary struct {
	Event      string    `json:"event"` // "summary"
	From       time.Time `json:"from,omitzero"`
	To         time.Time `json:"to,omitzero"`
	Facts      int64     `json:"facts"`
	Hosts      int       `json:"hosts"`
	Version    string    `json:"version"`
	Rules      int       `json:"rules"`
	Silent     int       `json:"silent"`
	Alerts     int64     `json:"alerts"`
	Duplicates int64     `json:"duplicates"`
	Errors     int64     `json:"errors"`
	Panics     int64     `json:"panics,omitempty"`
	Against    string    `json:"against,omitempty"` // the version of the other set
	Same       bool      `json:"same,omitempty"`    // it is the same
	Prevalence string    `json:"prevalence"`
	Forgotten  uint64    `json:"forgotten,omitempty"`
	Evicted    uint64    `json:"evicted,omitempty"`
	ElapsedMS  int64     `json:"elapsed_ms"`
	Rate       int64     `json:"facts_per_s"`
	Missing
}

// Replay prints what a replay found.
func (p *Printer) Replay(r *replay.Report, missing Missing) error {
	if p.o.JSON {
		return p.replayDocuments(r, missing)
	}
	if err := p.write(p.replayText(r)); err != nil {
		return err
	}
	p.replayNotes(r, missing)
	return nil
}

func (p *Printer) replayDocuments(r *replay.Report, missing Missing) error {
	var all []any
	s := replaySummary{Event: "summary", From: r.From, To: r.To, Facts: r.Facts, Hosts: r.Hosts, Version: r.Version, Rules: len(r.Rules) + r.Silent,
		Silent: r.Silent, Panics: r.Panics, Prevalence: learnedAnew, Forgotten: r.Forgotten, Evicted: r.Evicted,
		ElapsedMS: r.Elapsed.Milliseconds(), Rate: rate(r), Missing: missing}
	for _, one := range r.Rules {
		for _, d := range one.Days {
			all = append(all, replayDay{"rule_day", one.ID, d})
		}
		all = append(all, replayRule{"rule", one})
		s.Alerts, s.Duplicates, s.Errors = s.Alerts+one.Alerts, s.Duplicates+one.Duplicates, s.Errors+one.Errors
	}
	if r.Diff != nil {
		s.Against, s.Same = r.Diff.Version, r.Diff.Same
		for _, d := range r.Diff.Rules {
			all = append(all, replayDifference{"difference", d})
		}
	}
	for _, c := range r.Dearest[:min(dearest, len(r.Dearest))] {
		all = append(all, replayCost{"cost", c})
	}
	for _, v := range append(all, s) {
		if err := p.Document(v); err != nil {
			return err
		}
	}
	return nil
}

func rate(r *replay.Report) int64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return int64(float64(r.Facts) / r.Elapsed.Seconds())
}

func (p *Printer) replayText(r *replay.Report) string {
	if r.Facts == 0 {
		return "no facts in that time\n"
	}
	var b strings.Builder
	b.WriteString(p.row(cell{text: fmt.Sprintf("%s facts of %d hosts, received %s to %s, replayed in %s (%s/s)",
		number(r.Facts), r.Hosts, p.full(r.From), p.full(r.To), took(r.Elapsed), number(rate(r))), whole: true}))
	b.WriteString("\n")
	if len(r.Rules) > 0 {
		b.WriteString(p.replayRules(r))
	}
	b.WriteString(fmt.Sprintf("%d of %d rules raised nothing\n", r.Silent, len(r.Rules)+r.Silent))
	for i := range r.Rules {
		b.WriteString(p.replayTop(&r.Rules[i]))
	}
	b.WriteString(p.replayDiff(r.Diff))
	b.WriteString(p.replayCosts(r))
	return b.String()
}

func (p *Printer) replayRules(r *replay.Report) string {
	t := table{header: []string{"RULE", "SEVERITY", "STATUS", "ALERTS", "MORE", "ERRORS", "DAYS"}, cut: []int{6, 0}}
	for _, one := range r.Rules {
		errors := cell{text: number(one.Errors), right: true}
		if one.Errors > 0 {
			errors.style = bad
		}
		t.rows = append(t.rows, []cell{
			{text: one.ID}, {text: strings.ToUpper(one.Severity), style: severityStyle(one.Severity)}, {text: one.Status},
			{text: number(one.Alerts), right: true}, {text: number(one.Duplicates), right: true}, errors, {text: days(one.Days)},
		})
	}
	return p.table(&t)
}

// days are the newest days of a rule, with their alerts.
func days(all []replay.Day) string {
	var words []string
	if more := len(all) - shownDays; more > 0 {
		words, all = append(words, fmt.Sprintf("%d days before", more)), all[more:]
	}
	for _, d := range all {
		name := d.Day
		if t, err := time.Parse(time.DateOnly, d.Day); err == nil {
			name = t.Format("2 Jan")
		}
		words = append(words, name+": "+number(d.Alerts))
	}
	return strings.Join(words, ", ")
}

// replayTop is about whom a rule's alerts were, and what they said.
func (p *Printer) replayTop(r *replay.Rule) string {
	d := &detail{p: p}
	if r.Alerts > 0 || r.LastError != "" {
		d.WriteString("\n" + p.row(cell{text: r.ID, style: strong}, cell{text: r.Title}))
	}
	for i, c := range r.Hosts {
		name := c.Value
		if c.Name != "" {
			name = c.Name + " (" + c.Value + ")"
		}
		d.WriteString(p.counted(labelOf("host", i), name, c.Alerts))
	}
	for _, v := range r.Values {
		for i, c := range v.Top {
			d.WriteString(p.counted(labelOf(v.Field, i), c.Value, c.Alerts))
		}
		if more := v.Distinct - len(v.Top); more > 0 {
			d.WriteString(p.counted("", fmt.Sprintf("and %d others", more), 0))
		}
	}
	if r.LastError != "" {
		d.WriteString(p.row(cell{width: countWidth}, cell{text: "error", width: fieldWidth, style: bad}, cell{text: r.LastError, whole: true}))
	}
	return d.String()
}

func labelOf(name string, place int) string {
	if place > 0 {
		return ""
	}
	return name
}

// counted is a line of a list: how often, of what, which.
func (p *Printer) counted(label, value string, n int64) string {
	count := ""
	if n > 0 {
		count = number(n)
	}
	return p.row(cell{text: count, width: countWidth, right: true}, cell{text: label, width: fieldWidth, style: faint},
		cell{text: value, width: max(p.columns()-countWidth-fieldWidth-2*gap, minText)})
}

func (p *Printer) replayDiff(d *replay.Diff) string {
	switch {
	case d == nil:
		return ""
	case d.Same:
		return "\nthe rules that this is compared with are the same (version " + display.Line(d.Version) + ")\n"
	case len(d.Rules) == 0:
		return "\nno rule raises other alerts than in the set that this is compared with (version " + display.Line(d.Version) + ")\n"
	}
	t := table{header: []string{"DIFFERENCE", "CHANGE", "ALERTS", "BEFORE", "GAINED", "LOST"}, cut: []int{0}}
	for _, r := range d.Rules {
		change := r.Change
		if r.Partly {
			change += " (not all compared)"
		}
		t.rows = append(t.rows, []cell{{text: r.ID}, {text: change}, {text: number(r.Alerts), right: true}, {text: number(r.Before), right: true},
			{text: number(r.Gained), right: true}, {text: number(r.Lost), right: true}})
	}
	return "\n" + p.table(&t)
}

func (p *Printer) replayCosts(r *replay.Report) string {
	if len(r.Dearest) == 0 {
		return ""
	}
	t := table{header: []string{"DEAREST RULES", "MEAN", "MOST", "FACTS", "ON ALL"}, cut: []int{0}}
	for _, c := range r.Dearest[:min(dearest, len(r.Dearest))] {
		t.rows = append(t.rows, []cell{{text: c.ID}, {text: fmt.Sprintf("%.2f µs", c.MeanNS/1000), right: true}, {text: fmt.Sprintf("%.1f µs", float64(c.MostNS)/1000), right: true},
			{text: number(c.Facts), right: true}, {text: took(c.Total()), right: true}})
	}
	return "\n" + p.table(&t)
}

// replayNotes say what the numbers leave out.
func (p *Printer) replayNotes(r *replay.Report, missing Missing) {
	p.Note("%s", learnedAnew)
	if missing.Facts+missing.Batches > 0 {
		p.Note("%d facts and %d batches could not be read and are not in the numbers", missing.Facts, missing.Batches)
	}
	if r.Forgotten+r.Evicted > 0 {
		p.Note("%d executables and %d suppressed alerts were too many to remember; some alerts may be told twice", r.Forgotten, r.Evicted)
	}
	if r.Panics > 0 {
		p.Note("the engine failed on %d facts", r.Panics)
	}
}
