package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"picket.internal/api"
	"picket.internal/engine"
	"picket.internal/engine/lru"
	"picket.internal/engine/prevalence"
	"picket.internal/engine/suppress"
	"picket.internal/fact"
	"picket.internal/hub/internal/stats"
	"picket.internal/hub/internal/store"
)

const (
	// maxBatches is how many batches are read from the log at once.
	maxBatches = 64
	// maxFacts is after how many facts an evaluation is stored even where
	// nothing was found in them.
	maxFacts = 10_000
	// remembered is how many hashes, and hashes and paths of hosts, are kept in
	// memory. It must exceed what one evaluation can add, because what is not
	// stored yet is nowhere else.
	remembered = 4 * maxFacts
)

// Store is the log and what is kept beside it.
type Store interface {
	// Next returns batches behind a place in the log, oldest first.
	Next(ctx context.Context, n int64, limit int) ([]*store.LogBatch, error)
	// Changed is closed when there may be more.
	Changed() <-chan struct{}
	Cursor(ctx context.Context, name string) (int64, error)
	Evaluate(ctx context.Context, e *store.Evaluation) error
	Suppressing(ctx context.Context, now time.Time) ([]store.NewAlert, error)
	HostInfo(ctx context.Context, id string) (store.HostInfo, error)
	Windows(ctx context.Context, yield func(store.WindowRecord) error) error
	prevalence.Known
}

// Config says what a Consumer works with. Store, Engine and Stats must be set.
type Config struct {
	// Store is the log.
	Store Store
	// Engine holds the rules, and nothing but this consumer gives it facts.
	Engine *engine.Engine
	// Stats counts alerts.
	Stats *stats.Set
	// LearnFor is how long after its enrollment a host's first times mean
	// nothing; 0 means that they always do.
	LearnFor time.Duration
	// Settle is how long after a start nothing counts as silent: what was said
	// while the hub was away comes first. 0 means 2 minutes.
	Settle time.Duration
	// Now is the clock; empty means time.Now.
	Now func() time.Time
	// Logger is told what goes wrong; empty means nobody.
	Logger *slog.Logger
}

// Consumer is the engine's way through the log. Run may be called once.
type Consumer struct {
	cfg   Config
	exec  *prevalence.Table
	hosts *lru.Map[string, store.HostInfo]

	at      int64 // place in the log up to which facts were processed
	pending evaluation
	since   time.Time // when pending got its first batch; zero when it is empty

	silence time.Time // from when on silence is judged, by the hub's clock
}

// evaluation is what has been made of the log since the last commit.
type evaluation struct {
	store.Evaluation
	facts int
}

