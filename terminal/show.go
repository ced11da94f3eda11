package terminal

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"picket.internal/api"
	"picket.internal/display"
	"picket.internal/display/sentence"
	"picket.internal/fact"
)

// labelWidth is the width of the column of labels in a detailed view.
const labelWidth = 9

// ShowAlert prints all there is to know about one alert; nothing is cut.
func (p *Printer) ShowAlert(a *api.Alert) error {
	if p.o.JSON {
		return p.Document(a)
	}
	f := sentence.First(a)
	d := &detail{p: p}
	d.WriteString(p.row(
		cell{text: strings.ToUpper(a.Severity), style: severityStyle(a.Severity), whole: true},
		cell{text: p.heading(a, f, 0), style: strong, whole: true}))
	d.WriteString(p.row(cell{text: sentence.Alert(a, f) + ".", whole: true}))
	d.WriteString("\n")
	d.facts(
		"When", p.full(a.Time)+stored(a),
		"Host", join(a.Host.Name, a.Host.ID),
		"Rule", join(a.Rule.ID, a.Rule.Status, version(a.Rule.Version)),
		"Tags", strings.Join(a.Rule.Tags, " "),
		"Author", a.Rule.Author,
		"From", origin(&a.Rule),
		"See", strings.Join(a.Rule.References, " "),
		"Says", a.Message,
		"Count", p.count(a),
		"State", a.State,
		"Alert", a.ID,
		"Trouble", a.Error,
	)
	p.showProcess(d, a, f)
	p.showWindow(d, a)
	p.showValues(d, a)
	for i := range a.Responses {
		d.WriteString("\nResponse\n")
		p.responseLines(d, &a.Responses[i])
	}
	for i, raw := range a.Facts {
		d.WriteString(fmt.Sprintf("\nFact %d of %d, as the host signed it\n", i+1, len(a.Facts)))
		d.WriteString(string(display.JSONBlock(raw)) + "\n")
	}
	return p.write(d.String())
}

// origin is where a rule came from, with link and licence.
func origin(r *api.Rule) string {
	if r.Source == nil {
		return r.DerivedFrom
	}
	return join(r.Source.Name, r.Source.URL, r.Source.Licence, r.DerivedFrom)
}

func (p *Printer) showProcess(d *detail, a *api.Alert, f *fact.Fact) {
	proc := f.Process
	if proc == nil {
		return
	}
	d.WriteString("\n")
	d.facts(
		"Process", sentence.Executable(proc),
		"", sentence.Identity(f),
		"", proc.CommandLine,
		"in", proc.WorkingDirectory,
		"since", proc.Start,
		"sha256", sentence.SHA256(proc),
	)
	for _, ancestor := range sentence.Chain(proc) {
		d.facts("from", ancestor)
	}
	for _, verdict := range sentence.Verdicts(a, f) {
		d.facts("mind", verdict)
	}
}

// showWindow tells what a rule over several facts saw, and which alerts a risk is
// made of.
func (p *Printer) showWindow(d *detail, a *api.Alert) {
	w := a.Window
	if w == nil {
		return
	}
	d.WriteString("\nWhat it counted\n")
	since := ""
	if !w.Since.IsZero() {
		since = p.full(w.Since)
	}
	d.facts("Count", fmt.Sprint(w.Count), "Value", fmt.Sprintf("%.4g", w.Value), "since", since, "Rules", strings.Join(w.Rules, " "))
	for _, key := range slices.Sorted(maps.Keys(w.Group)) {
		d.facts("with", key+" "+w.Group[key])
	}
	for _, part := range a.Parts {
		d.facts("of", join(fmt.Sprintf("%.1f", part.Score), part.Rule, part.Alert))
	}
}

func (p *Printer) showValues(d *detail, a *api.Alert) {
	if len(a.Values) == 0 {
		return
	}
	d.WriteString("\nWhy it fired\n")
	names := slices.Sorted(maps.Keys(a.Values))
	most := 0
	for _, name := range names {
		most = max(most, min(display.Width(display.Line(name)), 48))
	}
	for _, name := range names {
		d.WriteString("  " + p.row(cell{text: name, width: most, whole: true}, cell{text: a.Values[name], whole: true}))
	}
}

func stored(a *api.Alert) string {
	latency := time.Duration(a.LatencyMS * float64(time.Millisecond))
	if latency < 0 {
		return ", by a clock that is " + took(-latency) + " ahead of the hub's"
	}
	return ", stored " + took(latency) + " later"
}

func (p *Printer) count(a *api.Alert) string {
	if a.Count <= 1 {
		return ""
	}
	return fmt.Sprintf("%d times, last %s: %s", a.Count, p.full(a.Last), sentence.More(a, p.o.Now()))
}

// detail is a view of labelled lines.
type detail struct {
	strings.Builder
	p *Printer
}

// facts adds a line for each pair of label and text, where there is a text.
func (d *detail) facts(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			d.WriteString(d.p.row(cell{text: pairs[i], width: labelWidth}, cell{text: pairs[i+1], whole: true}))
		}
	}
}

// full is a time to the millisecond, with its day and zone.
func (p *Printer) full(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.In(p.o.Zone).Format("Mon 2 Jan 2006 15:04:05.000 MST")
}

func version(v string) string {
	if v == "" {
		return ""
	}
	return "(version " + v + ")"
}

func join(words ...string) string {
	kept := words[:0:0]
	for _, w := range words {
		if w != "" {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}
