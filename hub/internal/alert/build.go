package alert

import (
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
		links := []store.Link{{Batch: batch, Pos: in.Pos}}
		switch {
		case a.Error != "":
			e.Notices = append(e.Notices, failing(a))
		case a.Suppressed:
			e.Repeats = append(e.Repeats, store.Repeat{Key: a.Key, Time: a.Time, Links: links})
		default:
			e.Alerts = append(e.Alerts, alertOf(a, in, links, received))
		}
	}
}

// alertOf is an alert as it is stored. Its facts are the bytes that the host
// signed: what the hub knows beside them is in the alert itself.
func alertOf(a *engine.Alert, in store.Entry, links []store.Link, received time.Time) store.NewAlert {
	out := store.NewAlert{
		Alert: api.Alert{
			Time: a.Time, Severity: a.Severity, Score: a.Score, Message: a.Message, Host: a.Host,
			Rule:   ruleOf(&a.Rule),
			Facts:  []jsontext.Value{jsontext.Value(in.Raw)},
			Values: a.Values, Count: 1, State: api.StateNew, Shadow: a.Shadow,
		},
		Key: a.Key, Links: links,
	}
	if a.SuppressFor > 0 {
		out.SuppressSince, out.SuppressUntil = received, received.Add(a.SuppressFor)
	}
	return out
}

// ruleOf is what an alert keeps of its rule, whose work it is with it.
func ruleOf(r *engine.RuleRef) api.Rule {
	out := api.Rule{ID: r.ID, Title: r.Title, Version: r.Version, Status: r.Status, Severity: r.Severity, Tags: r.Tags,
		Author: r.Author, DerivedFrom: r.DerivedFrom, References: r.References}
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
