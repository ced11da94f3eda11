package ingest

import (
	"net/http"

	"picket.internal/hub/internal/fault"
	"picket.internal/wire"
)

// ServeHeld answers a sensor that asks what the hub holds of an inventory of its
// host. Only what an acknowledgement has asked for is answered, and only so
// often: the store keeps count.
func (h *Handler) ServeHeld(w http.ResponseWriter, r *http.Request) {
	body, err := h.held(r)
	if err != nil {
		h.refuse(w, err)
		return
	}
	h.cfg.Stats.Add("held.answered", 1)
	w.Header().Set("Content-Type", wire.ContentType)
	w.Write(body)
}

func (h *Handler) held(r *http.Request) ([]byte, error) {
	peer, _, err := h.authenticate(r)
	if err != nil {
		return nil, err
	}
	if !h.enter(peer.ID) {
		return nil, fault.HostBusy.With("more than %d requests of the host are under way", h.limits.PerHost)
	}
	defer h.leave(peer.ID)
	session, kind := r.PathValue("session"), r.PathValue("kind")
	have, err := h.cfg.Store.Held(r.Context(), peer.ID, session, kind)
	if err != nil {
		return nil, err
	}
	return wire.SealHeld(&wire.Held{Hub: h.cfg.Hub, Host: peer.ID, Session: session, Kind: kind, Fresh: have.Fresh, At: have.At.UTC()},
		have.Pairs, h.cfg.Key)
}
