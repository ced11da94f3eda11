package hub

import (
	"context"
	"time"

	types "picket.internal/api"
	"picket.internal/hub/internal/enroll"
	"picket.internal/hub/internal/store"
)

// reader is what API and web page ask: the store, and what only the whole hub
// knows.
type reader struct {
	*store.Store
	hub  *Hub
	desk *enroll.Desk
}

// Status tells how the hub is.
func (r *reader) Status(context.Context) (types.Status, error) {
	h := r.hub
	counters := h.stats.Counters()
	for name, n := range h.api.Counters() {
		counters[name] += n
	}
	engine := h.engine.Stats()
	evicted := engine.Evicted
	for _, s := range engine.Rules {
		counters["rule.matched"] += int64(s.Matched)
		counters["rule.errors"] += int64(s.Errors)
		counters["rule.excused"] += int64(s.Excused)
		if s.Disabled {
			counters["rule.disabled"]++
		}
		if s.Window != nil {
			evicted += s.Window.Evicted + s.Window.TermsEvicted
			counters["rule.late"] += int64(s.Window.Late)
		}
		if s.Off || s.OffHosts > 0 {
			counters["rule.off"]++
		}
	}
	counters["rule.state_evicted"] = int64(evicted)
	rules := h.rules.status()
	rules.Warnings = h.respond.UnknownPolicies()
	return types.Status{Hub: h.home.Hub, Version: h.cfg.version(), Started: h.started, Rules: rules, Counters: counters}, nil
}

// CreateEnrollToken makes a token that lets a host in.
func (r *reader) CreateEnrollToken(ctx context.Context, req types.EnrollTokenRequest) (types.EnrollTokenReply, error) {
	return r.desk.CreateToken(ctx, req)
}

// Rules lists the rules that run.
func (r *reader) Rules(ctx context.Context) ([]types.RunningRule, error) {
	alerts, err := r.Store.AlertsByRule(ctx)
	if err != nil {
		return nil, err
	}
	return r.hub.rules.running(alerts), nil
}

// RuleFiles returns the files that they were loaded from.
func (r *reader) RuleFiles(context.Context) ([]types.RuleFile, error) {
	return r.hub.rules.documents(), nil
}

// EnableRule switches a rule on again.
func (r *reader) EnableRule(ctx context.Context, id string) error {
	if !r.hub.engine.Enable(id) {
		return types.ErrNotFound
	}
	return r.Store.RecordChange(ctx, "rule.enabled", id, nil)
}

// Authorize checks an access token, and has the log tell who came in.
func (r *reader) Authorize(ctx context.Context, id, secret string) error {
	return r.hub.logins.Authorize(ctx, id, secret)
}

// Filters lists the filters of the rules that run.
func (r *reader) Filters(context.Context) ([]types.RunningFilter, error) {
	now := time.Now
	if r.hub.cfg.Now != nil {
		now = r.hub.cfg.Now
	}
	return r.hub.rules.filters(now()), nil
}
