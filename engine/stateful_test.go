package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/engine/window"
	"picket.internal/fact"
)

const head = "id: %[1]s\ntitle: title of %[1]s\nstatus: test\nseverity: high\n"

func stateful(id string, more ...string) string {
	return fmt.Sprintf(head, id) + strings.Join(more, "\n") + "\n"
}

func login(host, user, outcome string, at time.Duration) *engine.Input {
	factCount++
	return &engine.Input{Ref: fmt.Sprintf("%d.0", factCount), Fact: &fact.Fact{
		ID: fmt.Sprintf("01J%023d", factCount), Time: noon.Add(at), Kind: fact.KindLogin, Host: fact.Host{ID: host, Name: host},
		Login: &fact.Login{Action: fact.Added, Service: "sshd", Outcome: outcome}, User: &fact.User{Name: user},
	}}
}

const (
	failed   = "on: [login]\nwhere: login.outcome == \"failure\""
	accepted = "on: [login]\nwhere: login.outcome == \"success\""
)

// run gives facts to an engine, each at its own time, and lists what alerts.
func run(e *engine.Engine, facts ...*engine.Input) []string {
	var out []string
	for _, in := range facts {
		for _, a := range e.Process(in, in.Fact.Time) {
			out = append(out, describe(a))
		}
	}
	return out
}

func describe(a engine.Alert) string {
	s := a.Rule.ID
	if a.Suppressed {
		s += " again"
	}
	if a.Error != "" {
		s += " failed"
	}
	return s
}

func failures(n int) []*engine.Input {
	var out []*engine.Input
	for i := range n {
		out = append(out, login("h_1", "root", "failure", time.Duration(i)*time.Second))
	}
	return out
}

