package rule_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// loadDocuments loads documents that must have no errors.
func loadDocuments(t testing.TB, docs ...string) *rule.Set {
	t.Helper()
	set, findings := rule.Load("test.yaml", []byte(strings.Join(docs, "---\n")))
	if set == nil {
		t.Fatalf("not loaded:\n%s", findings)
	}
	return set
}

func get(t testing.TB, set *rule.Set, id string) *rule.Rule {
	t.Helper()
	r, ok := set.Rule(id)
	if !ok {
		t.Fatalf("no rule %s", id)
	}
	return r
}

const ruleHead = "title: t\nstatus: test\nseverity: low\n"

var lastDay = time.Date(2027, 6, 30, 23, 59, 59, 0, time.UTC)

func TestExceptionsAndFiltersExcuse(t *testing.T) {
	set := loadDocuments(t,
		"id: a.rule\n"+ruleHead+`tags: [attack.t1105]
on: [process]
where: process.pid > 0
exceptions:
  - {name: fails, where: 'process.args[0] == "x"', owner: me}
  - {name: first, where: 'process.name == "a"', owner: me, expires: 2027-06-30}
  - {name: second, where: 'process.name in ["a", "b"]', owner: me}
`,
		"filter: late\nrules: [a.*]\nseverity: [low, high]\ntags: [attack.t1105]\nwhere: process.name == \"c\"\nowner: me\nexpires: 2027-06-30\n",
		"filter: other\nrules: [b.*]\nwhere: process.pid == 1\nowner: me\n")
	r := get(t, set, "a.rule")
	if len(set.Filters()) != 2 || len(r.Filters) != 1 || r.Filters[0].Name != "late" {
		t.Fatalf("%+v", r.Filters)
	}
	tests := []struct {
		name string
		now  time.Time
		want string
	}{
		{"a", lastDay, "first"}, {"a", lastDay.Add(time.Second), "second"}, {"b", lastDay, "second"},
		{"c", lastDay, "filter late"}, {"c", lastDay.Add(time.Second), ""}, {"d", lastDay, ""},
	}
	for _, tt := range tests {
		v := rule.NewVars(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{PID: 1, Name: tt.name}}, nil)
		excuse, err := r.Excused(v, tt.now)
		got := ""
		if excuse.Exception != nil {
			got = excuse.Exception.Name
		} else if excuse.Filter != nil {
			got = "filter " + excuse.Filter.Name
		}
		var problem *rule.EvalError
		if got != tt.want || excuse.Found() != (tt.want != "") || !errors.As(err, &problem) {
			t.Errorf("%s at %v: %q, %v", tt.name, tt.now, got, err)
		}
	}
}

func TestMacrosAreWrittenOut(t *testing.T) {
	set := loadDocuments(t,
		"list: shells\nvalues: [sh, bash]\n",
		"macro: shell\nwhere: process.name in lists.shells\n",
		"macro: interactive\nwhere: macros.shell && process.args.exists(a, a == \"-i\")\n",
		"macro: pid\nwhere: process.pid + 1\n",
		"id: a.rule\n"+ruleHead+"on: [process]\nwhere: macros.interactive && macros.pid > 2 && process.args.exists(a, macros.shell && a != \"\")\nmessage: '{{macros.pid}}'\n",
		"id: a.gated\n"+ruleHead+"on: [process]\nwhere: macros.shell\n")
	if r := get(t, set, "a.gated"); !r.Need().Exact() {
		t.Error("the condition as data does not see through a macro")
	}
	r := get(t, set, "a.rule")
	v := rule.NewVars(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{PID: 7, Name: "sh", Args: []string{"sh", "-i"}}}, nil)
	if ok, err := r.Evaluate(v); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	if text, err := r.RenderMessage(v); text != "8" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	values, err := r.Explain(v)
	if err != nil || values["process.name in lists.shells"] != "true" || values[`process.args.exists(a, a == "-i")`] != "true" {
		t.Errorf("%v, %v", values, err)
	}
	v = rule.NewVars(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{PID: 7, Name: "vi", Args: []string{"sh", "-i"}}}, nil)
	if ok, err := r.Evaluate(v); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

