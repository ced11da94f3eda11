package sensor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"picket.internal/sensor/link"
	"picket.internal/sensor/send"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/self"
)

// passwd is where the users of the two processes are looked up.
const passwd = "/etc/passwd"

// RunWatch watches until ctx ends, and hands what it sees to the sending
// process. It needs no identity, holds no key and opens no inet socket.
func RunWatch(ctx context.Context, cfg Config, log *slog.Logger) error {
	peer, err := link.UserID(or(cfg.Link.Sender, "picket"), passwd)
	if err != nil {
		return fmt.Errorf("link.sender: %w", err)
	}
	var outlet *link.Outlet
	collectors, err := cfg.collectors("watch", func() send.Stats { return outlet.Stats() }, log)
	if err != nil {
		return err
	}
	w := watch.New(watch.Config{Collectors: collectors, Logger: log})
	outlet, err = link.Listen(link.OutletConfig{Socket: cfg.socket(), Peer: peer, Orders: w, Logger: log})
	if err != nil {
		return err
	}
	log.Info("watching", "socket", cfg.socket(), "version", cfg.Version, "canaries", len(cfg.Canaries))
	ready(log)
	err = operate(ctx, outlet, "watch", outlet.Run, func(ctx context.Context) error { return w.Run(ctx, outlet) })
	log.Info("stopped")
	return err
}

// RunSend sends what the watching process sees until ctx ends, says goodbye to
// the hub, and returns when all of it has stopped. The state folder must hold
// an identity. It reads no file of the host but its own.
func RunSend(ctx context.Context, cfg Config, log *slog.Logger) (err error) {
	peer, err := link.UserID(or(cfg.Link.Watcher, "picket-watch"), passwd)
	if err != nil {
		return fmt.Errorf("link.watcher: %w", err)
	}
	state, err := send.OpenState(cfg.StateDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	id, queue, sender, err := cfg.sender(state, log)
	if err != nil {
		return err
	}
	own, err := self.New(self.Config{
		Source:    "send",
		Version:   cfg.Version,
		Heartbeat: time.Duration(cfg.Heartbeat),
		Queue:     func() self.Queue { return queueOf(queue.Stats()) },
	})
	if err != nil {
		return fmt.Errorf("preparing the sensor's word on itself: %w", err)
	}
	inlet := link.NewInlet(link.InletConfig{
		Socket: cfg.socket(), Peer: peer, Queue: queue, Heartbeat: time.Duration(cfg.Heartbeat), Logger: log,
	})
	log.Info("sending", "host", id.Host, "hub", id.Hub, "version", cfg.Version, "socket", cfg.socket())
	ready(log)
	err = operate(ctx, queue, "send", sender.Run, inlet.Run, watching([]watch.Collector{own}, queue, log))
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
