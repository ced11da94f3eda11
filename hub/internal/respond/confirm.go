package respond

import (
	"context"
	"time"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/hub/internal/audit"
	"picket.internal/hub/internal/store"
	"picket.internal/policies"
)

// confirm answers the receipt of an isolation with a token that does nothing: a
// wrapper takes an isolation back after a minute unless the hub was heard since.
// It is no decision of a policy, so neither a pause nor a budget holds it up.
// Each isolation is confirmed once. What fails here is tried again, since the
// sensor sends again what it has no answer for.
func (d *Desk) confirm(ctx context.Context, receipts []store.Receipt) error {
	var list []store.NewResponse
	for _, r := range receipts {
		if r.Action != eat.ActionIsolateNetwork || r.Outcome != eat.OutcomeDone {
			continue
		}
		list = append(list, store.NewResponse{
			Host: r.Host, Action: eat.ActionNoop, Args: []byte("{}"), Mode: policies.Auto, State: api.ResponseQueued, By: audit.Hub,
			Reason: "the hub still reaches the host that token " + r.Token + " has isolated",
			Spot:   "confirm " + r.Token, Group: eat.MaxLifetime + time.Hour, Valid: policies.DefaultValid,
		})
	}
	if len(list) == 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	ids, _, err := d.cfg.Store.AddResponses(ctx, "", list)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := d.issueQueued(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