// What an alert tells of a rule's own list is what the author wrote.
func TestOwnListsOfTwoRules(t *testing.T) {
	doc := func(id, value string) string {
		return "id: " + id + "\n" + ruleHead + "on: [process]\nwhere: process.name in lists.own\nlists: {own: [" + value + "]}\n"
	}
	set := loadDocuments(t, doc("a.rule", "a"), doc("b.rule", "b"))
	v := rule.NewVars(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{Name: "b"}}, nil)
	if ok, _ := get(t, set, "a.rule").Evaluate(v); ok {
		t.Error("a.rule reads the list of b.rule")
	}
	b := get(t, set, "b.rule")
	if ok, err := b.Evaluate(v); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	if values, _ := b.Explain(v); values["process.name in lists.own"] != "true" {
		t.Errorf("%v", values)
	}
	if alone := load(t, doc("b.rule", "b")); alone.Version != b.Version {
		t.Error("the version depends on the rules beside it")
	}
}

func TestScoreAsExpression(t *testing.T) {
	r := load(t, document("process.pid > 0", onProcess, `score: 'process.pid * 10 / (process.pid - 3)'`))
	for pid, want := range map[int64]float64{2: 0, 4: 40, 13: 13, 1000: 10} {
		v := rule.NewVars(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{PID: pid}}, nil)
		if got, err := r.ScoreOf(v); got != want || err != nil {
			t.Errorf("pid %d: %v, %v", pid, got, err)
		}
	}
	v := rule.NewVars(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{PID: 3}}, nil)
	if got, err := r.ScoreOf(v); got != 20 || err == nil {
		t.Errorf("a score that fails: %v, %v", got, err)
	}
}

const correlated = `rules: [a.rule, b.rule]
  group-by: [host.id, program]
  timespan: 5m
  aliases: {program: {a.rule: process.executable, b.rule: process.parent.executable}}
`

