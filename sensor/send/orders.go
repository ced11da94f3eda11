package send

import (
	"context"
	"errors"
	"sync"
	"time"

	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/send/launch"
	"picket.internal/sensor/watch"
	"picket.internal/wire"
)

const (
	// pollTimeout is how long one question for orders may take.
	pollTimeout = wire.OrdersWait + 20*time.Second
	// soon is below which an answer without work counts as no long poll: the
	// next question then waits, whatever the hub does.
	soon = time.Second
)

// OrdersConfig is what Orders needs to know.
type OrdersConfig struct {
	// Identity is whom the host is and which hub it trusts. Must be set.
	Identity *Identity
	// Addresses are the hub's, host:port each, tried in turn; empty means
	// those of the identity.
	Addresses []string
	// Version is the sensor's. Must be set.
	Version string
	// Boot is the host's boot id. Must be set.
	Boot string
	// Trust reads the host's trust store. It is asked for each order, since
	// root may change it. Must be set.
	Trust func() (*eat.TrustStore, error)
	// WrapperKey reads the key that receipts are signed with; nil, or an error
	// from it, means that they are passed on without being read.
	WrapperKey func() (envelope.PublicKey, error)
	// Launch hands the wrapper a delivery and returns the receipts that it
	// printed; after an empty one it prints what it has and does nothing else.
	// Evidence goes to carry. Must be set.
	Launch func(ctx context.Context, delivery []byte, carry launch.Carry) ([][]byte, error)
	// Report is where what was not launched is told. Must be set.
	Report watch.Sink
	// RetryMin and RetryMax bound the waits between tries; 0 means 100 ms and
	// 30 s.
	RetryMin, RetryMax time.Duration
	// StopTimeout bounds the wait for running wrappers at the end; 0 means 2 s.
	StopTimeout time.Duration
	// Logger hears of changes, not of every try; nil means none.
	Logger *eventlog.Logger
}

// Orders asks the hub for Emergency Action Tokens, looks them over, hands them
// to the wrapper and brings its receipts back. Nothing that it decides is
// relied on: the wrapper judges each token itself.
type Orders struct {
	cfg     OrdersConfig
	log     *eventlog.Logger
	poll    transport
	back    transport
	parcels parcels
	spool   *spool
	wait    backoff
	address int
	failing string // why the hub gives no answer, as last logged; empty while it does
	unwell  string // why no wrapper can be reached, as last told; empty while one can. Of collect

	mu      sync.Mutex
	running map[string]bool // the digests of tokens whose wrapper runs
	group   sync.WaitGroup
}

// NewOrders makes an Orders with three connections of its own: a question for
// orders stays open, evidence is long, and neither facts nor receipts may wait
// for them.
func NewOrders(cfg OrdersConfig) (*Orders, error) {
	if cfg.Identity == nil || cfg.Trust == nil || cfg.Launch == nil || cfg.Report == nil {
		return nil, errors.New("internal error: orders need an identity, a trust store, a launcher and a sink")
	}
	connect := func(most int) transport {
		l := newLink(cfg.Identity.Pins, cfg.Identity.Key, cfg.Version)
		l.most = most
		return l
	}
	return newOrders(cfg, connect(eat.MaxDelivery), connect(wire.MaxProblem), connect(wire.MaxProblem)), nil
}

func newOrders(cfg OrdersConfig, poll, back, load transport) *Orders {
	sending := Config{Identity: cfg.Identity, Addresses: cfg.Addresses, Boot: cfg.Boot, RetryMin: cfg.RetryMin, RetryMax: cfg.RetryMax, StopTimeout: cfg.StopTimeout}.withDefaults()
	cfg.Addresses, cfg.Boot, cfg.StopTimeout = sending.Addresses, sending.Boot, sending.StopTimeout
	return &Orders{
		cfg: cfg, log: cfg.Logger, poll: poll, back: back,
		parcels: parcels{hub: load, seats: make(chan struct{}, maxParcels)},
		spool:   newSpool(),
		wait:    backoff{min: sending.RetryMin, max: sending.RetryMax},
		running: make(map[string]bool),
	}
}

