package audit

import (
	"context"

	"picket.internal/api"
)

// Hub is the actor where nobody asked.
const Hub = api.ByHub

type actorKey struct{}

// WithActor names who asks, by the id of the access token.
func WithActor(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, actorKey{}, id)
}

// Actor is who asks; Hub where nobody was named.
func Actor(ctx context.Context) string {
	if id, ok := ctx.Value(actorKey{}).(string); ok && id != "" {
		return id
	}
	return Hub
}
