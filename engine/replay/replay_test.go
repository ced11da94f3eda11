package replay_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"picket.internal/engine/replay"
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

var count int

// at is a process of a host that the hub heard of some time after noon. The
// host's own clock is wrong: nothing may go by it.
func at(after time.Duration, host, executable string, hash ...string) replay.Item {
	count++
	f := &fact.Fact{ID: fmt.Sprintf("01J%023d", count), Time: noon.Add(-1000 * time.Hour), Kind: fact.KindProcess, Host: fact.Host{ID: host},
		Process: &fact.Process{Action: "start", PID: 7, Executable: executable}}
	for _, sum := range hash {
		f.Process.Hash = &fact.Hash{SHA256: strings.Repeat(sum, 64)}
	}
	return replay.Item{Received: noon.Add(after), Fact: f}
}

func pages(items ...replay.Item) iter.Seq2[[]replay.Item, error] {
	return func(yield func([]replay.Item, error) bool) {
		for _, it := range items {
			if !yield([]replay.Item{it}, nil) {
				return
			}
		}
	}
}

func run(t *testing.T, cfg replay.Config, items ...replay.Item) *replay.Report {
	t.Helper()
	r, err := replay.Run(t.Context(), cfg, pages(items...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReportCountsByRuleAndDay(t *testing.T) {
	s := set(t,
		doc("tmp.run", `process.executable.startsWith("/tmp/")`, `message: "{{process.executable}} runs"`, `suppress: {by: [process.executable], for: 1h}`),
		doc("never", `process.pid == 8`),
		doc("fails", `process.args[3] == "x"`))
	r := run(t, replay.Config{Set: s, Names: map[string]string{"h_1": "web1"}},
		at(0, "h_1", "/tmp/a"), at(time.Minute, "h_1", "/tmp/a"), at(2*time.Hour, "h_1", "/tmp/a"),
		at(3*time.Hour, "h_2", "/tmp/b"), at(24*time.Hour, "h_1", "/tmp/a"), at(25*time.Hour, "h_1", "/usr/bin/c"))
	want := replay.Rule{ID: "tmp.run", Title: "title of tmp.run", Status: "test", Severity: "high", Shadow: true, Alerts: 4, Duplicates: 1,
		Days:  []replay.Day{{Day: "2026-01-01", Alerts: 3, Duplicates: 1}, {Day: "2026-01-02", Alerts: 1}},
		Hosts: []replay.Count{{Value: "h_1", Name: "web1", Alerts: 3}, {Value: "h_2", Alerts: 1}},
		Values: []replay.Values{
			{Field: "process.executable", Distinct: 2, Top: []replay.Count{{Value: "/tmp/a", Alerts: 3}, {Value: "/tmp/b", Alerts: 1}}},
			{Field: "message", Distinct: 2, Top: []replay.Count{{Value: "/tmp/a runs", Alerts: 3}, {Value: "/tmp/b runs", Alerts: 1}}},
		}}
	if len(r.Rules) != 2 || r.Rules[1].ID != "fails" || r.Rules[1].Errors != 6 || r.Rules[1].LastError == "" || r.Rules[1].Alerts != 0 {
		t.Fatalf("rules: %+v", r.Rules)
	}
	if diff := cmp.Diff(want, r.Rules[0], cmpopts.IgnoreFields(replay.Rule{}, "Cost")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if r.Silent != 1 || r.Facts != 6 || r.Hosts != 2 || r.From != noon || r.To != noon.Add(25*time.Hour) || r.Diff != nil {
		t.Errorf("summary: %+v", r)
	}
}

// The other set runs over the same facts, so that the difference is that of the
// rules and of nothing else.
func TestDifference(t *testing.T) {
	before := set(t, doc("a.same", `process.executable == "/tmp/a"`), doc("b.wider", `process.executable == "/tmp/b"`), doc("c.gone", `process.executable == "/tmp/a"`))
	now := set(t, doc("a.same", `process.executable == "/tmp/a"`), doc("b.wider", `process.executable.startsWith("/tmp/") && process.executable != "/tmp/b"`), doc("d.new", `process.pid == 7`))
	items := func() []replay.Item {
		return []replay.Item{at(0, "h_1", "/tmp/a"), at(1, "h_1", "/tmp/b"), at(2, "h_1", "/tmp/c"), at(3, "h_1", "/tmp/c")}
	}
	r := run(t, replay.Config{Set: now, Against: before}, items()...)
	want := &replay.Diff{Version: before.Version(), Rules: []replay.Difference{
		{ID: "b.wider", Change: replay.Changed, Alerts: 3, Before: 1, Gained: 3, Lost: 1},
		{ID: "c.gone", Change: replay.Removed, Before: 1, Lost: 1},
		{ID: "d.new", Change: replay.Added, Alerts: 4, Gained: 4},
	}}
	if diff := cmp.Diff(want, r.Diff); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if r := run(t, replay.Config{Set: now, Against: now}, items()...); !r.Diff.Same || len(r.Diff.Rules) != 0 {
		t.Errorf("a set against itself: %+v", r.Diff)
	}
}

// First times are learned from the first fact on, and mean nothing before a host
// was watched for long enough.
func TestPrevalenceIsLearnedFromTheFactsAlone(t *testing.T) {
	s := set(t, doc("first", `prevalence.first_in_fleet`), doc("first.learned", `prevalence.first_on_host && prevalence.learned`))
	r := run(t, replay.Config{Set: s, LearnFor: time.Hour},
		at(0, "h_1", "/bin/a", "a"), at(time.Minute, "h_2", "/bin/a", "a"), at(time.Minute, "h_1", "/bin/b", "b"),
		at(2*time.Hour, "h_1", "/bin/a", "a"), at(2*time.Hour, "h_1", "/bin/c", "c"), at(2*time.Hour, "h_3", "/bin/c", "c"))
	got := map[string]int64{}
	for _, one := range r.Rules {
		got[one.ID] = one.Alerts
	}
	if diff := cmp.Diff(map[string]int64{"first": 3, "first.learned": 1}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestOnlyOneRule(t *testing.T) {
	s := set(t, doc("a", `process.pid == 7`), doc("b", `process.pid == 7`), doc("c", `process.pid == 8`))
	r := run(t, replay.Config{Set: s, Only: "b"}, at(0, "h_1", "/tmp/a"))
	if len(r.Rules) != 1 || r.Rules[0].ID != "b" || r.Silent != 0 {
		t.Errorf("%+v", r)
	}
	if r = run(t, replay.Config{Set: s, Only: "c"}, at(0, "h_1", "/tmp/a")); len(r.Rules) != 0 || r.Silent != 1 {
		t.Errorf("%+v", r)
	}
}

// What rules cost is measured on real facts of their kinds.
func TestCost(t *testing.T) {
	dear := `process.args.exists(a, process.args.exists(b, a + b == "never"))`
	s := set(t, doc("cheap", `process.pid == 8`), doc("dear", dear), strings.Replace(doc("other", `canary.action == "read"`), "[process]", "[canary]", 1))
	var items []replay.Item
	for range 400 {
		it := at(0, "h_1", "/bin/x")
		it.Fact.Process.Args = strings.Split(strings.Repeat("argument ", 6), " ")
		items = append(items, it)
	}
	r := run(t, replay.Config{Set: s}, items...)
	if len(r.Dearest) != 2 || r.Dearest[0].ID != "dear" || r.Dearest[0].Samples < 2 || r.Dearest[0].Facts != 400 || r.Dearest[0].Total() <= r.Dearest[1].Total() {
		t.Errorf("%+v", r.Dearest)
	}
}

func TestRunEnds(t *testing.T) {
	s := set(t, doc("a", `process.pid == 7`))
	broken := errors.New("broken")
	ctx, cancel := context.WithCancel(t.Context())
	for name, tc := range map[string]struct {
		items iter.Seq2[[]replay.Item, error]
		want  error
	}{
		"with an error of its source": {func(yield func([]replay.Item, error) bool) { yield(nil, broken) }, broken},
		"when nobody waits any more": {func(yield func([]replay.Item, error) bool) {
			cancel()
			for yield([]replay.Item{at(0, "h_1", "/x")}, nil) {
			}
		}, context.Canceled},
	} {
		use := ctx
		if tc.want == broken {
			use = t.Context()
		}
		if r, err := replay.Run(use, replay.Config{Set: s, Against: set(t, doc("b", `process.pid == 7`))}, tc.items); r != nil || !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	if r := run(t, replay.Config{Set: s}); r.Facts != 0 || len(r.Rules) != 0 || r.Silent != 1 {
		t.Errorf("nothing at all: %+v", r)
	}
}
