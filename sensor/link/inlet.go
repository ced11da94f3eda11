package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/queue"
	"picket.internal/sensor/watch"
)

// maxOrders is how many orders wait for the watcher.
const maxOrders = 16

// InletConfig says where the watching side is.
type InletConfig struct {
	// Socket is the path of the watcher's socket. Must be set.
	Socket string
	// Peer is the user that the watcher runs as. Facts of nobody else are
	// taken; not root's either.
	Peer uint32
	// Queue takes the facts. Must be set.
	Queue *queue.Queue
	// Heartbeat is the watcher's time between two signs of life. After one of
	// them without a connection the sender tells that nobody watches; 0 means
	// 15 s.
	Heartbeat time.Duration
	// RetryMin and RetryMax bound the waits between tries; 0 means 50 ms and
	// 2 s.
	RetryMin, RetryMax time.Duration
	// Logger hears of changes; nil means none.
	Logger *slog.Logger
}

func (c InletConfig) withDefaults() InletConfig {
	set := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	set(&c.Heartbeat, 15*time.Second)
	set(&c.RetryMin, 50*time.Millisecond)
	set(&c.RetryMax, 2*time.Second)
	c.RetryMax = max(c.RetryMin, c.RetryMax)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Inlet is the sending side: it takes the watcher's facts into the queue, and
// the hub's orders to the watcher.
type Inlet struct {
	cfg    InletConfig
	log    *slog.Logger
	orders chan watch.Order
	absent *absence

	// All below belong to the goroutine that calls Run.
	stream [16]byte // of the watcher that facts were last taken from
	number uint64   // the last parcel of it
	bye    bool     // it left nothing behind
	said   string   // the last failure that was logged
	parted *conn    // to a watcher that waits to hear what became of its facts
}

// NewInlet makes the sending side.
func NewInlet(cfg InletConfig) *Inlet {
	cfg = cfg.withDefaults()
	return &Inlet{
		cfg:    cfg,
		log:    cfg.Logger,
		orders: make(chan watch.Order, maxOrders),
		absent: &absence{queue: cfg.Queue, patience: cfg.Heartbeat},
	}
}

// Obey passes an order on to the watcher. Where too many wait it is forgotten,
// and the hub asks again.
func (i *Inlet) Obey(o watch.Order) {
	select {
	case i.orders <- o:
	default:
		i.log.Warn("an order for the watching process is dropped: too many wait")
	}
}

// Run takes facts until ctx ends. Call Leave afterwards.
func (i *Inlet) Run(ctx context.Context) error {
	i.absent.begin("it was not reached since the start")
	defer i.absent.quit()
	wait := i.cfg.RetryMin
	for ctx.Err() == nil {
		c, err := i.connect(ctx)
		if err == nil {
			wait = i.cfg.RetryMin
			err = i.serve(ctx, c)
		}
		if ctx.Err() != nil {
			break
		}
		i.report(err)
		pause(ctx, wait/2+rand.N(wait/2+1))
		wait = min(2*wait, i.cfg.RetryMax)
	}
	return nil
}

// connect reaches the watcher and exchanges hellos.
func (i *Inlet) connect(ctx context.Context) (*conn, error) {
	d := net.Dialer{Timeout: answerTime}
	uc, err := d.DialContext(ctx, "unix", i.cfg.Socket)
	if err != nil {
		return nil, err
	}
	c, err := accept(uc.(*net.UnixConn), i.cfg.Peer)
	if err != nil {
		return nil, err
	}
	hello, err := c.greet(ctx, Hello{Stream: i.stream, Number: i.number})
	if err != nil {
		return nil, err
	}
	if hello.Stream != i.stream {
		if i.stream != [16]byte{} && !i.bye {
			i.cfg.Queue.Lose("link", fact.LossSocket, "the watching process ended without a word: what it had seen and not yet handed over is lost")
		}
		i.stream, i.number = hello.Stream, 0
	}
	i.bye = false
	return c, nil
}

// Leave tells the watcher whether everything that was taken from it has left
// this process. Nothing may be called after it.
func (i *Inlet) Leave(clean bool) {
	if i.parted == nil {
		return
	}
	if clean {
		i.parted.write(&Frame{Bye: true}) // a watcher that is gone needs none
	}
	i.parted.Close()
}

// serve takes facts from one connection until it ends, or ctx does.
func (i *Inlet) serve(ctx context.Context, c *conn) error {
	i.log.Info("the watcher is connected")
	i.said = ""
	i.absent.end()
	ended := make(chan struct{})
	relayed := make(chan struct{})
	go func() {
		defer close(relayed)
		i.relay(c, ended)
	}()
	err := i.take(ctx, c)
	close(ended)
	if err == nil {
		i.parted = c
		<-relayed
		return nil
	}
	c.Close()
	<-relayed
	i.absent.begin(err.Error())
	return err
}

// take reads parcels and says so. A watcher gives a sign of life at each
// heartbeat; one that is silent for three is taken for dead.
func (i *Inlet) take(ctx context.Context, c *conn) error {
	for {
		f, err := c.read(ctx, 3*i.cfg.Heartbeat)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("reading from the watcher: %w", err)
		case f.Bye:
			i.bye = true
			return errors.New("it has stopped")
		case f.Facts == nil:
			return fmt.Errorf("%w: the watcher sent what a sender does not take", ErrMalformed)
		}
		if f.Facts.Number > i.number { // otherwise it is one that was taken already
			i.number = f.Facts.Number
			for _, raw := range f.Facts.Raw {
				i.admit(raw)
			}
		}
		if err := c.write(&Frame{Taken: &Taken{f.Facts.Number}}); err != nil {
			return fmt.Errorf("answering the watcher: %w", err)
		}
	}
}

// relay brings orders to the watcher.
func (i *Inlet) relay(c *conn, ended <-chan struct{}) {
	for {
		select {
		case o := <-i.orders:
			if err := c.write(&Frame{Order: &o}); err != nil {
				i.log.Warn("an order for the watching process is dropped", "error", err)
			}
		case <-ended:
			return
		}
	}
}

// report logs the first of a row of like failures.
func (i *Inlet) report(err error) {
	if text := err.Error(); text != i.said {
		i.said = text
		i.log.Warn("the watching process is not connected", "reason", text)
	}
}
