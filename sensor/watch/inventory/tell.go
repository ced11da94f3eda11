package inventory

import (
	"encoding/hex"
	"time"

	"picket.internal/fact"
)

const (
	// pace is how many facts a second are told, and burst how many at once: the
	// queue to the hub holds a thousand, and others have a use for it too.
	pace  = 200
	burst = 200
	// step is how often waiting facts are told.
	step = 100 * time.Millisecond
	// maxLive bounds the changes that wait with all that they say; of those
	// beyond, only what they are about is kept.
	maxLive = 2048
	// orderRest is the least time between two answers about one kind.
	orderRest = 5 * time.Second
)

// obey looks at what the hub has asked for. While an answer is under way there
// is no other: the hub asks again.
func (r *run) obey(now time.Time) {
	for _, f := range r.feeds {
		for _, h := range f.holdings {
			if h.stock == nil {
				continue // the order waits for the first reading
			}
			o := r.c.taken(h.kind)
			if o == nil || !h.wants.empty() || now.Sub(h.order) < orderRest {
				continue
			}
			h.order = now
			h.wants = *differ(h.stock, o, h.omitted > 0)
			h.due = true
			r.c.cfg.Logger.Info("telling the hub what it lacks", "kind", h.kind, "facts", len(h.wants.tell), "gone", len(h.wants.gone))
		}
	}
}

// tell says what waits, as much as the pace allows: changes first, then what
// the hub lacks, and the digest of a kind when nothing of it waits.
func (r *run) tell(now time.Time) {
	r.tokens = min(burst, r.tokens+pace*now.Sub(r.poured).Seconds())
	r.poured = now
	for len(r.live) > 0 && r.spend() {
		r.emit(r.live[0].fact, now)
		r.live[0] = delta{}
		r.live = r.live[1:]
	}
	if len(r.live) > 0 {
		return
	}
	r.live = nil
	for _, f := range r.feeds {
		for _, h := range f.holdings {
			r.tellRest(h, now)
		}
	}
}

func (r *run) spend() bool {
	if r.tokens < 1 {
		return false
	}
	r.tokens--
	return true
}

// tellRest says what the hub lacks of a kind, and then the digest.
func (r *run) tellRest(h *holding, now time.Time) {
	for !h.wants.empty() && r.spend() {
		if f := h.wants.next(h.stock); f != nil {
			r.emit(f, now)
		}
	}
	if h.stock == nil || !h.wants.empty() || !h.due && now.Sub(h.said) < renew || !r.spend() {
		return
	}
	h.due, h.said = false, now
	r.emit(&fact.Fact{Kind: fact.KindSnapshot, Snapshot: &fact.Snapshot{
		Action: fact.SnapshotDigest, Of: h.kind, Count: int64(h.stock.len()), Digest: hex.EncodeToString(h.stock.digest[:]),
		Omitted: h.omitted, Reason: h.reason,
	}}, now)
}

func (r *run) emit(f *fact.Fact, now time.Time) {
	f.Time = now.Round(0).UTC()
	r.out.Emit(f)
}

// until is how long there is nothing to do.
func (r *run) until(now time.Time) time.Duration {
	next := now.Add(r.c.cfg.Interval)
	sooner := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	for _, f := range r.feeds {
		switch {
		case f.busy && !f.late:
			sooner(f.began.Add(r.c.cfg.Patience))
		case !f.busy:
			sooner(f.ready(now))
		}
		for _, h := range f.holdings {
			if h.stock == nil {
				continue
			}
			if h.due || !h.wants.empty() {
				sooner(now.Add(step))
			}
			sooner(h.said.Add(renew))
		}
	}
	if len(r.live) > 0 {
		sooner(now.Add(step))
	}
	return max(next.Sub(now), time.Millisecond)
}