func TestCorrelationHoldsWhatTheDocumentSays(t *testing.T) {
	set := loadDocuments(t,
		"id: a.rule\n"+ruleHead+"on: [process]\nwhere: process.pid == 1\n",
		"id: b.rule\n"+ruleHead+"on: [process]\nwhere: process.pid == 2\nalone: true\n",
		"id: c.rule\n"+ruleHead+"correlation:\n  type: temporal\n  "+correlated+"message: '{{window.count}} {{window.rules}} {{window.since}} {{process.name}}'\n",
		"id: d.rule\n"+ruleHead+"correlation:\n  type: value_percentile\n  condition: {gt: 5, lte: 9.5, field: process.pid, percentile: 95}\n  generate: true\n  lateness: 2m\n  max_groups: 5\n  "+correlated)
	want := &rule.Correlation{
		Type: rule.Temporal, Rules: []string{"a.rule", "b.rule"}, GroupBy: []string{"host.id", "program"},
		Timespan: 5 * time.Minute, Lateness: time.Minute, Condition: rule.Condition{{Op: "gte", Value: 2}}, MaxGroups: 10_000,
		Aliases: map[string]map[string]string{"program": {"a.rule": "process.executable", "b.rule": "process.parent.executable"}},
	}
	ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".nodes" }, cmp.Ignore())
	if diff := cmp.Diff(want, get(t, set, "c.rule").Correlation, ignore); diff != "" {
		t.Error(diff)
	}
	d := get(t, set, "d.rule").Correlation
	if !d.Generate || d.Lateness != 2*time.Minute || d.MaxGroups != 5 || d.Percentile != 95 || !slices.Equal(d.Fields, []string{"process.pid"}) ||
		d.Condition.Holds(5) || !d.Condition.Holds(9.5) || d.Condition.Holds(10) {
		t.Errorf("%+v", d)
	}
	if d.Reads("program", "b.rule") != "process.parent.executable" || d.Reads("host.id", "b.rule") != "host.id" {
		t.Error("an alias is not followed")
	}
	if !get(t, set, "a.rule").Silent || get(t, set, "b.rule").Silent || !get(t, set, "c.rule").Stateful() {
		t.Error("the wrong rules are silent")
	}
	v := rule.NewVars(processFact(), nil)
	v.SetWindow(&rule.Window{Count: 3, Rules: []string{"a.rule", "b.rule"}, Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	if text, err := get(t, set, "c.rule").RenderMessage(v); text != "3 a.rule b.rule 2026-01-01T00:00:00Z sh" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

func TestFieldReader(t *testing.T) {
	v := rule.NewVars(processFact(), nil)
	for name, want := range map[string]string{"process.pid": "42", "process.name": "sh", "process.working_directory": "", "process.exit_code": "0", "host.id": "h_1"} {
		r, ok := rule.Field(name)
		if !ok || r.Text(v) != want || r.Has(v) != (want != "") {
			t.Errorf("%s: %v, %q", name, ok, r.Text(v))
		}
	}
	for name, want := range map[string]float64{"process.pid": 42, "process.exit_code": 0} {
		if r, _ := rule.Field(name); !r.Numeric() {
			t.Errorf("%s is no number", name)
		} else if got, ok := r.Number(v); !ok || got != want {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
	if r, _ := rule.Field("process.name"); r.Numeric() {
		t.Error("a name is a number")
	}
	for _, name := range []string{"process", "process.args", "process.pidd", "", "prevalence"} {
		if _, ok := rule.Field(name); ok {
			t.Errorf("%q is a field with one value", name)
		}
	}
}

// The version changes with whatever decides, wherever it stands.
func TestVersionFollowsOtherDocuments(t *testing.T) {
	base := []string{
		"id: a.rule\n" + ruleHead + "on: [process]\nwhere: macros.m\n",
		"macro: m\nwhere: macros.n && process.pid > 1\n", "macro: n\nwhere: process.pid < 9\n",
		"filter: f\nrules: [a.*]\nwhere: process.pid == 5\nowner: me\n",
		"id: c.rule\n" + ruleHead + "correlation: {type: event_count, rules: [a.rule], timespan: 5m, condition: {gte: 2}}\n",
	}
	before := loadDocuments(t, base...)
	for name, change := range map[string]struct {
		at       int
		old, new string
		same     bool
	}{
		"a macro of a macro": {2, "9", "8", false},
		"a filter":           {3, "== 5", "== 6", false},
		"a filter's owner":   {3, "owner: me", "owner: you", true},
	} {
		docs := slices.Clone(base)
		docs[change.at] = strings.Replace(docs[change.at], change.old, change.new, 1)
		after := loadDocuments(t, docs...)
		for _, id := range []string{"a.rule", "c.rule"} {
			if same := get(t, before, id).Version == get(t, after, id).Version; same != change.same {
				t.Errorf("%s: the version of %s is the same: %v", name, id, same)
			}
		}
	}
}

// A rule that only feeds a correlation raises nothing twice.
func TestWhatFeedsACorrelationIsNoDuplicate(t *testing.T) {
	_, findings := rule.Load("x.yaml", []byte(`
id: a.alerts
title: t
status: test
severity: low
on: [process]
where: process.pid == 7
---
id: b.feeds
title: t
status: test
severity: low
on: [process]
where: process.pid == 7
---
id: c.many
title: t
status: test
severity: low
correlation: {type: event_count, rules: [b.feeds], timespan: 1m, condition: {gte: 2}}
`))
	for _, f := range findings {
		if f.Code == rule.CodeDuplicate {
			t.Error(f)
		}
	}
}
