package send

import (
	"compress/gzip"
	"context"
	"errors"
	"time"

	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/queue"
	"picket.internal/sensor/watch"
)

// Config is what a Sender needs to know.
type Config struct {
	// Identity is whom the host is and which hub it trusts. Must be set.
	Identity *Identity
	// Queue is where the facts come from. Must be set.
	Queue *Queue
	// Addresses are the hub's, host:port each, tried in turn; empty means
	// those of the identity.
	Addresses []string
	// Version is the sensor's, for the batches. Must be set.
	Version string
	// Boot is the host's boot id; empty where the host has none.
	Boot string
	// FlushAfter is how long a fact waits for company; 0 means 1 s. Critical
	// facts never wait.
	FlushAfter time.Duration
	// RetryMin and RetryMax bound the waits between tries; 0 means 100 ms and
	// 30 s.
	RetryMin, RetryMax time.Duration
	// RetryRefused is the wait after the hub said that it does not know the
	// host, or has disabled it; 0 means 30 s.
	RetryRefused time.Duration
	// MaxRetryAfter bounds what the hub may ask for by Retry-After; 0 means
	// 5 min.
	MaxRetryAfter time.Duration
	// RequestTimeout bounds one try; 0 means 30 s.
	RequestTimeout time.Duration
	// StopTimeout bounds the last flush; 0 means 2 s.
	StopTimeout time.Duration
	// Orders is given what the hub asks of the watching side. It must not
	// block. Nil means that nobody takes orders.
	Orders func(watch.Order)
	// Logger hears of changes, not of every try; nil means none.
	Logger *eventlog.Logger
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	set(&c.FlushAfter, time.Second)
	set(&c.RetryMin, 100*time.Millisecond)
	set(&c.RetryMax, 30*time.Second)
	c.RetryMax = max(c.RetryMin, c.RetryMax)
	set(&c.RetryRefused, 30*time.Second)
	set(&c.MaxRetryAfter, 5*time.Minute)
	set(&c.RequestTimeout, 30*time.Second)
	set(&c.StopTimeout, 2*time.Second)
	if len(c.Addresses) == 0 && c.Identity != nil {
		c.Addresses = c.Identity.Addresses
	}
	if c.Boot == "" {
		// A batch must name a boot; where /proc hides it, all boots look alike.
		c.Boot = "00000000-0000-0000-0000-000000000000"
	}
	return c
}

// Sender takes facts from a Queue and brings them to the hub, one batch at a
// time. All its state belongs to the goroutine that calls Run.
type Sender struct {
	cfg      Config
	log      *eventlog.Logger
	queue    *Queue
	hub      transport
	chain    chain
	wait     backoff
	gzip     *gzip.Writer
	address  int    // which of the addresses is tried next
	failures int    // of addresses, since a try last got an answer
	failing  string // why the hub does not take batches, as last logged; empty while it does
	resync   resync // what the hub asks to be told again
}

// NewSender makes a sender with a session of its own: the hub tells a restart
// from a gap, and a copied host from its original, by the session.
func NewSender(cfg Config) (*Sender, error) {
	cfg = cfg.withDefaults()
	if cfg.Identity == nil || cfg.Queue == nil {
		return nil, errors.New("internal error: a sender needs an identity and a queue")
	}
	if len(cfg.Addresses) == 0 {
		return nil, errors.New("the identity names no address of the hub")
	}
	return newSender(cfg, newLink(cfg.Identity.Pins, cfg.Identity.Key, cfg.Version)), nil
}

func newSender(cfg Config, hub transport) *Sender {
	return &Sender{
		cfg:   cfg,
		log:   cfg.Logger,
		queue: cfg.Queue,
		hub:   hub,
		chain: newChain(),
		wait:  backoff{min: cfg.RetryMin, max: cfg.RetryMax},
	}
}