// Run asks for orders until ctx ends. Wrappers that run then are given
// StopTimeout to end; one that takes longer goes on without the sensor, and
// its receipt stays with it until it is run again.
func (o *Orders) Run(ctx context.Context) error {
	work, cancel := outlive(ctx, o.cfg.StopTimeout)
	defer cancel()
	defer o.poll.close()
	var returning sync.WaitGroup
	returning.Go(func() { o.bringBack(ctx, work) })
	returning.Go(func() { o.collect(ctx) })
	for ctx.Err() == nil {
		began := time.Now()
		busy, err := o.ask(ctx, work)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			o.report(err)
			o.address = (o.address + 1) % len(o.cfg.Addresses)
			pause(ctx, o.wait.next())
		case !busy && time.Since(began) < soon:
			pause(ctx, o.wait.next())
		default:
			o.wait.reset()
		}
	}
	o.group.Wait()
	o.spool.close()
	returning.Wait()
	return nil
}

// ask asks once, and has what came acted on; busy tells whether a wrapper was
// started.
func (o *Orders) ask(ctx, work context.Context) (busy bool, err error) {
	asking := wire.Orders{Host: o.cfg.Identity.Host, Boot: o.cfg.Boot, Seen: o.spool.seen()}
	body, err := asking.Encode()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	r, err := o.poll.post(ctx, o.cfg.Addresses[o.address], wire.PathOrders, body, false)
	if err != nil {
		return false, err
	}
	switch r.status {
	case statusOK, statusNoContent:
		o.answered()
	default:
		return false, problem(r)
	}
	if r.status == statusNoContent {
		return false, nil
	}
	return o.take(work, r.body), nil
}

// take has the wrapper act on a delivery, or tells why not. One whose wrapper
// runs already is left alone: the hub gives it again until it has a receipt.
func (o *Orders) take(work context.Context, delivery []byte) (busy bool) {
	opened, err := o.admit(delivery, time.Now())
	if err != nil {
		o.tell(opened, fact.ReceiptRefused, err)
		return false
	}
	if !o.begin(opened.SHA256) {
		return false
	}
	o.group.Go(func() {
		p := o.parcel(work)
		printed, err := o.cfg.Launch(work, delivery, p.carry)
		p.end()
		o.end(opened.SHA256) // before the hub hears of it, which may give the token again at once
		o.keep(printed)
		if err != nil {
			o.tell(opened, fact.ReceiptFailed, err)
		}
	})
	return true
}

func (o *Orders) begin(sha256 string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.running[sha256] {
		return false
	}
	o.running[sha256] = true
	return true
}

func (o *Orders) end(sha256 string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.running, sha256)
}

// tell reports a token that no wrapper has acted on. opened may be nil: then
// nobody knows whose token it was.
func (o *Orders) tell(opened *eat.Opened, outcome string, err error) {
	id, detail := reasonOf(err)
	o.log.Warn("an order was not carried out", "outcome", outcome, "error", id, "detail", detail)
	r := &fact.Receipt{Action: outcome, ErrorID: id, Detail: detail}
	if opened != nil {
		r.TokenID, r.TokenAction = opened.Token.ID, opened.Token.Action()
	}
	o.cfg.Report.Emit(&fact.Fact{Time: time.Now().UTC(), Kind: fact.KindReceipt, Receipt: r})
}

func reasonOf(err error) (id, detail string) {
	var refusal *eat.Refusal
	var failure *launch.Error
	switch {
	case errors.As(err, &refusal):
		return refusal.ID, refusal.Detail
	case errors.As(err, &failure):
		return failure.ID, failure.Detail
	}
	return "launch.failed", err.Error()
}

func (o *Orders) answered() {
	if o.failing != "" {
		o.log.Info("the hub answers the question for orders again", "address", o.cfg.Addresses[o.address])
		o.failing = ""
	}
}

// report logs the first of a row of like failures.
func (o *Orders) report(err error) {
	id := errorID(err)
	if id == o.failing {
		o.log.Debug("the hub gave no orders", "error", id, "detail", err.Error())
		return
	}
	o.failing = id
	o.log.Warn("the hub gave no orders", "error", id, "detail", err.Error(), "address", o.cfg.Addresses[o.address])
}
