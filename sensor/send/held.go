package send

import (
	"context"
	"time"

	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/sensor/watch"
	"picket.internal/wire"
)

const (
	// heldRest is the least time between two questions about one kind,
	// whatever the hub says.
	heldRest = 10 * time.Second
	// heldTimeout bounds a question: facts wait meanwhile.
	heldTimeout = 5 * time.Second
	// maxKinds bounds the kinds that a hub can make the sender remember.
	maxKinds = 64
)

// resync is what the hub asks to be told again.
type resync struct {
	kinds []string             // as the last acknowledgement names them
	last  map[string]time.Time // when each was asked about
}

func (r *resync) asked(kinds []string) { r.kinds = kinds }

// next is a kind that is to be asked about now; empty where there is none.
func (r *resync) next(now time.Time) string {
	for len(r.kinds) > 0 {
		kind := r.kinds[0]
		r.kinds = r.kinds[1:]
		last, known := r.last[kind]
		if known && now.Sub(last) < heldRest || !known && len(r.last) >= maxKinds {
			continue
		}
		if r.last == nil {
			r.last = make(map[string]time.Time)
		}
		r.last[kind] = now
		return kind
	}
	return ""
}

// fetchHeld asks the hub what it holds of the kinds that it wants to be told
// again, one after the other, and hands that on. A failure ends it and is no
// matter: the next acknowledgement names the kind again. Critical facts go
// first, between two kinds too.
func (s *Sender) fetchHeld(ctx context.Context) {
	for s.cfg.Orders != nil && !s.queue.Urgent() {
		kind := s.resync.next(time.Now())
		if kind == "" || !s.fetchOne(ctx, kind) {
			return
		}
	}
}

func (s *Sender) fetchOne(ctx context.Context, kind string) bool {
	ctx, cancel := context.WithTimeout(ctx, heldTimeout)
	defer cancel()
	path := wire.PathHeld + "/" + s.chain.session + "/" + kind
	r, err := s.hub.post(ctx, s.cfg.Addresses[s.address], path, nil, false)
	if err != nil {
		s.log.Debug("asking what the hub holds", "kind", kind, "error", err)
		return false
	}
	order, err := s.openHeld(r, kind)
	if err != nil {
		s.log.Warn("the hub did not say what it holds", "kind", kind, "error", err)
		return false
	}
	s.cfg.Orders(watch.Order{Resync: order})
	return true
}

// openHeld makes an order of a reply that the hub's key has signed and that is
// about what was asked.
func (s *Sender) openHeld(r reply, kind string) (*watch.Resync, error) {
	if r.status != statusOK {
		id, detail := explain(r)
		return nil, &wire.Problem{ID: id, Detail: detail}
	}
	return orderOf(r.body, s.cfg.Identity, s.chain.session, kind, s.cfg.Identity.HubKey)
}

func orderOf(body []byte, id *Identity, session, kind string, hub envelope.PublicKey) (*watch.Resync, error) {
	h, pairs, err := wire.OpenHeld(body, hub)
	if err != nil {
		return nil, err
	}
	if h.Hub != id.Hub || h.Host != id.Host || h.Session != session || h.Kind != kind {
		return nil, wire.ErrHeldMismatch
	}
	out := &watch.Resync{Of: fact.Kind(kind), Fresh: h.Fresh, Held: make([]watch.Held, len(pairs))}
	for i, p := range pairs {
		out.Held[i] = watch.Held{Key: [8]byte(p[:8]), State: [8]byte(p[8:])}
	}
	return out, nil
}
