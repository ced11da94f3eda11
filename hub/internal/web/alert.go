package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	types "picket.internal/api"
	"picket.internal/display"
	"picket.internal/display/sentence"
	"picket.internal/fact"
)

// alertBody is one alert, all of it.
type alertBody struct {
	Row      alertRow
	Sentence Text
	Message  Text
	Rule     types.Rule
	Title    Text
	Version  Text
	Status   Text
	Tags     []Text
	Score    string
	State    Text
	Stored   *Moment
	Latency  string
	Last     *Moment
	Trouble  Text
	Done     []responseRow // what was done about it, or waits for approval
	Process  *processBlock
	Unknown  bool // a canary was touched, and by whom is not known
	Values   []value
	Window   *windowBlock // nil for a rule that looks at one fact
	Again    *again       // nil where it happened once
	Facts    []string
	OfRule   string
	OfHost   string
	Host     string

	// Whose work the rule is.
	Author      Text
	Source      *link
	Licence     Text
	DerivedFrom Text
	References  []link
}

// processBlock is the process behind an alert below those it descends from.
type processBlock struct {
	Above      []Text // its ancestors, the farthest first
	Executable Text
	PID        int64
	User       Text
	Command    Text
	Directory  Text
	Started    Text
	SHA256     string
	Verdicts   []Text
}

// value is a part of the rule's condition with the value that it had.
type value struct {
	Part, Value Text
	True, False bool
}

func (u *ui) alert(ctx context.Context, r *http.Request) (*view, error) {
	a, err := u.Reader.Alert(ctx, r.PathValue("id"))
	if err != nil {
		return nil, fmt.Errorf("reading alert: %w", err)
	}
	f := sentence.First(&a)
	body := alertBody{
		Row: u.alertRow(&a), Sentence: Text(sentence.Alert(&a, f) + "."), Message: Text(a.Message),
		Title: Text(a.Rule.Title), Version: Text(a.Rule.Version), Status: Text(a.Rule.Status), Tags: texts(a.Rule.Tags),
		Author: Text(a.Rule.Author), DerivedFrom: Text(a.Rule.DerivedFrom), References: linksOf(a.Rule.References),
		Score: fmt.Sprintf("%.0f", a.Score), State: Text(a.State), Stored: u.moment(a.Stored), Last: u.moment(a.Last), Trouble: Text(a.Error),
		Latency: latency(a.LatencyMS), Process: u.processBlock(&a, f), Unknown: f.Kind == fact.KindCanary && f.Process == nil,
		Values: valuesOf(&a),
		OfRule: address("/", types.AlertQuery{RuleID: a.Rule.ID, IncludeShadow: a.Shadow}.Values()),
		OfHost: address("/", types.AlertQuery{HostID: a.Host.ID}.Values()),
		Host:   "/hosts/" + a.Host.ID,
	}
	if f.Kind != fact.KindCanary {
		body.Message = "" // the sentence is made of it
	}
	if s := a.Rule.Source; s != nil {
		body.Source, body.Licence = &link{Text: Text(s.Name), URL: webAddress(s.URL)}, Text(s.Licence)
		if body.Source.URL == "" && s.URL != "" {
			body.Source.Text += Text(", " + s.URL)
		}
	}
	body.Row.Time = u.moment(a.Time)
	for _, raw := range a.Facts {
		body.Facts = append(body.Facts, string(display.JSONBlock(raw)))
	}
	if body.Done, err = u.responsesTo(ctx, a.ID); err != nil {
		return nil, err
	}
	body.Window = u.windowBlock(&a)
	if a.Count > 1 || a.Window != nil {
		if body.Again, err = u.again(ctx, a.ID); err != nil {
			return nil, err
		}
	}
	live := u.newsOf(ctx, types.AlertQuery{HostID: a.Host.ID, RuleID: a.Rule.ID, IncludeShadow: a.Shadow}, nil)
	return &view{Template: "alert", Title: "Alert", Tab: body.Row.Heading, Nav: "alerts", Live: live, Body: &body}, nil
}

