package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	types "picket.internal/api"
	"picket.internal/fact"
)

func (h *Handler) listInventories(r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	host, err := h.host(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	all, err := h.reader.Inventories(ctx, host.ID)
	if err != nil {
		return fmt.Errorf("reading inventories: %w", err)
	}
	return lines(out, all, func(*types.Inventory) {})
}

// showInventory answers with one entity a line, as they are read: there may be
// tens of thousands.
func (h *Handler) showInventory(r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	kind := r.PathValue("kind")
	if !slices.Contains(fact.Inventories(), fact.Kind(kind)) {
		return fmt.Errorf("inventory %.80q: %w", kind, types.ErrNotFound)
	}
	host, err := h.host(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	if err := h.reader.Inventory(ctx, host.ID, kind, func(e types.Entity) error { return out.line(&e) }); err != nil {
		return fmt.Errorf("reading inventory: %w", err)
	}
	return out.end()
}
