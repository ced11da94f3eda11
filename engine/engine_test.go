package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"picket.internal/engine"
	"picket.internal/engine/internal/sample"
	"picket.internal/engine/rule"
	"picket.internal/fact"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func set(t testing.TB, docs ...string) *rule.Set {
	t.Helper()
	s, findings := rule.Load("test.yaml", []byte(strings.Join(docs, "---\n")))
	if s == nil {
		t.Fatal(findings)
	}
	return s
}

func doc(id, where string, more ...string) string {
	return fmt.Sprintf("id: %s\ntitle: title of %s\nstatus: test\nseverity: high\non: [process]\nwhere: |\n  %s\n%s\n", id, id, where, strings.Join(more, "\n"))
}

func loaded(t testing.TB, docs ...string) *engine.Engine {
	t.Helper()
	e := engine.New(engine.Config{})
	e.Load(set(t, docs...))
	return e
}

var factCount int

func process(host, executable string) *engine.Input {
	factCount++
	return &engine.Input{Fact: &fact.Fact{
		ID: fmt.Sprintf("01J%023d", factCount), Time: noon, Kind: fact.KindProcess, Host: fact.Host{ID: host, Name: "web-1"},
		Process: &fact.Process{Action: "start", PID: 7, Executable: executable},
	}}
}

func rulesOf(alerts []engine.Alert) []string {
	var out []string
	for _, a := range alerts {
		out = append(out, a.Rule.ID)
	}
	return out
}

func TestEveryRuleThatMatchesAlerts(t *testing.T) {
	e := loaded(t, doc("b.rule", `process.pid == 7`), doc("a.rule", `process.executable == "/tmp/x"`), doc("c.rule", `process.pid == 8`),
		strings.Replace(doc("d.canary", `canary.action == "read"`), "[process]", "[canary]", 1))
	if diff := cmp.Diff([]string{"a.rule", "b.rule"}, rulesOf(e.Process(process("h_1", "/tmp/x"), noon))); diff != "" {
		t.Error(diff)
	}
	if got := e.Process(&engine.Input{Fact: &fact.Fact{Kind: "new_kind"}}, noon); got != nil {
		t.Errorf("a kind that no rule is about: %v", got)
	}
	if got := e.Process(&engine.Input{}, noon); got != nil {
		t.Errorf("no fact: %v", got)
	}
	if got := engine.New(engine.Config{}).Process(process("h_1", "/tmp/x"), noon); got != nil {
		t.Errorf("no rules: %v", got)
	}
}

