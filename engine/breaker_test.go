package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"picket.internal/engine"
	"picket.internal/engine/rule"
)

// costly is an engine whose rule a.rule always costs too much, and whose rule
// b.rule always matches.
func costly(t *testing.T, kind string) *engine.Engine {
	t.Helper()
	e := engine.New(engine.Config{Matcher: func(entries []*engine.Entry) engine.Matcher {
		engine.Sabotage(entries[0], func(*rule.Rule, *rule.Vars) (bool, error) {
			return false, &rule.EvalError{ID: kind, Detail: "too much"}
		})
		return engine.NewIndexed(entries, nil)
	}})
	e.Load(set(t, doc("a.rule", `process.pid == 7`), doc("b.rule", `process.pid == 7`)))
	return e
}

// strike gives the engine n facts of a host that the costly rule fails on, one
// second apart, and returns the notices that a rule was switched off.
func strike(t *testing.T, e *engine.Engine, host string, n int, at time.Time) (notices []string) {
	t.Helper()
	for i := range n {
		other := false
		for _, a := range e.Process(process(host, "/tmp/x"), at.Add(time.Duration(i)*time.Second)) {
			other = other || a.Rule.ID == "b.rule"
			if strings.HasPrefix(a.Error, engine.ErrOff) {
				notices = append(notices, a.Error)
			}
		}
		if !other {
			t.Fatalf("fact %d of %s: the other rule did not match", i, host)
		}
	}
	return notices
}

func TestThreat_E2_RuleThatKeepsExceedingIsSwitchedOff(t *testing.T) {
	for _, kind := range []string{rule.ErrCost, rule.ErrTime} {
		e := costly(t, kind)
		if got := strike(t, e, "h_1", 9, noon); got != nil {
			t.Fatalf("after nine times: %v", got)
		}
		got := strike(t, e, "h_1", 1, noon.Add(9*time.Second))
		if len(got) != 1 || !strings.Contains(got[0], "for this host") || !strings.Contains(got[0], kind) {
			t.Fatalf("after ten times: %v", got)
		}
		if got := strike(t, e, "h_1", 50, noon.Add(10*time.Second)); got != nil {
			t.Errorf("it is told once: %v", got)
		}
		if s := e.Stats().Rules[0]; s.Off || s.OffHosts != 1 || s.Errors != 10 || s.Exceeded != 10 || s.Withheld != 50 || s.Evaluated != 10 {
			t.Errorf("%+v", s)
		}
	}
}

// One host must not switch a rule off for the others; several may.
func TestOneHostDoesNotBlindTheFleet(t *testing.T) {
	e := costly(t, rule.ErrCost)
	strike(t, e, "h_evil", 1000, noon)
	for i := range 3 {
		if got := strike(t, e, fmt.Sprint("h_", i), 10, noon); len(got) != 1 || !strings.Contains(got[0], "for this host") {
			t.Fatalf("host %d: %v", i, got)
		}
	}
	if e.Stats().Rules[0].Off {
		t.Fatal("four hosts switched it off for all")
	}
	if got := strike(t, e, "h_last", 10, noon); len(got) != 1 || !strings.Contains(got[0], "for all hosts") {
		t.Fatalf("the fifth host: %v", got)
	}
	before := e.Stats().Rules[0]
	strike(t, e, "h_new", 3, noon)
	if s := e.Stats().Rules[0]; !s.Off || s.Evaluated != before.Evaluated || s.Withheld != before.Withheld+3 {
		t.Errorf("%+v", s)
	}
}

func TestRareExcessesAndOtherErrorsSwitchNothingOff(t *testing.T) {
	e := costly(t, rule.ErrCost)
	for i := range 10 {
		if got := strike(t, e, "h_1", 9, noon.Add(time.Duration(i)*time.Minute)); got != nil {
			t.Fatalf("minute %d: %v", i, got)
		}
	}
	e = costly(t, rule.ErrEval)
	if got := strike(t, e, "h_1", 100, noon); got != nil || e.Stats().Rules[0].Exceeded != 0 {
		t.Errorf("%v, %+v", got, e.Stats().Rules[0])
	}
	// Hosts that nobody heard of before are bounded, and still counted.
	e = costly(t, rule.ErrCost)
	for i := range 3000 {
		strike(t, e, fmt.Sprint("h_", i), 1, noon)
	}
	if s := e.Stats().Rules[0]; s.Exceeded != 1010 || s.OffHosts != 1 {
		t.Errorf("%+v", s)
	}
}

func TestRuleComesBackByCommandOrChange(t *testing.T) {
	e := costly(t, rule.ErrCost)
	unchanged := e.Set()
	off := func() bool { return e.Stats().Rules[0].OffHosts > 0 }
	strike(t, e, "h_1", 10, noon)
	e.Load(unchanged)
	if !off() {
		t.Error("a reload without a change switched it on")
	}
	if e.Enable("no.rule") || !e.Enable("a.rule") || off() {
		t.Error("it is not enabled")
	}
	if got := strike(t, e, "h_1", 10, noon.Add(time.Hour)); len(got) != 1 {
		t.Errorf("it is not counted anew: %v", got)
	}
	e.Load(set(t, doc("a.rule", `process.pid in [7, 8]`), doc("b.rule", `process.pid == 7`)))
	if off() {
		t.Error("a changed rule stays off")
	}
	if engine.New(engine.Config{}).Enable("a.rule") {
		t.Error("enabled without rules")
	}
}
