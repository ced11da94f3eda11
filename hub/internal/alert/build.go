package alert

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/api"
	"picket.internal/engine"
	"picket.internal/fact"
	"picket.internal/hub/internal/store"
)

// maxReason bounds what a notice quotes of an error.
const maxReason = 512

// add puts what the engine found in one fact into the evaluation.
func (e *evaluation) add(found []engine.Alert, in store.Entry, batch int64, received time.Time) {
	for i := range found {
		a := &found[i]
		var facts []jsontext.Value
		links := linksOf(a)
		if a.Facts != nil {
			facts = []jsontext.Value{jsontext.Value(in.Raw)}
			if here := (store.Link{Batch: batch, Pos: in.Pos}); !slices.Contains(links, here) {
				links = append(links, here)
			}
		}
		e.one(a, facts, links, received)
	}
}

// alone puts an alert that no fact raised into the evaluation.
func (e *evaluation) alone(a *engine.Alert, now time.Time) { e.one(a, nil, linksOf(a), now) }

func (e *evaluation) one(a *engine.Alert, facts []jsontext.Value, links []store.Link, received time.Time) {
	switch {
	case a.Error != "":
		e.Notices = append(e.Notices, failing(a))
	case a.Suppressed:
		if len(links) > 1 {
			links = links[len(links)-1:] // the others hang on the alert already
		}
		e.Repeats = append(e.Repeats, store.Repeat{Key: a.Key, Time: a.Time, Links: links})
	default:
		e.Alerts = append(e.Alerts, alertOf(a, facts, links, received))
	}
}

// linksOf are the facts that a stateful rule counted, oldest first.
func linksOf(a *engine.Alert) []store.Link {
	if a.Window == nil {
		return nil
	}
	var out []store.Link
	for _, ref := range a.Window.Firing.Facts {
		if l, err := linkOf(ref); err == nil { // what was restored is the engine's own, of this version or older
			out = append(out, l)
		}
	}
	return out
}

// alertOf is an alert as it is stored. Its facts are the bytes that the host
// signed: what the hub knows beside them is in the alert itself.
func alertOf(a *engine.Alert, facts []jsontext.Value, links []store.Link, received time.Time) store.NewAlert {
	out := store.NewAlert{
		Alert: api.Alert{
			Time: a.Time, Severity: a.Severity, Score: a.Score, Message: a.Message, Host: a.Host,
			Rule:   ruleOf(a),
			Facts:  facts,
			Values: a.Values, Count: 1, State: api.StateNew, Shadow: a.Shadow,
		},
		Key: a.Key, Links: links,
	}
	if a.SuppressFor > 0 {
		out.SuppressSince, out.SuppressUntil = received, received.Add(a.SuppressFor)
	}
	if w := a.Window; w != nil {
		out.Alert.Window = &api.Window{Count: w.Count, Value: w.Value, Since: w.Firing.Since, Group: w.Group, Rules: w.Rules}
		for _, p := range w.Firing.Parts {
			l, err := linkOf(p.Fact)
			if err != nil {
				continue
			}
			out.Alert.Parts = append(out.Alert.Parts, api.Part{Rule: p.Rule, Score: math.Round(p.Score*10) / 10, Time: p.Time})
			out.Parts = append(out.Parts, l)
		}
	}
	return out
}

// ruleOf is what an alert keeps of its rule, whose work it is with it.
func ruleOf(a *engine.Alert) api.Rule {
	r := &a.Rule
	out := api.Rule{ID: r.ID, Title: r.Title, Version: r.Version, Status: r.Status, Severity: r.Severity, Tags: r.Tags,
		Author: r.Author, DerivedFrom: r.DerivedFrom, References: r.References, Response: a.Response}
	if r.Source != nil {
		out.Source = &api.RuleSource{Name: r.Source.Name, URL: r.Source.URL, Licence: r.Source.Licence}
	}
	return out
}

// failing is the notice of a rule that could not be evaluated.
func failing(a *engine.Alert) *fact.Fact {
	reason := strings.ToValidUTF8(a.Error, "?")
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "")
	}
	return &fact.Fact{Kind: fact.KindFleet, Host: a.Host, Fleet: &fact.Fleet{Action: fact.FleetRuleFailing, Rule: a.Rule.ID, Reason: reason}}
}
