package terminal_test

import (
	"bytes"
	"iter"
	"strings"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/engine/replay"
	"picket.internal/terminal"
)

// report is one of a replay, with a text wherever a host or a rule has one.
func report(text string) *replay.Report {
	cost := replay.Cost{Samples: 12, MeanNS: 1234.5, MostNS: 45678, Facts: 90123}
	dear := cost
	dear.ID = "canary.read"
	return &replay.Report{From: noon, To: noon.Add(26 * time.Hour), Facts: 812403, Hosts: 14, Elapsed: 14200 * time.Millisecond, Version: "0123456789ab", Silent: 41,
		Rules: []replay.Rule{
			{ID: "canary.read", Title: "A canary file was read", Status: "stable", Severity: "high", Alerts: 12, Duplicates: 1032, Cost: &cost,
				Days:  []replay.Day{{Day: "2026-05-06", Alerts: 8, Duplicates: 1000}, {Day: "2026-05-07", Alerts: 4, Duplicates: 32}},
				Hosts: []replay.Count{{Value: "h_aaaaaaaaaaaaaaaaaaaaaaaaaa", Name: text, Alerts: 11}, {Value: "h_baaaaaaaaaaaaaaaaaaaaaaaaa", Alerts: 1}},
				Values: []replay.Values{{Field: "process.executable", Distinct: 9, Top: []replay.Count{{Value: text, Alerts: 3}}},
					{Field: "message", Distinct: 1, Top: []replay.Count{{Value: text + " was read", Alerts: 12}}}}},
			{ID: "web.fails", Title: text, Status: "test", Severity: "low", Shadow: true, Errors: 7, LastError: "no such key: " + text},
		},
		Dearest: []replay.Cost{dear}, Forgotten: 1, Panics: 2,
		Diff: &replay.Diff{Version: "ba9876543210", Rules: []replay.Difference{
			{ID: "canary.read", Change: replay.Changed, Alerts: 12, Before: 1204, Gained: 2, Lost: 1194, Partly: true},
			{ID: "web.fails", Change: replay.Added}}}}
}

func TestReplay(t *testing.T) {
	var out, notes bytes.Buffer
	o := options(&out)
	o.Err = &notes
	p := terminal.New(o)
	must(t, p.Replay(report("/usr/bin/cat"), terminal.Missing{Facts: 3, Batches: 1}))
	r := report("")
	r.Diff = &replay.Diff{Version: "0123456789ab", Same: true}
	r.Rules, r.Dearest = nil, nil
	must(t, p.Replay(r, terminal.Missing{}))
	must(t, p.Replay(&replay.Report{}, terminal.Missing{}))
	golden(t, "replay", append(out.Bytes(), notes.Bytes()...))
	out.Reset()
	o.JSON = true
	must(t, terminal.New(o).Replay(report("/usr/bin/cat"), terminal.Missing{Facts: 3}))
	golden(t, "replay-json", out.Bytes())
}

// What an alert's duplicates look like: in the list of its facts, in a stream
// when they come, and what is said of those that are not linked.
func TestDuplicates(t *testing.T) {
	var out bytes.Buffer
	p := terminal.New(options(&out))
	a := samples(t)[0]
	must(t, p.Alert(&a))
	must(t, p.More(&a, &api.AlertGrowth{Event: api.EventMore, ID: a.ID, Count: 42, Last: noon.Add(58 * time.Minute)}))
	f := api.LinkedFact{Cursor: "1.0.1.1", Received: noon, Fact: raw(t, canaryFact())}
	must(t, p.AlertFacts(facts(
		api.AlertFacts{Alert: a.ID, Count: 142, Linked: 3, Unlinked: 41, Next: "1", Facts: []api.LinkedFact{f, f}},
		api.AlertFacts{Alert: a.ID, Count: 142, Linked: 3, Unlinked: 41, Facts: []api.LinkedFact{f},
			Elsewhere: &api.FactsElsewhere{Host: "h_aaaaaaaaaaaaaaaaaaaaaaaaaa", Kind: "canary", Since: noon.UTC(), Until: noon.Add(time.Hour).UTC()}})))
	golden(t, "duplicates", out.Bytes())
	for _, line := range strings.Split(out.String(), "\n") {
		if runes := len([]rune(line)); runes > 100 && !strings.HasPrefix(line, "    picket facts query") {
			t.Errorf("%d columns: %s", runes, line)
		}
	}
}

func facts(pages ...api.AlertFacts) iter.Seq2[api.AlertFacts, error] { return seq(pages...) }

func TestRunningRules(t *testing.T) {
	var out bytes.Buffer
	p := terminal.New(options(&out))
	n, err := p.RunningRules(seq(
		api.RunningRule{ID: "canary.read", Status: "stable", Severity: "high", Alerts: 12, Matched: 1044, Suppressed: 1032, LastAlert: noon},
		api.RunningRule{ID: "web.shell", Status: "test", Severity: "medium", Shadow: true, ShadowAlerts: 3, Errors: 2},
		api.RunningRule{ID: "web.broken", Status: "stable", Severity: "low", Disabled: true}))
	if err != nil || n != 3 {
		t.Errorf("%d, %v", n, err)
	}
	golden(t, "rules", out.Bytes())
}

func TestRunningFilters(t *testing.T) {
	var out bytes.Buffer
	p := terminal.New(options(&out))
	n, err := p.RunningFilters(seq(
		api.RunningFilter{Name: "backup_tools", Owner: "storage team", Rules: 9, Hits: 41, Last: noon.Add(-3 * time.Minute), Expires: time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC)},
		api.RunningFilter{Name: "lab", Owner: "\x1b[31mops", Rules: 1, Expires: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), Expired: true},
		api.RunningFilter{Name: "idle", Owner: "ops"}))
	must(t, err)
	if n != 3 {
		t.Errorf("%d filters", n)
	}
	golden(t, "filters", out.Bytes())
}
