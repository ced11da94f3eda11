package engine

import (
	"picket.internal/engine/rule"
	"picket.internal/engine/suppress"
	"picket.internal/engine/window"
	"picket.internal/fact"
)

// Window is what a stateful rule saw when it fired.
type Window struct {
	Count int64             `json:"count"`
	Value float64           `json:"value"`
	Group map[string]string `json:"group,omitempty"` // values by the key of group-by
	Rules []string          `json:"rules,omitempty"`
	// Firing is all of it. Its Facts are Input.Refs, oldest first.
	Firing *window.Firing `json:"-"`
}

// alone takes a firing that no fact brought about: time has. The host is the
// one that its group was opened by, and the message has the group to go by.
func (p *pass) alone(firing *window.Firing) {
	f := &fact.Fact{ID: firing.Time.String(), Host: fact.Host{ID: firing.Host}, Time: firing.Time} // the id tells it from other times, no more
	p.in.Fact, p.in.Ref = f, ""
	p.in.vars.Reset(f, nil)
	p.fired(firing)
}

func windowOf(f *window.Firing) *rule.Window {
	return &rule.Window{Count: f.Count, Value: f.Value, Since: f.Since, Rules: f.Rules, Group: f.Group}
}

// remembered adds to an alert what its rule saw.
func remembered(alert *Alert, r *rule.Rule, f *window.Firing) {
	w := &Window{Count: f.Count, Value: f.Value, Rules: f.Rules, Firing: f, Group: map[string]string{}}
	for i, key := range groupBy(r) {
		if i < len(f.Group) {
			w.Group[key] = f.Group[i]
		}
	}
	alert.Window = w
	if alert.Time.IsZero() {
		alert.Time = f.Time
	}
}

// keyOf is what an alert's duplicates have in common; ok is false where the
// rule has none. What goes on after a firing is a duplicate of it.
func keyOf(in *Input, r *rule.Rule, f *window.Firing) (key suppress.Key, ok bool) {
	switch {
	case r.Suppress != nil:
		return suppress.NewKey(r.ID, in.Fact.Host.ID, r.SuppressValues(in.vars)), true
	case f != nil:
		return suppress.NewKey(r.ID, "", f.Group), true
	}
	return suppress.Key{}, false
}
