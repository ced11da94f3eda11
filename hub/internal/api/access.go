package api

import (
	"context"
	"net/http"

	types "picket.internal/api"
)

func listAccessTokens(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	all, err := h.responder.AccessTokens(ctx)
	if err != nil {
		return err
	}
	return lines(out, all, func(*types.AccessToken) {})
}

func createAccessToken(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	var req types.AccessTokenRequest
	if err := change(r, out, &req); err != nil {
		return err
	}
	made, err := h.responder.CreateAccessToken(ctx, req)
	if err != nil {
		return err
	}
	return out.document(&made)
}

func revokeAccessToken(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := noBody(r, out); err != nil {
		return err
	}
	id := r.PathValue("id")
	if err := h.responder.RevokeAccessToken(ctx, id); err != nil {
		return err
	}
	return out.document(&types.AccessToken{ID: id, Revoked: true})
}
