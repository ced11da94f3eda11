package send

import (
	"context"
	"sync"
	"time"

	"picket.internal/wire"
)

const (
	// maxParcels is how many bundles of evidence are on their way at once, and so
	// how many chunks are held: of each one.
	maxParcels = 4
	// parcelPatience is how long one chunk is tried. What does not get through
	// stays with root, and is sent again when somebody asks for it.
	parcelPatience = 3 * time.Minute
)

// parcels are the bundles of evidence that are on their way. Nothing of them is
// written to a disk, and nothing of them can be read here: they are sealed to
// the hub.
type parcels struct {
	seats chan struct{}
	mu    sync.Mutex // held while hub is used
	hub   transport
}

// parcel is one bundle on its way. It is for one goroutine.
type parcel struct {
	orders *Orders
	ctx    context.Context
	seated bool
	sent   int
	at     int    // which address
	why    string // why the rest was left; empty where nothing was
}

func (o *Orders) parcel(ctx context.Context) *parcel { return &parcel{orders: o, ctx: ctx} }

// carry brings a chunk to the hub, and returns when it is there or given up. The
// receipts go first: the hub takes no evidence of which it has no receipt.
func (p *parcel) carry(receipts [][]byte, chunk []byte) (more bool) {
	p.orders.keep(receipts)
	if !p.seated {
		select {
		case p.orders.parcels.seats <- struct{}{}:
			p.seated = true
		default:
			p.why = "as many bundles are on their way as may be"
			return false
		}
	}
	if err := p.bring(chunk); err != nil {
		p.why = err.Error()
		return false
	}
	p.sent++
	return true
}

// end lets go of the bundle's place, and says what was left.
func (p *parcel) end() {
	if p.why != "" {
		p.orders.log.Warn("evidence was not sent to its end: ask for it again", "sent", p.sent, "error", p.why)
	}
	if !p.seated {
		return
	}
	<-p.orders.parcels.seats
	p.orders.parcels.mu.Lock()
	defer p.orders.parcels.mu.Unlock()
	p.orders.parcels.hub.close() // they are rare: a connection for them is not kept
}

// bring tries until the hub has the chunk, will never have it, or the time is over.
func (p *parcel) bring(chunk []byte) error {
	ctx, cancel := context.WithTimeout(p.ctx, parcelPatience)
	defer cancel()
	wait := backoff{min: p.orders.wait.min, max: p.orders.wait.max}
	for {
		r, err := p.post(ctx, chunk)
		switch {
		case err == nil && r.status == statusNoContent:
			return nil
		case err == nil && r.status < statusServer && r.status != statusTooMany:
			return problem(r) // asked again, it would say the same
		case err == nil:
			err = problem(r)
		}
		p.at = (p.at + 1) % len(p.orders.cfg.Addresses)
		pause(ctx, wait.next())
		if ctx.Err() != nil {
			return err
		}
	}
}

func (p *parcel) post(ctx context.Context, chunk []byte) (reply, error) {
	p.orders.parcels.mu.Lock()
	defer p.orders.parcels.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return p.orders.parcels.hub.post(ctx, p.orders.cfg.Addresses[p.at], wire.PathEvidence, chunk, false)
}
