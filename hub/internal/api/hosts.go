package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	types "picket.internal/api"
	"picket.internal/hub/internal/fault"
)

func (h *Handler) disableHost(r *http.Request, out *reply) error {
	return h.changeHost(r, out, types.HostDisabled, types.HostEnrolled, types.HostPending, types.HostSuspect)
}

// enableHost lets a host back in, or forgives one that contradicted itself.
func (h *Handler) enableHost(r *http.Request, out *reply) error {
	return h.changeHost(r, out, types.HostEnrolled, types.HostDisabled, types.HostSuspect)
}

func (h *Handler) approveHost(r *http.Request, out *reply) error {
	return h.changeHost(r, out, types.HostEnrolled, types.HostPending)
}

// changeHost brings a host from one of the states in from to the state to.
// Asking twice is no error: whoever repeats a request wants the same.
func (h *Handler) changeHost(r *http.Request, out *reply, to string, from ...string) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := noBody(r, out); err != nil {
		return err
	}
	host, err := h.host(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if host.State != to {
		if !slices.Contains(from, host.State) {
			return wrongState(host.State, from)
		}
		ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
		defer cancel()
		if err := h.admin.SetHostState(ctx, host.ID, to); err != nil {
			return fmt.Errorf("changing host: %w", err)
		}
		h.log.Info("host changed", "host", host.ID, "from", host.State, "to", to)
	}
	return out.document(&types.HostState{ID: host.ID, State: to})
}

func wrongState(have string, want []string) error {
	conflict := fault.Fault{ID: "host.wrong_state", Status: http.StatusConflict}
	return conflict.With("the host is %s; this is for one that is %q", have, want)
}

func (h *Handler) host(ctx context.Context, id string) (types.Host, error) {
	hosts, err := h.hosts(ctx)
	if err != nil {
		return types.Host{}, err
	}
	for _, host := range hosts {
		if host.ID == id {
			return host, nil
		}
	}
	return types.Host{}, types.ErrNotFound
}

func (h *Handler) hosts(ctx context.Context) ([]types.Host, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	hosts, err := h.reader.Hosts(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading hosts: %w", err)
	}
	return hosts, nil
}