func TestCorrelationSilencesWhatItReadsUnlessToldOtherwise(t *testing.T) {
	count := "correlation: {type: event_count, rules: [a.failed], group-by: [host.id, user.name], timespan: 1m, condition: {gte: 3}%s}"
	for _, tc := range []struct {
		name, rule, correlation string
		want                    []string
	}{
		{"silent", "", "", []string{"b.many", "b.many again"}},
		{"generate", "", ", generate: true", []string{"a.failed", "a.failed", "a.failed", "b.many", "a.failed", "b.many again"}},
		{"alone", "alone: true", "", []string{"a.failed", "a.failed", "a.failed", "b.many", "a.failed", "b.many again"}},
	} {
		e := loaded(t, stateful("a.failed", failed, tc.rule), stateful("b.many", fmt.Sprintf(count, tc.correlation)))
		if diff := cmp.Diff(tc.want, run(e, failures(4)...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestCorrelationGroupsAndTellsItsEvidence(t *testing.T) {
	e := loaded(t, stateful("a.failed", failed),
		stateful("b.many", `message: "{{window.count}} failures of {{user.name}}"`,
			"correlation: {type: event_count, rules: [a.failed], group-by: [host.id, user.name], timespan: 1m, condition: {gte: 2}}"))
	first := login("h_1", "root", "failure", 0)
	run(e, first, login("h_1", "ada", "failure", time.Second), login("h_2", "root", "failure", 2*time.Second))
	last := login("h_1", "root", "failure", 3*time.Second)
	alerts := e.Process(last, last.Fact.Time)
	if len(alerts) != 1 {
		t.Fatalf("%d alerts", len(alerts))
	}
	a := alerts[0]
	if a.Message != "2 failures of root" || a.Host.ID != "h_1" || a.Key == "" {
		t.Errorf("alert %+v", a)
	}
	if diff := cmp.Diff(map[string]string{"host.id": "h_1", "user.name": "root"}, a.Window.Group); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{first.Ref, last.Ref}, a.Window.Firing.Facts); diff != "" {
		t.Errorf("evidence (-want +got):\n%s", diff)
	}
}

func TestFactWithoutItsGroupIsCountedAndNotGuessed(t *testing.T) {
	e := loaded(t, stateful("a.failed", failed),
		stateful("b.many", "correlation: {type: event_count, rules: [a.failed], group-by: [user.name], timespan: 1m, condition: {gte: 2}}"))
	for range 3 {
		in := login("h_1", "", "failure", 0)
		in.Fact.User = nil
		if got := run(e, in); got != nil {
			t.Errorf("%q", got)
		}
	}
	if s := e.Stats().Rules[1]; s.Ungrouped != 3 {
		t.Errorf("ungrouped %d", s.Ungrouped)
	}
}

func TestCorrelationOfCorrelations(t *testing.T) {
	e := loaded(t, stateful("a.failed", failed), stateful("b.accepted", accepted),
		stateful("c.many", "correlation: {type: event_count, rules: [a.failed], group-by: [host.id, user.name], timespan: 1m, condition: {gte: 3}}"),
		stateful("d.broken_in", "correlation: {type: temporal_ordered, rules: [c.many, b.accepted], group-by: [host.id, user.name], timespan: 10m}"))
	in := append(failures(3), login("h_1", "ada", "success", 4*time.Second), login("h_1", "root", "success", 5*time.Second))
	if diff := cmp.Diff([]string{"d.broken_in"}, run(e, in...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNewTermsLearnThenFire(t *testing.T) {
	e := loaded(t, stateful("a.new", accepted, "new_terms: {fields: [user.name], group-by: [host.id], within: 30d}"))
	learning := login("h_1", "root", "success", 0)
	learning.Learning = true
	got := run(e, learning, login("h_1", "root", "success", time.Minute), login("h_1", "ada", "success", 2*time.Minute),
		login("h_1", "ada", "success", 3*time.Minute), login("h_2", "ada", "success", 4*time.Minute), login("h_1", "ada", "success", 40*24*time.Hour))
	if diff := cmp.Diff([]string{"a.new", "a.new", "a.new"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAbsenceIsToldOnceWithoutAnyFact(t *testing.T) {
	e := loaded(t, stateful("a.backup", accepted, `message: "nothing of {{window.group[0]}} since {{window.since}}"`,
		"absence: {within: 1h, group-by: [host.id]}"))
	if got := run(e, login("h_1", "backup", "success", 0)); got != nil {
		t.Fatalf("%q", got)
	}
	if got := e.Advance(noon.Add(59 * time.Minute)); got != nil {
		t.Errorf("too early: %+v", got)
	}
	alerts := e.Advance(noon.Add(61 * time.Minute))
	if len(alerts) != 1 || alerts[0].Host.ID != "h_1" || alerts[0].Facts != nil || !strings.HasPrefix(alerts[0].Message, "nothing of h_1 since 2026-01-01") {
		t.Fatalf("alerts %+v", alerts)
	}
	if got := e.Advance(noon.Add(24 * time.Hour)); got != nil {
		t.Errorf("again: %+v", got)
	}
	run(e, login("h_1", "backup", "success", 25*time.Hour))
	if got := e.Advance(noon.Add(27 * time.Hour)); len(got) != 1 {
		t.Errorf("heard of and silent again: %d alerts", len(got))
	}
}

// stable is a rule that alerts in earnest, with the tests that it needs for it.
func stable(id string, more ...string) string {
	return strings.Replace(stateful(id, more...), "status: test", "status: stable", 1) + `tests:
  - {name: fires, alerts: 1, facts: [{kind: login, login: {action: added, outcome: failure}}]}
  - {name: silent, alerts: 0, facts: [{kind: login, login: {action: added, outcome: success}}]}
`
}

func TestRiskAddsUpAlertsAndNamesThem(t *testing.T) {
	e := loaded(t, stable("a.failed", failed, "score: 40"),
		stateful("b.shadow", failed, "score: 100"), // on trial: it weighs nothing
		stateful("r.host", "risk: {of: host, at_least: 100, half_life: 1d}"))
	in := failures(3)
	var risk []engine.Alert
	for _, one := range in {
		for _, a := range e.Process(one, one.Fact.Time) {
			if a.Rule.ID == "r.host" {
				risk = append(risk, a)
			}
		}
	}
	if len(risk) != 1 {
		t.Fatalf("%d risk alerts", len(risk))
	}
	var parts []string
	for _, p := range risk[0].Window.Firing.Parts {
		parts = append(parts, fmt.Sprintf("%s %s %.0f", p.Rule, p.Fact, p.Score))
	}
	slices.Sort(parts)
	want := []string{"a.failed " + in[0].Ref + " 40", "a.failed " + in[1].Ref + " 40", "a.failed " + in[2].Ref + " 40"}
	if diff := cmp.Diff(want, parts); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

func TestExceptionsAndFiltersAreAskedOnAMatchAndCounted(t *testing.T) {
	e := loaded(t, stateful("a.failed", failed, "exceptions:", "  - {name: robot, where: user.name == \"robot\", owner: ops}"),
		"filter: lab\nrules: [a.*]\nwhere: host.name == \"h_lab\"\nowner: ops\n")
	got := run(e, login("h_1", "robot", "failure", 0), login("h_lab", "root", "failure", 0), login("h_1", "root", "failure", 0), login("h_1", "robot", "success", 0))
	if diff := cmp.Diff([]string{"a.failed"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s := e.Stats()
	if r := s.Rules[0]; r.Excused != 2 || r.Exceptions["robot"] != 1 || r.Matched != 1 {
		t.Errorf("rule %+v", r)
	}
	if len(s.Filters) != 1 || s.Filters[0].Hits != 1 || !s.Filters[0].Last.Equal(noon) {
		t.Errorf("filters %+v", s.Filters)
	}
}

// What a restart in mid-window makes of a correlation is nothing.
func TestRestartInMidWindow(t *testing.T) {
	docs := []string{stateful("a.failed", failed),
		stateful("b.many", "correlation: {type: event_count, rules: [a.failed], group-by: [host.id], timespan: 1m, condition: {gte: 3}}")}
	in := failures(4)
	whole := run(loaded(t, docs...), in...)
	for cut := range in {
		before := loaded(t, docs...)
		got := run(before, in[:cut]...)
		var kept []window.Record
		kept = append(kept, before.Changes()...)
		after := loaded(t, docs...)
		after.RestoreWindows(kept)
		got = append(got, run(after, in[cut:]...)...)
		if diff := cmp.Diff(whole, got); diff != "" {
			t.Errorf("restarted after %d (-want +got):\n%s", cut, diff)
		}
	}
}

func TestReloadInMidWindowKeepsWhatMeansTheSame(t *testing.T) {
	docs := func(condition, wording string) []string {
		return []string{stateful("a.failed", failed),
			stateful("b.many", "correlation: {type: event_count, rules: [a.failed], group-by: [host.id], timespan: 1m, condition: {gte: "+condition+"}}", "description: "+wording)}
	}
	for _, tc := range []struct {
		name string
		next []string
		want []string
	}{
		{"another wording", docs("3", "new"), []string{"b.many"}},
		{"another condition", docs("4", "old"), nil},
	} {
		e := loaded(t, docs("3", "old")...)
		in := failures(3)
		run(e, in[:2]...)
		e.Load(set(t, tc.next...))
		if diff := cmp.Diff(tc.want, run(e, in[2])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestStatefulTestsArePlayed(t *testing.T) {
	set := set(t, stateful("a.failed", failed),
		stateful("b.many", "correlation: {type: event_count, rules: [a.failed], group-by: [host.id], timespan: 1m, condition: {gte: 3}}", `tests:
  - name: three in a minute
    facts: [{repeat: 5, fact: {kind: login, login: {action: added, outcome: failure}}}]
    alerts: 1
  - name: three in an hour
    facts:
      - {kind: login, login: {action: added, outcome: failure}}
      - {advance: 20m}
      - {kind: login, login: {action: added, outcome: failure}}
      - {advance: 20m}
      - {kind: login, login: {action: added, outcome: failure}}
    alerts: 0
  - name: wrong
    facts: [{kind: login, login: {action: added, outcome: failure}}]
    alerts: 1`),
		stateful("c.silent", failed, "absence: {within: 1h, group-by: [host.id]}", `tests:
  - name: silent
    facts: [{kind: login, login: {action: added, outcome: failure}}, {advance: 2h}]
    alerts: 1`))
	var got []string
	for _, r := range rule.TestWith(set, engine.Player{}) {
		got = append(got, fmt.Sprintf("%s %s %v %d", r.Rule, r.Name, r.Passed, r.Got))
	}
	want := []string{"b.many three in a minute true 1", "b.many three in an hour true 0", "b.many wrong false 0", "c.silent silent true 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What a rule asks to be remembered is held against what can be, before it runs.
func TestCheckRefusesWhatCannotBeRemembered(t *testing.T) {
	s := set(t, stateful("a.failed", failed),
		stateful("b.many", "correlation: {type: event_count, rules: [a.failed], group-by: [host.id], timespan: 1m, condition: {gte: 1000000}}"))
	findings := engine.Check(s)
	if len(findings) != 1 || !findings.HasErrors() || findings[0].Line == 0 || findings[0].Code != rule.CodeCorrelation {
		t.Errorf("findings %v", findings)
	}
}

// Nothing is done about a host because of a rule that is still on trial.
func TestThreat_E6_RuleOnTrialActsOnNothing(t *testing.T) {
	e := loaded(t, stateful("a.trial", failed, "response: [isolate]"), stable("b.trusted", failed, "response: [isolate]"))
	in := login("h_1", "root", "failure", 0)
	got := map[string][]string{}
	for _, a := range e.Process(in, in.Fact.Time) {
		got[a.Rule.ID] = a.Response
	}
	if diff := cmp.Diff(map[string][]string{"a.trial": nil, "b.trusted": {"isolate"}}, got); diff != "" {
		t.Errorf("responses (-want +got):\n%s", diff)
	}
}
