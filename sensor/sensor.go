package sensor

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"picket.internal/fact"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/send"
	"picket.internal/sensor/watch"
)

// Run watches and sends until ctx ends, says goodbye to the hub, and returns
// when all of it has stopped. The state folder must hold an identity; Run
// never makes one.
func Run(ctx context.Context, cfg Config, log *eventlog.Logger) (err error) {
	state, err := send.OpenState(cfg.StateDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	var watched *watch.Watch // needs the queue, which comes with the sender
	id, queue, sender, err := cfg.sender(state, func(o watch.Order) { watched.Obey(o) }, log)
	if err != nil {
		return err
	}
	collectors, err := cfg.collectors("", queue.Stats, startComplete(log), log)
	if err != nil {
		return err
	}
	watched = watch.New(watch.Config{Collectors: collectors, Logger: log})
	log.Info("watching", "host", id.Host, "hub", id.Hub, "version", cfg.Version, "canaries", len(cfg.Canaries))
	makers := []func(context.Context) error{func(ctx context.Context) error { return watched.Run(ctx, queue) }}
	orders, err := cfg.orders(id, queue, log)
	if err != nil {
		return err
	}
	err = operate(ctx, queue, "", sender.Run, append(makers, orders...)...)
	log.Info("stopped")
	return err
}

// watching runs collectors.
func watching(collectors []watch.Collector, out watch.Sink, log *eventlog.Logger) func(context.Context) error {
	w := watch.New(watch.Config{Collectors: collectors, Logger: log})
	return func(ctx context.Context) error { return w.Run(ctx, out) }
}

// operate runs what makes facts and what takes them away side by side. The
// makers end with ctx; the taker ends after them, so that their last word is
// taken too.
func operate(ctx context.Context, out watch.Sink, source string, take func(context.Context) error, makers ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	taking, stopTaking := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error { return take(taking) })
	making, working := errgroup.WithContext(ctx)
	for _, m := range makers {
		making.Go(func() error { return m(working) })
	}
	group.Go(func() error {
		defer stopTaking()
		err := making.Wait()
		out.Emit(&fact.Fact{Time: time.Now().UTC(), Kind: fact.KindSensor, Sensor: &fact.Sensor{Action: fact.SensorStop, Source: source}})
		return err
	})
	return group.Wait()
}

// sender is what brings facts to the hub, and the queue that it takes them
// from. Orders is called only while it runs.
func (c *Config) sender(state *send.State, orders func(watch.Order), log *eventlog.Logger) (*send.Identity, *send.Queue, *send.Sender, error) {
	id, err := state.Identity()
	if err != nil {
		return nil, nil, nil, err
	}
	queue := send.NewQueue(id.Host, send.Limits(c.Queue))
	sending := c.sending(id, queue, log)
	sending.Orders = orders
	sender, err := send.NewSender(sending)
	return id, queue, sender, err
}

// sending is what the sender is told.
func (c *Config) sending(id *send.Identity, queue *send.Queue, log *eventlog.Logger) send.Config {
	version := c.Version
	if version == "" {
		version = "devel"
	}
	return send.Config{
		Identity:     id,
		Queue:        queue,
		Addresses:    c.Addresses,
		Version:      version,
		Boot:         bootID(bootIDFile),
		FlushAfter:   time.Duration(c.Send.FlushAfter),
		RetryMin:     time.Duration(c.Send.RetryMin),
		RetryMax:     time.Duration(c.Send.RetryMax),
		RetryRefused: time.Duration(c.Send.RetryRefused),
		Logger:       log,
	}
}
