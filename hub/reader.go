package hub

import (
	"context"

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
	for _, s := range engine.Rules {
		counters["rule.matched"] += int64(s.Matched)
		counters["rule.errors"] += int64(s.Errors)
		if s.Disabled {
			counters["rule.disabled"]++
		}
		if s.Off || s.OffHosts > 0 {
			counters["rule.off"]++
		}
	}
	counters["rule.state_evicted"] = int64(engine.Evicted)
	return types.Status{Hub: h.home.Hub, Version: h.cfg.version(), Started: h.started, Rules: h.rules.status(), Counters: counters}, nil
}

// CreateEnrollToken makes a token that lets a host in.
func (r *reader) CreateEnrollToken(ctx context.Context, req types.EnrollTokenRequest) (types.EnrollTokenReply, error) {
	return r.desk.CreateToken(ctx, req)
}
