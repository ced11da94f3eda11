package terminal_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/terminal"
)

// hostile is what hosts may call their processes and files.
func hostile(t *testing.T) []string {
	t.Helper()
	f, err := os.Open("../display/testdata/hostile.txt")
	must(t, err)
	defer f.Close()
	var names []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if line := lines.Text(); line != "" && line[0] != '#' {
			name, err := strconv.Unquote(line)
			must(t, err)
			names = append(names, name)
		}
	}
	if len(names) < 20 {
		t.Fatalf("only %d names", len(names))
	}
	return names
}

// named puts a text wherever a host can choose one.
func named(t *testing.T, kind fact.Kind, name string) (api.Alert, api.Host, api.StoredFact) {
	f := canaryFact()
	f.Kind, f.Host.Name = kind, name
	f.Canary.Path, f.Canary.ID = name, name
	p := f.Process
	p.Executable, p.Name, p.CommandLine, p.WorkingDirectory, p.Start = name, name, name, name, name
	p.Parent.Executable, p.Parent.Name, p.Ancestors = name, name, []string{name, name}
	f.User.Name = name
	f.Sensor = &fact.Sensor{Action: name, Reason: name, Cause: name, Source: name}
	f.Service = &fact.Service{Action: name, Name: name, State: name}
	a := alertOf(t, "high", name, name, name, f)
	a.Rule.Author, a.Rule.DerivedFrom, a.Rule.References = name, name, []string{name}
	a.Rule.Source = &api.RuleSource{Name: name, URL: name, Licence: name}
	a.Error, a.Values, a.Rule.Tags, a.Rule.Version, a.Rule.Status, a.State = name, map[string]string{name: name}, []string{name}, name, name, name
	h := api.Host{ID: name, Name: name, State: name, Sensor: api.HostSensor{Version: name, SHA256: name}, PinnedSHA256: "x", Kernel: name}
	return a, h, api.StoredFact{Cursor: name, Batch: api.Batch{Session: name, Digest: name}, Fact: raw(t, f)}
}

// Whatever a process is called: one row stays one row, an alert two, and no
// byte that a terminal acts upon comes through, be it a terminal or a pipe.
func TestThreat_H7_HostTextInATerminal(t *testing.T) {
	for _, name := range hostile(t) {
		for _, width := range []int{0, 100, 40} {
			for _, kind := range []fact.Kind{fact.KindCanary, fact.KindProcess, fact.KindSensor, fact.KindService, "unheard_of"} {
				a, h, f := named(t, kind, name)
				check := func(what string, lines int, print func(p *terminal.Printer) error) {
					t.Helper()
					var out bytes.Buffer
					o := options(&out)
					o.Width = width
					must(t, print(terminal.New(o)))
					checkHarmless(t, fmt.Sprintf("%s of %q (%s, width %d)", what, name, kind, width), out.String(), lines)
				}
				check("alert", 2, func(p *terminal.Printer) error { return p.Alert(&a) })
				check("alerts", 4, func(p *terminal.Printer) error { _, err := p.Alerts(seq(a, a)); return err })
				check("detail", 0, func(p *terminal.Printer) error { return p.ShowAlert(&a) })
				check("hosts", 2, func(p *terminal.Printer) error { _, err := p.Hosts(seq(h)); return err })
				check("fact", 1, func(p *terminal.Printer) error { return p.Fact(&f) })
				check("header", 4, func(p *terminal.Printer) error {
					return p.Up(terminal.Header{Host: name, User: name, Limits: []string{name}, UI: name, Touch: name, Watching: []string{name}})
				})
				grown := api.AlertGrowth{Event: api.EventMore, ID: name, Count: 9, Last: noon}
				check("more", 1, func(p *terminal.Printer) error { return p.More(&a, &grown) })
				linked := api.LinkedFact{Cursor: name, Batch: f.Batch, Fact: f.Fact}
				check("duplicates", 5, func(p *terminal.Printer) error {
					return p.AlertFacts(facts(api.AlertFacts{Alert: name, Unlinked: 1, Facts: []api.LinkedFact{linked}, Elsewhere: &api.FactsElsewhere{Host: name, Kind: name}}))
				})
				check("replay", 0, func(p *terminal.Printer) error { return p.Replay(report(name), terminal.Missing{}) })
				check("rules", 2, func(p *terminal.Printer) error {
					_, err := p.RunningRules(seq(api.RunningRule{ID: name, Status: name, Severity: name, LastError: name}))
					return err
				})
				check("error", 1, func(p *terminal.Printer) error { p.Error(fmt.Errorf("reading %s", name)); return nil })
			}
		}
	}
}

func checkHarmless(t *testing.T, what, out string, lines int) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("%s is not UTF-8: %q", what, out)
	}
	for _, r := range out {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%s lets %U through: %q", what, r, out)
			return
		}
	}
	if n := strings.Count(out, "\n"); lines > 0 && n != lines || !strings.HasSuffix(out, "\n") {
		t.Errorf("%s takes %d lines, want %d: %q", what, n, lines, out)
	}
}

// --json is valid JSON, one document a line, says exactly what the host said,
// and is as harmless to a terminal as the rest.
func TestThreat_H7_HostTextInJSON(t *testing.T) {
	for _, name := range hostile(t) {
		a, h, f := named(t, fact.KindCanary, name)
		var out bytes.Buffer
		o := options(&out)
		o.JSON = true
		p := terminal.New(o)
		must(t, p.Alert(&a))
		_, err := p.Alerts(seq(a))
		must(t, err)
		must(t, p.ShowAlert(&a))
		_, err = p.Hosts(seq(h))
		must(t, err)
		must(t, p.Fact(&f))
		checkHarmless(t, fmt.Sprintf("JSON of %q", name), out.String(), 5)
		documents := strings.Split(strings.TrimSpace(out.String()), "\n")
		var event terminal.AlertEvent
		var got api.Alert
		must(t, json.Unmarshal([]byte(documents[0]), &event))
		must(t, json.Unmarshal([]byte(documents[1]), &got))
		if event.Event != "alert" || event.Alert.Message != name || got.Message != name || got.Host.Name != name {
			t.Errorf("%q came out as %+v", name, got)
		}
		for i, document := range documents {
			if !jsontext.Value(document).IsValid() {
				t.Errorf("document %d of %q is not JSON: %s", i, name, document)
			}
		}
	}
}
