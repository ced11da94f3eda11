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
	id, err := state.Identity()
	if err != nil {
		return err
	}
	queue := send.NewQueue(id.Host, send.Limits(cfg.Queue))
	collectors, err := cfg.collectors(queue, log)
	if err != nil {
		return err
	}
	watching := watch.New(watch.Config{Collectors: collectors, Logger: log})
	sending := cfg.sending(id, queue, log)
	sending.Orders = watching.Obey
	sender, err := send.NewSender(sending)
	if err != nil {
		return err
	}
	log.Info("watching", "host", id.Host, "hub", id.Hub, "version", cfg.Version, "canaries", len(cfg.Canaries))
	err = operate(ctx, watching, queue, sender)
	log.Info("stopped")
	return err
}

// operate runs collectors and sender side by side. The collectors end with
// ctx; the sender ends after them, so that their last word is sent.
func operate(ctx context.Context, collectors *watch.Watch, queue *send.Queue, sender *send.Sender) error {
	group, ctx := errgroup.WithContext(ctx)
	sending, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error {
		defer stopSending()
		err := collectors.Run(ctx, queue)
		queue.Emit(&fact.Fact{Time: time.Now().UTC(), Kind: fact.KindSensor, Sensor: &fact.Sensor{Action: fact.SensorStop}})
		return err
	})
	group.Go(func() error { return sender.Run(sending) })
	return group.Wait()
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
