package watch

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"picket.internal/fact"
	"picket.internal/sensor/eventlog"
)

// Sink takes the facts that collectors make. Emit never blocks and never
// fails: what the sink cannot keep, the sink counts. It encodes or copies the
// fact before it returns, and is safe for concurrent use.
type Sink interface {
	Emit(*fact.Fact)
}

// Collector looks at one thing on the host. Run emits facts until the context
// ends and then returns nil. An error says that it cannot go on; it is told,
// and Run is called again later, so Run must be able to start over.
type Collector interface {
	Name() string
	Run(ctx context.Context, out Sink) error
}

// Config says what to watch.
type Config struct {
	// Collectors run side by side; one that fails leaves the others alone.
	// Must not be empty.
	Collectors []Collector
	// Restart is the wait before a collector that failed is started again. It
	// doubles with every failure up to 64 times and starts afresh when the
	// collector has run for longer than the last wait; 0 means 1s.
	Restart time.Duration
	// Logger takes what only a maintainer can use, as the stack of a panic;
	// nil means none.
	Logger *eventlog.Logger
}

func (c Config) restart() time.Duration {
	if c.Restart <= 0 {
		return time.Second
	}
	return c.Restart
}

// Watch keeps collectors running.
type Watch struct {
	cfg Config
}

// New returns a Watch over the collectors of the configuration.
func New(cfg Config) *Watch { return &Watch{cfg: cfg} }

// Run runs every collector until the context ends. A collector that fails,
// panics included, becomes a sensor/degraded fact and is started again; the
// others never notice.
func (w *Watch) Run(ctx context.Context, out Sink) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range w.cfg.Collectors {
		group.Go(func() error {
			w.keep(ctx, c, out)
			return nil
		})
	}
	return group.Wait()
}

// Obey hands an order to every collector that takes orders.
func (w *Watch) Obey(o Order) {
	for _, c := range w.cfg.Collectors {
		if c, ok := c.(Obeyer); ok {
			c.Obey(o)
		}
	}
}

// keep runs one collector, again and again.
func (w *Watch) keep(ctx context.Context, c Collector, out Sink) {
	wait := w.cfg.restart()
	for {
		began := time.Now()
		err := w.once(ctx, c, out)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = fmt.Errorf("it returned without being asked to")
		}
		if time.Since(began) > wait {
			wait = w.cfg.restart()
		}
		w.cfg.Logger.Error("collector failed", "collector", c.Name(), "error", err, "again_in", wait)
		out.Emit(degraded(c.Name(), err, wait))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, 64*w.cfg.restart())
	}
}

// once runs a collector and turns a panic into an error: hostile input that
// trips one collector must not blind the rest.
func (w *Watch) once(ctx context.Context, c Collector, out Sink) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.cfg.Logger.Error("collector panicked", "collector", c.Name(), "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	return c.Run(ctx, out)
}

func degraded(name string, err error, wait time.Duration) *fact.Fact {
	return &fact.Fact{
		Time: time.Now().UTC(),
		Kind: fact.KindSensor,
		Sensor: &fact.Sensor{
			Action: fact.SensorDegraded,
			Source: name,
			Reason: fmt.Sprintf("the collector stopped: %v; it starts again in %v", err, wait),
		},
	}
}
