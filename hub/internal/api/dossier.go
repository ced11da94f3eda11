package api

import (
	"context"
	"net/http"
)

// showDossier answers with all that shows an alert to somebody who has only
// public keys.
func showDossier(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	d, err := h.responder.Dossier(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	tidyAlert(&d.Alert)
	return out.document(&d)
}