// Run sends until ctx ends, then once more what waits, for StopTimeout at
// most. What the hub has not acknowledged by then is lost with the process;
// the log says how much that is.
func (s *Sender) Run(ctx context.Context) error {
	work, cancel := outlive(ctx, s.cfg.StopTimeout)
	defer cancel()
	defer s.hub.close()
	for {
		s.queue.Await(ctx, s.cfg.FlushAfter)
		p := s.queue.Take()
		if p == nil {
			if ctx.Err() != nil {
				return nil
			}
			continue
		}
		if !s.deliver(ctx, work, p) {
			left := s.queue.Stats()
			s.log.Warn("stopping with facts that the hub has not taken", "facts", left.Facts, "bytes", left.Bytes)
			return nil
		}
		s.fetchHeld(ctx)
	}
}

// outlive is a context that ends a while after its parent, so that what is
// under way when the sensor is told to stop can come to its end.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(by, cancel) })
	return work, func() { stop(); cancel() }
}

// deliver repeats a batch until the hub has it or wants none of it. It gives
// up, and returns false, only when ctx has ended and every address failed.
func (s *Sender) deliver(ctx, work context.Context, p *queue.Parcel) bool {
	b, err := s.seal(p)
	for err == nil {
		stopping := ctx.Err() != nil
		a := s.try(work, b)
		if a.verdict == acked {
			s.acked(p, b, a)
			return true
		}
		s.report(a)
		switch {
		case a.verdict == refused:
			s.queue.SettleRefused(p, a.id)
			// A hub that refuses everything must not empty the queue in a rush.
			if stopping {
				pause(work, s.wait.next())
			} else {
				pause(ctx, s.wait.next())
			}
			return true
		case a.verdict == forked:
			pause(work, s.wait.next())
			s.chain = newChain()
			b, err = s.seal(p)
		case a.verdict == failed && s.nextAddress():
			// It may do at once.
		case stopping:
			return false
		default:
			pause(ctx, s.waitAfter(a))
		}
	}
	// Only a fault of this program gets here: facts are checked on entering.
	s.log.Error("sealing a batch", "err", err)
	s.queue.SettleRefused(p, "sealing failed")
	return true
}

// acked moves on to the next batch.
func (s *Sender) acked(p *queue.Parcel, b *batch, a answer) {
	if s.failing != "" {
		s.log.Info("the hub takes batches again", "address", s.cfg.Addresses[s.address])
		s.failing = ""
	}
	refused := make(map[int]string, len(a.ack.Refused))
	for _, r := range a.ack.Refused {
		s.log.Warn("the hub refused a fact", "batch", b.Seq, "index", r.Index, "error", r.Error)
		refused[r.Index] = r.Error
	}
	s.chain.advance(b)
	s.wait.reset()
	s.failures = 0
	s.queue.Settle(p, refused)
	s.resync.asked(a.ack.Resync)
}

// nextAddress turns to the next address; false after a whole round of failures.
func (s *Sender) nextAddress() bool {
	s.address = (s.address + 1) % len(s.cfg.Addresses)
	s.failures++
	return s.failures%len(s.cfg.Addresses) != 0
}

// waitAfter is how long to wait before the next try, as the answer asks.
func (s *Sender) waitAfter(a answer) time.Duration {
	switch a.verdict {
	case later:
		return min(a.retryAfter, s.cfg.MaxRetryAfter) + s.wait.next()
	case unknown:
		return s.cfg.RetryRefused + s.wait.next()
	}
	return s.wait.next()
}

// report logs the first of a row of like answers.
func (s *Sender) report(a answer) {
	if a.id == s.failing {
		s.log.Debug("the hub did not take a batch", "error", a.id, "detail", a.detail)
		return
	}
	s.failing = a.id
	s.log.Warn("the hub did not take a batch", "error", a.id, "detail", a.detail,
		"address", s.cfg.Addresses[s.address], "fate", a.verdict.String())
}
