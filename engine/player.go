package engine

import (
	"errors"
	"fmt"
	"math"
	"time"

	"picket.internal/engine/rule"
)

// Player runs the tests of stateful rules: each in an engine of its own, with
// the rules that the tested one reads, by the clock of the test. It implements
// rule.Player.
type Player struct{}

// Play implements rule.Player. What goes on after a firing is part of it, and
// no alert of its own.
func (Player) Play(set *rule.Set, r *rule.Rule, t *rule.TestCase) (alerts int, detail string, err error) {
	e := New(Config{Matcher: NewLinear, MaxKeys: 1, ErrorEvery: math.MaxInt64})
	e.load(set, readBy(set, r))
	if h := e.active.Load().health[r.ID]; h.errors.Load() > 0 {
		return 0, "", errors.New(*h.lastError.Load())
	}
	count := func(found []Alert) {
		for i := range found {
			a := &found[i]
			switch {
			case a.Error != "":
				err = errors.Join(err, fmt.Errorf("rule %s: %s", a.Rule.ID, a.Error))
			case a.Rule.ID != r.ID || a.Window != nil && a.Window.Firing.Continued:
			default:
				if alerts++; detail == "" {
					detail = a.Message
				}
			}
		}
	}
	var last time.Time
	for i, s := range t.Steps {
		count(e.Advance(s.At))
		if s.Fact != nil {
			count(e.Process(&Input{Fact: s.Fact, Prevalence: t.Prevalence, Ref: fmt.Sprint(i)}, s.At))
		}
		last = s.At
	}
	if !last.IsZero() {
		count(e.Advance(last))
	}
	return alerts, detail, err
}

// readBy are the rules whose matches count for r, and r itself: all of them for
// a risk.
func readBy(set *rule.Set, r *rule.Rule) []*rule.Rule {
	var out []*rule.Rule
	seen := map[string]bool{}
	var take func(r *rule.Rule)
	take = func(r *rule.Rule) {
		if seen[r.ID] {
			return
		}
		seen[r.ID] = true
		out = append(out, r)
		if r.Correlation == nil {
			return
		}
		for _, id := range r.Correlation.Rules {
			if other, ok := set.Rule(id); ok {
				take(other)
			}
		}
	}
	take(r)
	if r.Risk != nil {
		for _, other := range set.Rules() {
			take(other)
		}
	}
	return out
}