func TestAlertHoldsItsEvidence(t *testing.T) {
	e := loaded(t, doc("a.rule", `process.executable.under("/tmp")`, `message: "{{process.executable}} on {{host.name}}"`, "score: 33", "tags: [attack.execution]", "author: Ada",
		"source: {name: SigmaHQ, url: https://sigma.example, licence: DRL-1.1}", "related: [{id: a.b, type: similar}, {id: d2d642d7, type: derived}]", "references: [a, b, c, d, e, f]",
		"suppress: {by: [process.executable], for: 1h}", "response: [kill]"))
	in := process("h_1", "/tmp/x")
	got := e.Process(in, noon.Add(time.Hour))
	want := []engine.Alert{{
		Rule: engine.RuleRef{ID: "a.rule", Title: "title of a.rule", Version: e.Set().Rules()[0].Version, Status: "test", Severity: "high", Score: 33, Tags: []string{"attack.execution"},
			Author: "Ada", Source: &rule.Source{Name: "SigmaHQ", URL: "https://sigma.example", Licence: "DRL-1.1"}, DerivedFrom: "d2d642d7", References: []string{"a", "b", "c", "d", "e"}},
		Severity: "high", Score: 33, Message: "/tmp/x on web-1", Host: in.Fact.Host, Time: noon,
		Key: got[0].Key, SuppressFor: time.Hour, Facts: []*fact.Fact{in.Fact}, Shadow: true,
		Values: map[string]string{"process.executable": "/tmp/x", `process.executable.under("/tmp")`: "true"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(got[0].Key, "a.rule/h_1/") {
		t.Errorf("key %q", got[0].Key)
	}
}

func TestPrevalenceReachesTheRules(t *testing.T) {
	e := loaded(t, doc("a.rule", `prevalence.first_in_fleet && prevalence.learned`, `message: "{{prevalence.hosts}}"`))
	in := process("h_1", "/tmp/x")
	if got := e.Process(in, noon); got != nil {
		t.Errorf("without prevalence: %v", got)
	}
	in.Prevalence = &fact.Prevalence{FirstInFleet: true, Learned: true, Hosts: 1}
	if got := e.Process(in, noon); len(got) != 1 || got[0].Message != "1" {
		t.Errorf("%+v", got)
	}
}

func TestStatusDecidesWhatAnAlertIs(t *testing.T) {
	tests := "tests: [{name: a, facts: [{kind: process, process: {pid: 7}}], alerts: 1}, {name: b, facts: [{kind: process, process: {pid: 1}}], alerts: 0}]"
	for status, want := range map[string]string{"stable": "alert", "test": "shadow", "experimental": "shadow", "deprecated": "nothing"} {
		e := loaded(t, strings.Replace(doc("a.rule", `process.pid == 7`, tests), "status: test", "status: "+status, 1))
		got := "nothing"
		if alerts := e.Process(process("h_1", "/x"), noon); len(alerts) == 1 {
			got = map[bool]string{true: "shadow", false: "alert"}[alerts[0].Shadow]
		}
		if got != want {
			t.Errorf("%s rules: %s, wanted %s", status, got, want)
		}
	}
}

func TestDuplicatesAreToldAsSuch(t *testing.T) {
	e := loaded(t, doc("a.rule", `process.pid == 7`, "suppress: {by: [process.executable], for: 1h}"))
	first := process("h_1", "/tmp/x")
	steps := []struct {
		name       string
		in         *engine.Input
		at         time.Duration
		suppressed bool
	}{
		{"the first", first, 0, false},
		{"the same fact again, as after a crash", first, time.Second, false},
		{"a duplicate", process("h_1", "/tmp/x"), time.Minute, true},
		{"another executable", process("h_1", "/tmp/y"), time.Minute, false},
		{"another host", process("h_2", "/tmp/x"), time.Minute, false},
		{"just before the end", process("h_1", "/tmp/x"), time.Hour - 1, true},
		{"after the end", process("h_1", "/tmp/x"), time.Hour, false},
		{"a duplicate of that", process("h_1", "/tmp/x"), 90 * time.Minute, true},
		{"the clock stepped back a little", process("h_1", "/tmp/x"), 30 * time.Minute, true},
		{"the clock stepped back far", process("h_1", "/tmp/x"), -240 * time.Hour, false},
	}
	keys := map[string]bool{}
	for _, s := range steps {
		got := e.Process(s.in, noon.Add(s.at))
		if len(got) != 1 || got[0].Suppressed != s.suppressed {
			t.Errorf("%s: %+v", s.name, got)
			continue
		}
		keys[got[0].Key] = true
		if s.suppressed && (got[0].Message != "" || got[0].Values != nil || got[0].Key == "" || len(got[0].Facts) != 1) {
			t.Errorf("%s: %+v", s.name, got[0])
		}
	}
	if len(keys) != 3 {
		t.Errorf("%d keys, wanted 3", len(keys))
	}
	if s := e.Stats().Rules[0]; s.Matched != uint64(len(steps)) || s.Suppressed != 4 {
		t.Errorf("%+v", s)
	}
}

func TestSuppressionSurvivesSnapshotAndReload(t *testing.T) {
	rules := set(t, doc("a.rule", `process.pid == 7`, "suppress: {by: [process.executable], for: 1h}"))
	e := engine.New(engine.Config{})
	e.Load(rules)
	e.Process(process("h_1", "/tmp/x"), noon)
	e.Load(rules)
	if got := e.Process(process("h_1", "/tmp/x"), noon.Add(time.Minute)); !got[0].Suppressed {
		t.Error("a reload forgot what was alerted")
	}
	again := engine.New(engine.Config{})
	again.Load(rules)
	again.Restore(e.Snapshot())
	if got := again.Process(process("h_1", "/tmp/x"), noon.Add(time.Minute)); !got[0].Suppressed {
		t.Error("a restored engine forgot what was alerted")
	}
	if diff := cmp.Diff(uint64(2), again.Snapshot().Windows[0].Count); diff != "" {
		t.Error(diff)
	}
}

func TestThreat_E3_ErrorIsCountedAndReturned(t *testing.T) {
	e := loaded(t, doc("a.rule", `process.args[0] == "x"`), doc("b.rule", `process.pid == 7`))
	got := e.Process(process("h_1", "/tmp/x"), noon)
	if diff := cmp.Diff([]string{"a.rule", "b.rule"}, rulesOf(got)); diff != "" {
		t.Fatal(diff)
	}
	if !strings.HasPrefix(got[0].Error, rule.ErrEval+": ") || got[0].Message != "" || got[1].Error != "" {
		t.Errorf("%+v", got)
	}
	// Returned once an hour and host, counted each time.
	if got := e.Process(process("h_1", "/tmp/x"), noon.Add(time.Minute)); len(got) != 1 {
		t.Errorf("%+v", got)
	}
	if got := e.Process(process("h_2", "/tmp/x"), noon.Add(time.Minute)); len(got) != 2 {
		t.Errorf("another host: %+v", got)
	}
	if got := e.Process(process("h_1", "/tmp/x"), noon.Add(time.Hour)); len(got) != 2 {
		t.Errorf("an hour later: %+v", got)
	}
	if s := e.Stats().Rules[0]; s.Errors != 4 || s.Matched != 0 || s.LastError == "" || s.Disabled {
		t.Errorf("%+v", s)
	}
}

// A failing rule makes a fact, and a rule may be about such facts: its own
// failures must not make more of them.
func TestFailuresDoNotMakeFailures(t *testing.T) {
	e := loaded(t, strings.Replace(doc("a.rule", `1 / (fleet.count - fleet.count) == 1`), "[process]", "[fleet]", 1))
	in := &engine.Input{Fact: &fact.Fact{ID: "01J00000000000000000000001", Kind: fact.KindFleet, Fleet: &fact.Fleet{Action: fact.FleetRuleFailing, Rule: "a.rule"}}}
	if got := e.Process(in, noon); got != nil {
		t.Errorf("%+v", got)
	}
	if e.Stats().Rules[0].Errors != 1 {
		t.Error("not counted")
	}
}

func TestThreat_E2_OtherRulesStillRun(t *testing.T) {
	e := loaded(t, doc("a.costly", `process.args.exists(a, process.args.exists(b, a == b + "x"))`), doc("b.rule", `process.pid == 7`))
	in := process("h_1", "/tmp/x")
	for range 2000 {
		in.Fact.Process.Args = append(in.Fact.Process.Args, strings.Repeat("y", 200))
	}
	got := e.Process(in, noon)
	if len(got) != 2 || !strings.HasPrefix(got[0].Error, rule.ErrCost) && !strings.HasPrefix(got[0].Error, rule.ErrTime) || got[1].Rule.ID != "b.rule" || got[1].Error != "" {
		t.Errorf("%+v", got)
	}
}

func TestThreat_E7_RuleThatPanicsIsDisabled(t *testing.T) {
	rules := set(t, doc("a.bad", `process.pid == 7`), doc("b.rule", `process.pid == 7`))
	calls := 0
	e := engine.New(engine.Config{Matcher: func(entries []*engine.Entry) engine.Matcher {
		engine.Sabotage(entries[0], func(*rule.Rule, *rule.Vars) (bool, error) {
			calls++
			panic("index out of range")
		})
		return engine.NewLinear(entries)
	}})
	e.Load(rules)
	got := e.Process(process("h_1", "/tmp/x"), noon)
	if len(got) != 2 || got[0].Error != rule.ErrPanic+": index out of range" || got[1].Rule.ID != "b.rule" {
		t.Fatalf("%+v", got)
	}
	if got := e.Process(process("h_1", "/tmp/x"), noon); len(got) != 1 || calls != 1 {
		t.Errorf("the rule is still asked: %+v", got)
	}
	if s := e.Stats().Rules[0]; !s.Disabled || s.Errors != 1 {
		t.Errorf("%+v", s)
	}
	e.Load(rules)
	if e.Stats().Rules[0].Disabled {
		t.Error("a new set gives every rule another chance")
	}
}

func TestStats(t *testing.T) {
	if s := engine.New(engine.Config{}).Stats(); s.Version != "" || s.Rules != nil {
		t.Errorf("%+v", s)
	}
	e := loaded(t, doc("a.told", `process.pid == 7`)+"---\n"+doc("b.asked", `process.pid % 7 == 0`))
	e.Process(process("h_1", "/tmp/x"), noon)
	want := []engine.RuleStats{
		{ID: "a.told", Evaluated: 1, Matched: 1}, // as data, without the full condition
		{ID: "b.asked", Evaluated: 1, Full: 1, Cost: 4, Matched: 1},
	}
	if diff := cmp.Diff(want, e.Stats().Rules, cmpopts.IgnoreFields(engine.RuleStats{}, "Time")); diff != "" {
		t.Error(diff)
	}
	if s := e.Stats(); s.Version != e.Set().Version() || s.Rules[0].Time <= 0 {
		t.Errorf("%+v", s)
	}
}

// Matching is asking every rule about the kind, no more and no less.
func TestLinearAgreesWithAskingEveryRule(t *testing.T) {
	rules := withSamples(t, 100)
	matcher := engine.NewLinear(engine.Entries(rules))
	src := sample.New(11)
	for range 300 {
		f, p := src.Fact(), src.Prevalence()
		var got, want []string
		matcher.Match(&engine.Input{Fact: f, Prevalence: p}, func(m engine.Match) { got = append(got, fmt.Sprint(m.Entry.Rule.ID, m.Err != nil)) })
		v := rule.NewVars(f, p)
		for _, r := range rules.Rules() {
			for _, kind := range r.On {
				if kind != f.Kind {
					continue
				}
				if matched, err := r.EvaluateDirect(v); matched || err != nil {
					want = append(want, fmt.Sprint(r.ID, err != nil))
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-asked +matched)\n%s", diff)
		}
	}
}

// Hosts are processed at the same time while rules are swapped beneath them.
func TestConcurrentProcessAndLoad(t *testing.T) {
	one, other := withSamples(t, 20), set(t, doc("a.rule", `process.pid >= 0`, "suppress: {by: [process.executable], for: 1s}"))
	e := engine.New(engine.Config{MaxKeys: 10})
	e.Load(one)
	ctx, stop := context.WithCancel(t.Context())
	var hosts, swapper sync.WaitGroup
	swapper.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			e.Load([]*rule.Set{one, other}[i%2])
			e.Restore(e.Snapshot())
			e.Stats()
		}
	})
	for h := range 4 {
		hosts.Go(func() {
			src := sample.New(uint64(h))
			for i := range 300 {
				f := src.Fact()
				f.Host.ID = fmt.Sprintf("h_%d", h)
				for _, a := range e.Process(&engine.Input{Fact: f, Prevalence: src.Prevalence()}, noon.Add(time.Duration(i)*time.Second)) {
					if a.Host.ID != f.Host.ID || a.Facts[0] != f {
						t.Errorf("an alert about another host's fact: %+v", a)
					}
				}
			}
		})
	}
	hosts.Wait()
	stop()
	swapper.Wait()
}
