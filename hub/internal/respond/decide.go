package respond

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/fact"
	"picket.internal/hub/internal/store"
	"picket.internal/policies"
	"picket.internal/strictjson"
)

const (
	// alertsAtOnce is how many alerts are read from the store at a time.
	alertsAtOnce = 100
	// stale is how old an alert may be, by its host's clock, to lead to
	// something without a person: what a host tells when it is back after days
	// is no emergency.
	stale = 15 * time.Minute
	// fleetHosts bounds on how many hosts all policies together act within an
	// hour without a person.
	fleetHosts = 20
)

// DefaultHostActions is how often all policies together act on one host within
// an hour, where nothing else is said.
const DefaultHostActions = 30

// step responds to the alerts stored since the last one.
func (d *Desk) step(ctx context.Context) (more bool, err error) {
	after, err := d.cfg.Store.RespondedTo(ctx)
	if err != nil {
		return false, err
	}
	if after == "" {
		after = api.FirstCursor
	}
	alerts, err := d.cfg.Store.AlertsAfter(ctx, after, alertsAtOnce)
	if err != nil || len(alerts) == 0 {
		return false, err
	}
	end := time.Now().Add(hashFollows)
	for i := range alerts {
		if err := d.respond(ctx, &alerts[i], end); err != nil {
			return false, fmt.Errorf("responding to alert %s: %w", alerts[i].ID, err)
		}
	}
	_, _, err = d.cfg.Store.AddResponses(ctx, alerts[len(alerts)-1].ID, nil)
	return len(alerts) == alertsAtOnce, err
}

// respond does what the policies say about an alert. Where it is interrupted
// the alert is read again, and what was kept already is found by its spot.
func (d *Desk) respond(ctx context.Context, a *api.Alert, end time.Time) error {
	d.countUnknown(a)
	var facts []*fact.Fact
	for _, p := range d.policies() {
		if !p.Matches(a) {
			continue
		}
		if facts == nil {
			facts = factsOf(a)
			if err := d.complete(ctx, a.Host.ID, facts, end); err != nil {
				return err
			}
		}
		// A receipt that leads to a token that leads to a receipt goes on for ever.
		if slices.ContainsFunc(facts, func(f *fact.Fact) bool { return f.Kind == fact.KindReceipt }) && !p.Pairs(a) {
			continue
		}
		for _, action := range p.Actions {
			if err := d.decide(ctx, p, action, a, facts); err != nil {
				return err
			}
		}
	}
	return nil
}

func factsOf(a *api.Alert) []*fact.Fact {
	out := []*fact.Fact{}
	for _, raw := range a.Facts {
		if f, _, err := fact.Parse(raw); err == nil {
			out = append(out, f)
		}
	}
	return out
}

// decide makes one response.
func (d *Desk) decide(ctx context.Context, p *policies.Policy, action policies.Action, a *api.Alert, facts []*fact.Fact) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	target, err := d.cfg.Store.Target(ctx, a.Host.ID)
	if errors.Is(err, api.ErrNotFound) {
		return nil // an alert about the hub itself
	}
	if err != nil {
		return err
	}
	r := store.NewResponse{Host: a.Host.ID, Policy: p.Name, Title: p.Title, Alert: a.ID, Action: action.Name, Args: []byte("{}"), Mode: action.Mode,
		Reason: reasonOf(a), Group: p.Group, Signatures: action.Signatures, Valid: action.Valid}
	args, err := argsOf(action, facts)
	if err == nil {
		if r.Args, err = strictjson.Encode(args); err != nil {
			return err
		}
		err = d.free(ctx, &r, p, action, a, target)
	} else {
		r.State, r.Why, err = api.ResponseFailed, err.Error(), nil
	}
	if err != nil {
		return err
	}
	r.Spot = spotOf(p, action, r.Host, r.Args)
	ids, fresh, err := d.cfg.Store.AddResponses(ctx, "", []store.NewResponse{r})
	if err != nil || !fresh[0] {
		return err
	}
	d.cfg.Stats.Add("response."+r.State, 1)
	d.cfg.Logger.Info("response", "id", ids[0], "policy", p.Name, "action", action.Name, "host", r.Host, "state", r.State, "why", r.Why)
	if r.State == api.ResponseQueued {
		return d.issueQueued(ctx, ids[0])
	}
	return nil
}

// free decides how freely: the state of the response and why.
func (d *Desk) free(ctx context.Context, r *store.NewResponse, p *policies.Policy, action policies.Action, a *api.Alert, target store.Target) error {
	switch action.Mode {
	case policies.DryRun:
		r.State = api.ResponseDryRun
		return nil
	case policies.Ask:
		r.State, r.Why = api.ResponseWaiting, "the policy asks a person"
		if action.Signatures > 0 {
			r.Why = "the policy asks for the signatures of " + fmtCount(action.Signatures, "operator")
		}
		return nil
	}
	why, err := d.bound(ctx, p, a, target)
	if err != nil {
		return err
	}
	if why != "" {
		r.State, r.Why = api.ResponseWaiting, why
		id, _, _ := strings.Cut(why, ":")
		d.cfg.Stats.Add(id, 1)
		return nil
	}
	r.State, r.Automatic = api.ResponseQueued, true
	return nil
}

