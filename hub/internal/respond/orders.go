package respond

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"picket.internal/eat"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/store"
	"picket.internal/wire"
	"picket.internal/wire/httpwire"
)

// present is how long after its last question a host counts as connected.
const present = 2 * wire.OrdersWait

// lines are the hosts' open questions for orders, one a host.
type lines struct {
	mu   sync.Mutex
	open map[string]*line
}

// line is a host as it last asked.
type line struct {
	boot  string
	seen  int64
	asked time.Time     // by the hub's clock
	woken chan struct{} // has room for one
	end   context.CancelFunc
}

// news reports whether a host says another thing than when it last asked.
func (l *lines) news(host string, o *wire.Orders) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.open[host]
	return n == nil || n.boot != o.Boot || n.seen != o.Seen
}

// enter takes the host's line; a question that is open ends.
func (l *lines) enter(host string, o *wire.Orders, now time.Time, end context.CancelFunc) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := &line{boot: o.Boot, seen: o.Seen, asked: now, woken: make(chan struct{}, 1), end: end}
	if before := l.open[host]; before != nil {
		before.end()
	}
	l.open[host] = n
	return n
}

func (l *lines) connected(host string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.open[host]
	return n != nil && now.Sub(n.asked) < present
}

func (l *lines) wake(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.open[host]; n != nil {
		n.wake()
	}
}

func (n *line) wake() {
	select {
	case n.woken <- struct{}{}:
	default:
	}
}

func (l *lines) wakeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.open {
		n.wake()
	}
}

// ServeOrders answers a sensor's question for orders with one delivery, or with
// 204 after wire.OrdersWait without one.
func (d *Desk) ServeOrders(w http.ResponseWriter, r *http.Request) {
	delivery, err := d.orders(w, r)
	switch {
	case err != nil && r.Context().Err() != nil:
		return // nobody is there to be answered
	case err != nil:
		d.refuse(w, err)
	case delivery == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Content-Type", wire.TypeOrders)
		w.Write(delivery)
	}
}

func (d *Desk) refuse(w http.ResponseWriter, err error) {
	f := fault.Of(err)
	d.cfg.Stats.Add(f.ID, 1)
	if f.Status == http.StatusInternalServerError {
		d.cfg.Logger.Error("answering a sensor failed", "error", err)
	}
	httpwire.WriteProblem(w, f.Status, wire.Problem{ID: f.ID, Detail: f.Detail})
}

// peer finds the host by the key that it proved in the TLS handshake.
func (d *Desk) peer(r *http.Request) (store.Peer, error) {
	if r.TLS == nil {
		return store.Peer{}, fault.HostUnknown.With("no TLS")
	}
	key, err := wire.PeerKey(*r.TLS)
	if err != nil {
		return store.Peer{}, fault.HostUnknown.With("%v", err)
	}
	return d.cfg.Store.Authenticate(r.Context(), key)
}

func (d *Desk) orders(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	peer, err := d.peer(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, wire.MaxOrders+1))
	if err != nil {
		return nil, fault.OrdersMalformed.With("the body did not arrive whole")
	}
	o, err := wire.ParseOrders(body)
	if err != nil {
		return nil, fault.OrdersMalformed.With("%v", err)
	}
	if o.Host != peer.ID {
		return nil, fault.OrdersMalformed.With("it names host %q, its key is of %q", o.Host, peer.ID)
	}
	// The body is read; how long the answer takes is ours.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	ctx, end := context.WithTimeout(r.Context(), wire.OrdersWait)
	defer end()
	// In this order: a host that counts as connected has a boot that is known,
	// and what was queued before it counted is issued here.
	if d.lines.news(peer.ID, o) {
		if err := d.cfg.Store.Polled(r.Context(), peer.ID, o.Boot, o.Seen); err != nil {
			return nil, err
		}
	}
	line := d.lines.enter(peer.ID, o, d.now(), end)
	if err := d.issueWaiting(r.Context(), peer.ID); err != nil {
		return nil, err
	}
	return d.await(ctx, r.Context(), peer.ID, line)
}

// issueWaiting makes the tokens that were waiting for the host.
func (d *Desk) issueWaiting(ctx context.Context, host string) error {
	ids, err := d.cfg.Store.QueuedResponses(ctx, host)
	if err != nil || len(ids) == 0 {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		if err := d.issueQueued(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// await looks for a token until there is one, the time is over, or another
// question of the host takes the place of this one.
func (d *Desk) await(ctx, request context.Context, host string, l *line) ([]byte, error) {
	again := time.NewTicker(d.cfg.Redeliver)
	defer again.Stop()
	for {
		delivery, err := d.next(request, host, l)
		if err != nil || delivery != nil {
			return delivery, err
		}
		select {
		case <-l.woken:
		case <-again.C:
		case <-ctx.Done():
			return nil, request.Err()
		}
	}
}

// next is the host's next delivery; nil where there is none.
func (d *Desk) next(ctx context.Context, host string, l *line) ([]byte, error) {
	pause, err := d.cfg.Store.Pause(ctx)
	if err != nil {
		return nil, err
	}
	now := d.now()
	o, err := d.cfg.Store.NextToken(ctx, host, now, now.Add(-d.cfg.Redeliver), pause.Paused)
	if err != nil || o == nil {
		return nil, err
	}
	target, err := d.cfg.Store.Target(ctx, host)
	if err != nil {
		return nil, err
	}
	// What the wrapper has signed counts before what the sensor says.
	seen := cmp.Or(target.Known, l.seen)
	proof, err := d.cfg.Store.Prove(ctx, o.Entry, seen)
	if err != nil {
		return nil, err
	}
	out, err := eat.Delivery{Envelope: o.Envelope, Checkpoint: proof.Checkpoint, Index: o.Entry, Inclusion: proof.Inclusion,
		From: seen, Consistency: proof.Consistency}.Encode()
	if err != nil {
		return nil, err
	}
	if err := d.cfg.Store.Delivered(ctx, o, proof.Size); err != nil {
		return nil, err
	}
	d.cfg.Stats.Add("eat.delivered", 1)
	d.cfg.Logger.Info("token delivered", "token", o.Token, "host", host)
	return out, nil
}
