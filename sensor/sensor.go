package sensor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"picket.internal/fact"
	"picket.internal/sensor/send"
	"picket.internal/sensor/watch"
)

// Run watches and sends until ctx ends, says goodbye to the hub, and returns
// when all of it has stopped. The state folder must hold an identity; Run
// never makes one.
func Run(ctx context.Context, cfg Config, log *slog.Logger) (err error) {
	state, err := send.OpenState(cfg.StateDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	id, queue, sender, err := cfg.sender(state, log)
	if err != nil {
		return err
	}
	collectors, err := cfg.collectors("", queue.Stats, log)
	if err != nil {
		return err
	}
	log.Info("watching", "host", id.Host, "hub", id.Hub, "version", cfg.Version, "canaries", len(cfg.Canaries))
	ready(log)
	err = operate(ctx, queue, "", sender.Run, watching(collectors, queue, log))
	log.Info("stopped")
	return err
}

// watching runs collectors.
func watching(collectors []watch.Collector, out watch.Sink, log *slog.Logger) func(context.Context) error {
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

// sender is what brings facts to the hub, and the queue that it takes them from.
func (c *Config) sender(state *send.State, log *slog.Logger) (*send.Identity, *send.Queue, *send.Sender, error) {
	id, err := state.Identity()
	if err != nil {
		return nil, nil, nil, err
	}
	queue := send.NewQueue(id.Host, send.Limits(c.Queue))
	sender, err := send.NewSender(c.sending(id, queue, log))
	return id, queue, sender, err
}

// sending is what the sender is told.
func (c *Config) sending(id *send.Identity, queue *send.Queue, log *slog.Logger) send.Config {
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