// New returns a consumer that starts where the store's cursor is.
func New(cfg Config) *Consumer {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Settle == 0 {
		cfg.Settle = 2 * time.Minute
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Consumer{cfg: cfg, exec: prevalence.New(cfg.Store, remembered), hosts: lru.New[string, store.HostInfo](remembered)}
}

// Run reads the log until ctx ends, and then stores what it has found.
func (c *Consumer) Run(ctx context.Context) error {
	if err := c.start(ctx); ctx.Err() != nil {
		return nil
	} else if err != nil {
		return fmt.Errorf("starting the engine: %w", err)
	}
	tick := time.NewTicker(idle)
	defer tick.Stop()
	for {
		changed := c.cfg.Store.Changed() // before the look, so that nothing falls between
		more, err := c.step(ctx)
		switch {
		case ctx.Err() != nil:
			return c.stop(ctx)
		case err != nil:
			return fmt.Errorf("running the engine: %w", err)
		case more:
			continue
		}
		select {
		case <-changed:
		case <-tick.C:
			if err := c.advance(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("running the engine: %w", err)
			}
		case <-ctx.Done():
			return c.stop(ctx)
		}
	}
}

// start finds the place in the log and gives the engine back what it was
// suppressing.
func (c *Consumer) start(ctx context.Context) (err error) {
	if c.at, err = c.cfg.Store.Cursor(ctx, store.EngineCursor); err != nil {
		return err
	}
	c.pending.From, c.pending.To = c.at, c.at
	// What comes next may have been received long ago, within a window that
	// has ended since.
	now := c.cfg.Now()
	next, err := c.cfg.Store.Next(ctx, c.at, 1)
	if err != nil {
		return err
	}
	if len(next) > 0 && next[0].Received.Before(now) {
		now = next[0].Received
	}
	open, err := c.cfg.Store.Suppressing(ctx, now)
	if err != nil {
		return err
	}
	var state suppress.State
	for _, a := range open {
		w := suppress.Window{Key: a.Key, Since: a.SuppressSince, Until: a.SuppressUntil, Count: uint64(a.Alert.Count - 1)}
		if len(a.Alert.Facts) > 0 {
			if f, _, err := fact.Parse(a.Alert.Facts[0]); err == nil {
				w.Fact = f.ID
			}
		}
		state.Windows = append(state.Windows, w)
	}
	c.cfg.Engine.Restore(state)
	c.silence = c.cfg.Now().Add(c.cfg.Settle)
	return c.remember(ctx)
}

// step processes what is there and stores what is worth it. more is true where
// it stopped for its bound and not for want of facts.
func (c *Consumer) step(ctx context.Context) (more bool, err error) {
	batches, err := c.cfg.Store.Next(ctx, c.at, maxBatches)
	if err != nil {
		return false, err
	}
	for _, b := range batches {
		if err := c.batch(ctx, b); err != nil {
			return false, err
		}
		if c.full() {
			if err := c.store(ctx); err != nil {
				return false, err
			}
		}
	}
	if c.worthIt() {
		err = c.store(ctx)
	}
	return len(batches) == maxBatches, err
}

func (c *Consumer) batch(ctx context.Context, b *store.LogBatch) error {
	for _, e := range b.Entries {
		if err := c.fact(ctx, b, e); err != nil {
			return err
		}
	}
	if c.since.IsZero() {
		c.since = time.Now()
	}
	c.at, c.pending.To = b.N, b.N
	c.pending.facts += len(b.Entries)
	return nil
}

func (c *Consumer) fact(ctx context.Context, b *store.LogBatch, e store.Entry) error {
	f := *e.Fact // the entry is shared with others
	host, err := c.host(ctx, f.Host.ID)
	if err != nil {
		return err
	}
	f.Host.Name = host.Name
	known, x, err := c.exec.Observe(ctx, &f, b.Received)
	if err != nil {
		return err
	}
	if known != nil {
		known.Learned = b.Received.Sub(host.Enrolled) >= c.cfg.LearnFor
	}
	if x != nil {
		c.pending.Executions = append(c.pending.Executions, store.Execution{Host: x.Host, Path: x.Path, SHA256: x.SHA256, First: x.At, Last: x.At})
	}
	in := &engine.Input{Fact: &f, Prevalence: known, Ref: refOf(store.Link{Batch: b.N, Pos: e.Pos}), Learning: b.Received.Sub(host.Enrolled) < c.cfg.LearnFor}
	found := c.process(in, b.Received)
	c.pending.add(found, e, b.N, b.Received)
	return nil
}

// process shields the log from the engine: a fact on which the engine itself
// fails is told and passed, or the hub would fail on it at every start.
func (c *Consumer) process(in *engine.Input, now time.Time) (found []engine.Alert) {
	defer func() {
		if p := recover(); p != nil {
			c.cfg.Logger.Error("the engine panicked on a fact", "fact", in.Fact.ID, "panic", p, "stack", string(debug.Stack()))
			c.cfg.Stats.Add("engine.panic", 1)
			found = []engine.Alert{{Host: in.Fact.Host, Error: fmt.Sprintf("engine.panic: fact %s", in.Fact.ID)}}
		}
	}()
	return c.cfg.Engine.Process(in, now)
}

// host returns what is known of a host. A host that is unknown has no name:
// that must not keep its facts from the rules.
func (c *Consumer) host(ctx context.Context, id string) (store.HostInfo, error) {
	if h, ok := c.hosts.Get(id); ok {
		return h, nil
	}
	h, err := c.cfg.Store.HostInfo(ctx, id)
	if errors.Is(err, api.ErrNotFound) {
		return store.HostInfo{ID: id}, nil
	}
	if err == nil {
		c.hosts.Put(id, h)
	}
	return h, err
}
