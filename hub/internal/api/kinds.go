package api

import (
	"context"
	"fmt"
	"net/http"

	types "picket.internal/api"
)

// listHostKinds answers which kinds of facts hosts send: what a rule is blind
// without.
func (h *Handler) listHostKinds(r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	all, err := h.reader.HostKinds(ctx)
	if err != nil {
		return fmt.Errorf("reading kinds of facts: %w", err)
	}
	return lines(out, all, func(*types.HostKind) {})
}