// windowBlock is what a rule over several facts saw.
type windowBlock struct {
	Count int64
	Value string
	Since *Moment
	Rules []Text
	Group []pair
	Parts []partRow
}

type pair struct{ Key, Value Text }

// partRow is an alert that a risk is made of; Alert is empty where it is gone.
type partRow struct {
	Alert string
	Rule  Text
	Score string
}

func (u *ui) windowBlock(a *types.Alert) *windowBlock {
	w := a.Window
	if w == nil {
		return nil
	}
	out := &windowBlock{Count: w.Count, Value: fmt.Sprintf("%.4g", w.Value), Rules: texts(w.Rules), Since: u.moment(w.Since)}
	for _, key := range slices.Sorted(maps.Keys(w.Group)) {
		out.Group = append(out.Group, pair{Text(key), Text(w.Group[key])})
	}
	for _, p := range a.Parts {
		out.Parts = append(out.Parts, partRow{p.Alert, Text(p.Rule), fmt.Sprintf("%.1f", p.Score)})
	}
	return out
}

// again is what is known of an alert's duplicates.
type again struct {
	Rows     []factRow // the newest
	Unlinked string    // how many are counted only; empty for none
	Command  Text      // finds those
}

// againRows is how many duplicates an alert's page shows.
const againRows = 10

func (u *ui) again(ctx context.Context, id string) (*again, error) {
	facts, err := u.Reader.AlertFacts(ctx, id, types.AlertFactsQuery{Limit: againRows})
	if err != nil {
		return nil, fmt.Errorf("reading an alert's facts: %w", err)
	}
	out := new(again)
	for i := range facts.Facts {
		if f := &facts.Facts[i]; !f.Raised {
			stored := f.Stored()
			out.Rows = append(out.Rows, u.factRow(&stored))
		}
	}
	if e := facts.Elsewhere; facts.Unlinked > 0 && e != nil {
		out.Unlinked = number(facts.Unlinked)
		command := "picket facts query --host " + e.Host
		if e.Kind != "" {
			command += " --kind " + e.Kind
		}
		out.Command = Text(command + " --since " + e.Since.UTC().Format(time.RFC3339Nano) + " --until " + e.Until.UTC().Format(time.RFC3339Nano))
	}
	return out, nil
}

// link is a text that leads out of the hub, where URL is not empty.
type link struct {
	Text Text
	URL  string
}

func linksOf(urls []string) []link {
	var out []link
	for _, u := range urls {
		out = append(out, link{Text(u), webAddress(u)})
	}
	return out
}

// webAddress is the address where a browser may follow it: of the web, and
// nothing that reads otherwise than it is. A rule may come from anybody.
func webAddress(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || display.Line(s) != s {
		return ""
	}
	return s
}

func latency(ms float64) string {
	unit := "ms"
	if ms <= -1000 || ms >= 1000 {
		ms, unit = ms/1000, "s"
	}
	if ms < 0 {
		return fmt.Sprintf("the host's clock is %.1f %s ahead", -ms, unit)
	}
	return fmt.Sprintf("%.1f %s after it happened", ms, unit)
}

func (u *ui) processBlock(a *types.Alert, f *fact.Fact) *processBlock {
	p := f.Process
	if p == nil {
		return nil
	}
	above := texts(sentence.Chain(p))
	slices.Reverse(above)
	b := &processBlock{
		Above: above, Executable: Text(sentence.Executable(p)), PID: p.PID, User: Text(sentence.User(f.User)),
		Command: Text(p.CommandLine), Directory: Text(p.WorkingDirectory), Started: Text(p.Start),
		SHA256: sentence.SHA256(p), Verdicts: texts(sentence.Verdicts(a, f)),
	}
	if started, err := time.Parse(time.RFC3339Nano, p.Start); err == nil {
		b.Started = Text(u.moment(started).Exact)
	}
	return b
}

func valuesOf(a *types.Alert) []value {
	var values []value
	for _, part := range slices.Sorted(maps.Keys(a.Values)) {
		v := a.Values[part]
		values = append(values, value{Text(part), Text(v), v == "true", v == "false"})
	}
	return values
}