// bound is why the policy may not act on its own; empty where it may.
func (d *Desk) bound(ctx context.Context, p *policies.Policy, a *api.Alert, target store.Target) (why string, err error) {
	now := d.now()
	pause, err := d.cfg.Store.Pause(ctx)
	switch {
	case err != nil:
		return "", err
	case pause.Paused:
		return "action.paused: " + pause.Reason, nil
	case target.State != api.HostEnrolled:
		return "action.host_suspect: the host is " + target.State, nil
	case p.Limits.Never(target.ID, target.Name, target.Labels):
		return "action.never_here: the policy never acts on this host by itself", nil
	case !p.Limits.Within(now):
		return "action.outside_hours: the policy does not act by itself at this time", nil
	case now.Sub(a.Time) > stale:
		return "action.stale: it happened " + now.Sub(a.Time).Round(time.Minute).String() + " ago", nil
	}
	if why, err := d.last(ctx, p, target, now); why != "" || err != nil {
		return why, err
	}
	return d.budget(ctx, p, target.ID, now)
}

// last is why the policy must leave the host alone because of its labels: it is
// the last of them that nothing contains. A host that is contained already takes
// nothing more away.
func (d *Desk) last(ctx context.Context, p *policies.Policy, target store.Target, now time.Time) (why string, err error) {
	for _, label := range p.Limits.Kept(target.Labels) {
		free, err := d.cfg.Store.Uncontained(ctx, label, now)
		if err != nil {
			return "", err
		}
		if len(free) == 0 || len(free) == 1 && free[0] == target.ID {
			return fmt.Sprintf("action.last_host: no other host with the label %q is heard and not contained", label), nil
		}
	}
	return "", nil
}

// budget counts hosts: a second action on the same host costs nothing, so that
// one incident is not contained by half.
func (d *Desk) budget(ctx context.Context, p *policies.Policy, host string, now time.Time) (why string, err error) {
	hour := now.Add(-time.Hour)
	fleet, err := d.cfg.Store.FleetSize(ctx)
	if err != nil {
		return "", err
	}
	own, err := d.cfg.Store.AutomaticHosts(ctx, p.Name, hour)
	if err != nil {
		return "", err
	}
	all, err := d.cfg.Store.AutomaticHosts(ctx, "", hour)
	if err != nil {
		return "", err
	}
	within := func(hosts map[string]int, most int) bool { return hosts[host] > 0 || len(hosts) < most }
	switch most := p.Limits.Hosts(fleet); {
	case !within(own, most):
		return fmt.Sprintf("action.budget_exceeded: the policy has acted on %d hosts within an hour, and %d are allowed", len(own), most), nil
	case !within(all, fleetHosts):
		return fmt.Sprintf("action.budget_exceeded: policies have acted on %d hosts within an hour, and %d are allowed", len(all), fleetHosts), nil
	case all[host] >= d.cfg.HostActions:
		return fmt.Sprintf("action.budget_exceeded: policies have acted %d times on this host within an hour", all[host]), nil
	}
	return "", nil
}

// argsOf aims an action by the first fact that says enough.
func argsOf(action policies.Action, facts []*fact.Fact) (args eat.Args, err error) {
	if action.Whole() {
		return action.Args(new(fact.Fact))
	}
	err = fmt.Errorf("%w: the alert carries no facts", policies.ErrMissing)
	for _, f := range facts {
		if args, err = action.Args(f); err == nil {
			return args, nil
		}
	}
	return nil, err
}

// spotOf is what makes two responses one. What is aimed at the host as a whole
// is done once an incident, whatever its arguments. A dry run stands for nothing
// but itself: it must not be in the way of what is meant.
func spotOf(p *policies.Policy, action policies.Action, host string, args []byte) string {
	spot := p.Name + " " + action.Name + " " + action.Mode + " " + host
	if action.Whole() {
		return spot
	}
	sum := sha256.Sum256(args)
	return spot + " " + hex.EncodeToString(sum[:])
}

// maxReason is what a token takes, with room for "alert", an id and a colon.
const maxReason = 200

// reasonOf says which alert and which rule: nothing in it is host-made.
func reasonOf(a *api.Alert) string { return "alert " + a.ID + ": " + plain(a.Rule.Title) }

// plain is one line of text as a token takes it.
func plain(s string) string {
	s = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s), "?")
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "")
	}
	return s
}
