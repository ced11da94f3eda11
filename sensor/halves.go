package sensor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/link"
	"picket.internal/sensor/send"
	"picket.internal/sensor/watch"
)

// passwd is where the users of the two processes are looked up.
const passwd = "/etc/passwd"

// RunWatch watches until ctx ends, and hands what it sees to the sending
// process. It needs no identity, holds no key and opens no inet socket.
func RunWatch(ctx context.Context, cfg Config, log *eventlog.Logger) error {
	peer, err := link.UserID(or(cfg.Link.Sender, "picket"), passwd)
	if err != nil {
		return fmt.Errorf("link.sender: %w", err)
	}
	var outlet *link.Outlet
	collectors, err := cfg.collectors("watch", func() send.Stats { return outlet.Stats() }, startComplete(log), log)
	if err != nil {
		return err
	}
	w := watch.New(watch.Config{Collectors: collectors, Logger: log})
	outlet, err = link.Listen(link.OutletConfig{Socket: cfg.socket(), Peer: peer, Orders: w, Logger: log})
	if err != nil {
		return err
	}
	log.Info("watching", "socket", cfg.socket(), "version", cfg.Version, "canaries", len(cfg.Canaries))
	err = operate(ctx, outlet, "watch", outlet.Run, func(ctx context.Context) error { return w.Run(ctx, outlet) })
	log.Info("stopped")
	return err
}

// RunSend sends what the watching process sees until ctx ends, says goodbye to
// the hub, and returns when all of it has stopped. The state folder must hold
// an identity. It reads no file of the host but its own.
func RunSend(ctx context.Context, cfg Config, log *eventlog.Logger) (err error) {
	peer, err := link.UserID(or(cfg.Link.Watcher, "picket-watch"), passwd)
	if err != nil {
		return fmt.Errorf("link.watcher: %w", err)
	}
	state, err := send.OpenState(cfg.StateDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	var inlet *link.Inlet // needs the queue, which comes with the sender
	id, queue, sender, err := cfg.sender(state, func(o watch.Order) { inlet.Obey(o) }, log)
	if err != nil {
		return err
	}
	own, err := cfg.ownWord("send", queue.Stats, nil)
	if err != nil {
		return err
	}
	inlet = link.NewInlet(link.InletConfig{
		Socket: cfg.socket(), Peer: peer, Queue: queue, Heartbeat: time.Duration(cfg.Heartbeat), Logger: log,
	})
	makers := []func(context.Context) error{inlet.Run, watching([]watch.Collector{own}, queue, log)}
	orders, err := cfg.orders(id, queue, log)
	if err != nil {
		return err
	}
	log.Info("sending", "host", id.Host, "hub", id.Hub, "version", cfg.Version, "socket", cfg.socket())
	ready(log)
	err = operate(ctx, queue, "send", sender.Run, append(makers, orders...)...)
	inlet.Leave(queue.Stats().Facts == 0)
	log.Info("stopped")
	return err
}

func (c *Config) socket() string { return or(c.Link.Socket, "/run/picket-watch/facts.sock") }

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
