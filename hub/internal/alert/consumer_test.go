package alert_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/api"
	"picket.internal/engine"
	"picket.internal/engine/prevalence"
	"picket.internal/fact"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/store"
)

var errCrash = errors.New("the hub was killed")

// crashing kills the consumer around its commits.
type crashing struct {
	*store.Store
	rnd     *rand.Rand
	crashes int
}

func (s *crashing) Evaluate(ctx context.Context, e *store.Evaluation) error {
	n := s.rnd.IntN(4)
	if n == 0 { // before the commit
		s.crashes++
		return errCrash
	}
	if err := s.Store.Evaluate(ctx, e); err != nil {
		return err
	}
	if n == 1 { // after the commit, before the consumer hears of it
		s.crashes++
		return errCrash
	}
	return nil
}

// Next gives few batches at once, so that there are many commits to crash in.
func (s *crashing) Next(ctx context.Context, n int64, limit int) ([]*store.LogBatch, error) {
	return s.Store.Next(ctx, n, 1+s.rnd.IntN(4))
}

func TestCrashLosesAndDoublesNothing(t *testing.T) {
	l := newLog(t)
	const touches = 150
	for i := range touches {
		l.add(touch(fmt.Sprintf("/%d", i)))
	}
	rules := []string{
		ruleText("each", fact.KindCanary, `canary.action == "read"`, ""),
		ruleText("once", fact.KindCanary, `canary.action == "read"`, "suppress: {by: [canary.action], for: 1h}"),
	}
	s := &crashing{Store: l.Store, rnd: rand.New(rand.NewPCG(5, 6))}
	for !l.caughtUp() {
		// A crash takes the engine's memory along.
		if err := consume(t, s, newEngine(t, engine.Config{}, rules...), 0, l.caughtUp); err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	var once []int64
	for _, a := range l.alerts() {
		switch a.Rule.ID {
		case "each":
			seen[string(a.Facts[0])]++
		case "once":
			once = append(once, a.Count)
		}
	}
	if len(seen) != touches {
		t.Errorf("%d touches have an alert, want %d", len(seen), touches)
	}
	for f, n := range seen {
		if n != 1 {
			t.Errorf("%d alerts of %s", n, f)
		}
	}
	if diff := cmp.Diff([]int64{touches}, once); diff != "" {
		t.Errorf("counts of the suppressed rule after %d crashes (-want +got):\n%s", s.crashes, diff)
	}
	if s.crashes < 10 {
		t.Errorf("only %d crashes were tried", s.crashes)
	}
}

// full takes nothing for a while.
type full struct {
	*store.Store
	left atomic.Int32
}

func (s *full) Evaluate(ctx context.Context, e *store.Evaluation) error {
	if s.left.Add(-1) >= 0 {
		return fault.StoreFull
	}
	return s.Store.Evaluate(ctx, e)
}

func TestFullStoreIsTriedAgain(t *testing.T) {
	l := newLog(t)
	l.add(touch("/a"))
	s := &full{Store: l.Store}
	s.left.Store(3)
	err := consume(t, s, newEngine(t, engine.Config{}, ruleText("r", fact.KindCanary, `canary.action == "read"`, "")), 0,
		func() bool { return len(l.alerts()) > 0 })
	if err != nil || len(l.alerts()) != 1 {
		t.Errorf("%d alerts, %v; want 1", len(l.alerts()), err)
	}
}

func TestFailingRuleIsToldOnce(t *testing.T) {
	l := newLog(t)
	e := newEngine(t, engine.Config{}, ruleText("fails", fact.KindProcess, `process.args[5] == "x"`, ""), ruleText("works", fact.KindProcess, `process.pid == 0`, ""))
	for range 5 {
		l.add(run("a", "/bin/x"))
	}
	if err := consume(t, l, e, 0, func() bool { return l.caughtUp() && len(l.alerts()) == 5 }); err != nil {
		t.Fatal(err)
	}
	failing := l.notices(fact.FleetRuleFailing)
	if len(failing) != 1 || failing[0].Fleet.Rule != "fails" || failing[0].Host.ID != l.host {
		t.Errorf("notices are %+v, want one of the rule", failing)
	}
}

// notices lists the hub's own facts with an action.
func (l *log) notices(action string) []*fact.Fact {
	l.t.Helper()
	facts, err := l.Facts(l.t.Context(), api.FactQuery{Kind: string(fact.KindFleet)})
	if err != nil {
		l.t.Fatal(err)
	}
	var out []*fact.Fact
	for _, stored := range facts {
		f, _, err := fact.Parse(stored.Fact)
		if err != nil {
			l.t.Fatal(err)
		}
		if f.Fleet.Action == action {
			out = append(out, f)
		}
	}
	return out
}

// poisoned is an engine that fails on one path.
type poisoned struct{ engine.Matcher }

func (p poisoned) Match(in *engine.Input, emit func(engine.Match)) {
	if in.Fact.Canary != nil && in.Fact.Canary.Path == "/poison" {
		panic("poison")
	}
	p.Matcher.Match(in, emit)
}

func TestPanicOfTheEngineIsPassed(t *testing.T) {
	l := newLog(t)
	e := newEngine(t, engine.Config{Matcher: func(entries []*engine.Entry) engine.Matcher { return poisoned{engine.NewLinear(entries)} }},
		ruleText("r", fact.KindCanary, `canary.action == "read"`, ""))
	for _, path := range []string{"/a", "/poison", "/b"} {
		l.add(touch(path))
	}
	if err := consume(t, l, e, 0, func() bool { return l.caughtUp() && len(l.alerts()) == 2 }); err != nil {
		t.Fatal(err)
	}
	if n := len(l.notices(fact.FleetRuleFailing)); n != 1 {
		t.Errorf("%d notices, want 1", n)
	}
}

func TestRulesSeeHostAndPrevalence(t *testing.T) {
	l := newLog(t)
	e := newEngine(t, engine.Config{}, ruleText("new", fact.KindProcess, `host.name == "web1" && prevalence.first_in_fleet && prevalence.learned`, ""))
	l.add(run("a", "/bin/x"))
	if err := consume(t, l, e, time.Hour, l.caughtUp); err != nil || len(l.alerts()) != 0 {
		t.Errorf("%d alerts while learning, %v", len(l.alerts()), err)
	}
	l.add(run("a", "/bin/x"))
	l.add(run("b", "/bin/x"))
	if err := consume(t, l, e, 0, func() bool { return l.caughtUp() && len(l.alerts()) > 0 }); err != nil {
		t.Fatal(err)
	}
	alerts := l.alerts()
	if len(alerts) != 1 || !strings.Contains(string(alerts[0].Facts[0]), strings.Repeat("b", 64)) || alerts[0].Host.Name != "web1" {
		t.Errorf("alerts are %+v, want one about the second hash", alerts)
	}
	if strings.Contains(string(alerts[0].Facts[0]), "web1") {
		t.Error("the stored fact was changed")
	}
}

func TestPrevalence(t *testing.T) {
	l := newLog(t)
	other := l.enroll("web2")
	at := time.Now()
	var cursor int64
	// Every step is seen twice: by a memory that lives on, and by one that
	// starts from the store.
	living := prevalence.New(l, 1000)
	for i, step := range []struct {
		host, hash, path string
		want             fact.Prevalence
	}{
		{l.host, "a", "/bin/x", fact.Prevalence{Hosts: 1, FirstInFleet: true, FirstOnHost: true}},
		{l.host, "a", "/bin/x", fact.Prevalence{Hosts: 1}},
		{l.host, "a", "/bin/y", fact.Prevalence{Hosts: 1}},
		{other, "a", "/bin/x", fact.Prevalence{Hosts: 2, FirstOnHost: true}},
		{l.host, "b", "/bin/x", fact.Prevalence{Hosts: 1, FirstInFleet: true, FirstOnHost: true, PreviousSHA256: strings.Repeat("a", 64)}},
		{l.host, "a", "/bin/x", fact.Prevalence{Hosts: 2, PreviousSHA256: strings.Repeat("b", 64)}},
		{other, "b", "/bin/x", fact.Prevalence{Hosts: 2, FirstOnHost: true, PreviousSHA256: strings.Repeat("a", 64)}},
	} {
		f := run(step.hash, step.path)
		f.Host.ID = step.host
		at = at.Add(time.Second)
		fromStore, _, err := prevalence.New(l, 1000).Observe(t.Context(), &f, at)
		if err != nil {
			t.Fatal(err)
		}
		fromMemory, execution, err := living.Observe(t.Context(), &f, at)
		if err != nil {
			t.Fatal(err)
		}
		for name, got := range map[string]*fact.Prevalence{"store": fromStore, "memory": fromMemory} {
			if diff := cmp.Diff(&step.want, got); diff != "" {
				t.Errorf("step %d, from %s (-want +got):\n%s", i, name, diff)
			}
		}
		eval := &store.Evaluation{From: cursor, To: cursor + 1}
		cursor++
		if execution != nil {
			x := execution
			eval.Executions = append(eval.Executions, store.Execution{Host: x.Host, Path: x.Path, SHA256: x.SHA256, First: x.At, Last: x.At})
		}
		if err := l.Evaluate(t.Context(), eval); err != nil {
			t.Fatal(err)
		}
	}
	for name, f := range map[string]fact.Fact{"another kind": touch("/x"), "no hash": {Kind: fact.KindProcess, Process: &fact.Process{}}} {
		if p, x, err := living.Observe(t.Context(), &f, at); p != nil || x != nil || err != nil {
			t.Errorf("%s: %v %v %v, want nothing", name, p, x, err)
		}
	}
}

func TestAlertSaysWhoseWorkTheRuleIs(t *testing.T) {
	l := newLog(t)
	e := newEngine(t, engine.Config{}, ruleText("new", fact.KindProcess, `process.executable == "/bin/x"`,
		"source: {name: SigmaHQ, url: https://sigma.example, licence: DRL-1.1}\nrelated: [{id: d2d642d7, type: derived}]\nreferences: [https://a.example]\n"))
	l.add(run("a", "/bin/x"))
	if err := consume(t, l, e, 0, func() bool { return l.caughtUp() && len(l.alerts()) > 0 }); err != nil {
		t.Fatal(err)
	}
	r := l.alerts()[0].Rule
	if r.Author != "t" || r.DerivedFrom != "d2d642d7" || len(r.References) != 1 || r.Source == nil || *r.Source != (api.RuleSource{Name: "SigmaHQ", URL: "https://sigma.example", Licence: "DRL-1.1"}) {
		t.Errorf("the stored alert says of its rule %+v", r)
	}
}
