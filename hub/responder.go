package hub

import (
	"context"

	types "picket.internal/api"
	"picket.internal/hub/internal/respond"
	"picket.internal/hub/internal/store"
	"picket.internal/wire"
)

// responder is what the API asks about responses: the desk decides, the store
// tells.
type responder struct {
	*respond.Desk
	store *store.Store
	rules *rules
	// address and pins are for new access tokens.
	address string
	pins    []wire.Pin
}

// Responses returns what q chooses, newest first.
func (r responder) Responses(ctx context.Context, q types.ResponseQuery) ([]types.Response, error) {
	return r.store.Responses(ctx, q)
}

// ResponseByID returns one, or types.ErrNotFound.
func (r responder) ResponseByID(ctx context.Context, id string) (types.Response, error) {
	one, err := r.store.Response(ctx, id)
	return one.Response, err
}

// AlertResponses returns those that an alert belongs to, oldest first.
func (r responder) AlertResponses(ctx context.Context, alert string) ([]types.Response, error) {
	return r.store.AlertResponses(ctx, alert)
}

// Pause returns the fleet-wide stop.
func (r responder) Pause(ctx context.Context) (types.Pause, error) { return r.store.Pause(ctx) }

// Operators lists the people whose signatures count.
func (r responder) Operators(ctx context.Context) ([]types.Operator, error) {
	all, err := r.store.Operators(ctx)
	out := make([]types.Operator, 0, len(all))
	for _, o := range all {
		out = append(out, types.Operator{Name: o.Name, Key: o.Key.String()})
	}
	return out, err
}

// RemoveOperator forgets a person.
func (r responder) RemoveOperator(ctx context.Context, name string) error {
	return r.store.RemoveOperator(ctx, name)
}

// Checkpoint is the newest word on the log.
func (r responder) Checkpoint(ctx context.Context) (types.Checkpoint, error) {
	return r.store.Checkpoint(ctx)
}

// AuditRecords hands out the log.
func (r responder) AuditRecords(ctx context.Context, from int64, limit int) ([]types.AuditRecord, error) {
	return r.store.AuditRecords(ctx, from, limit)
}

// Sweep looks at once for tokens whose receipt did not come, for hosts that are
// to attest and answers to be judged, and for changed policies. Run does so every
// few seconds.
func (h *Hub) Sweep(ctx context.Context) error { return h.respond.Sweep(ctx) }
