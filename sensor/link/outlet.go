package link

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/queue"
	"picket.internal/sensor/watch"
)

// breath is the wait between two connections, so that a sender that comes and
// goes costs the watcher nothing.
const breath = 50 * time.Millisecond

// ErrInUse says that another process listens already.
var ErrInUse = errors.New("link.in_use")

// OutletConfig says how the watching side is reached.
type OutletConfig struct {
	// Socket is the path of the socket. Must be set. Its folder must exist,
	// and nobody but the watcher may write to it.
	Socket string
	// Peer is the user that the sender runs as. Nobody else is listened to;
	// not root either.
	Peer uint32
	// Limits bound what waits while the sender is away; empty means 1,000
	// facts and 1 MiB, a quarter of each for critical facts.
	Limits queue.Limits
	// Orders takes what the hub asks for; nil means that it is ignored.
	Orders watch.Obeyer
	// FlushAfter is how long a fact waits for company; 0 means 50 ms. Critical
	// facts never wait.
	FlushAfter time.Duration
	// StopTimeout bounds the last flush; 0 means 2 s.
	StopTimeout time.Duration
	// Logger hears of changes; nil means none.
	Logger *slog.Logger
}

func (c OutletConfig) withDefaults() OutletConfig {
	if c.Limits == (queue.Limits{}) {
		c.Limits = queue.Limits{Facts: 1000, Bytes: 1 << 20, ReservedFacts: 250, ReservedBytes: 256 << 10}
	}
	if c.FlushAfter <= 0 {
		c.FlushAfter = 50 * time.Millisecond
	}
	if c.StopTimeout <= 0 {
		c.StopTimeout = 2 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Outlet is the watching side: a watch.Sink whose facts go to the sender. While
// that is away or slow they wait, up to the bounds; what goes then goes by
// class, and is counted as a loss with the cause fact.LossSocket.
type Outlet struct {
	cfg      OutletConfig
	log      *slog.Logger
	queue    *queue.Queue
	listener *net.UnixListener

	// All below belong to the goroutine that calls Run.
	stream [16]byte // this process's life
	number uint64   // of the parcel that is or was last on its way
	taken  uint64   // the last parcel that a sender said it has
	bye    bool     // the last sender left nothing behind
	said   string   // the last failure that was logged
}

// Listen makes the outlet's socket, with mode 0660. A socket that a dead
// watcher left is replaced; one that is alive is not.
func Listen(cfg OutletConfig) (*Outlet, error) {
	cfg = cfg.withDefaults()
	if err := clearWay(cfg.Socket); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: cfg.Socket, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listening for the sender: %w", err)
	}
	if err := os.Chmod(cfg.Socket, 0o660); err != nil {
		l.Close()
		return nil, fmt.Errorf("listening for the sender: %w", err)
	}
	o := &Outlet{cfg: cfg, log: cfg.Logger, listener: l, queue: queue.New(queue.Config{
		Limits: cfg.Limits, Source: "link", Cause: fact.LossSocket,
	})}
	rand.Read(o.stream[:]) // ends the program rather than fail
	return o, nil
}

// clearWay removes a socket that nobody listens on.
func clearWay(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listening for the sender: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("listening for the sender: %q is there and is no socket", path)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return fmt.Errorf("%w: another picket-sensor watch listens on %q; stop it first", ErrInUse, path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("listening for the sender: %w", err)
	}
	return nil
}

// Emit queues a fact for the sender. It never waits.
func (o *Outlet) Emit(f *fact.Fact) { o.queue.Emit(f) }

// Stats is what waits for the sender, and what was lost.
func (o *Outlet) Stats() queue.Stats { return o.queue.Stats() }

// Run serves one sender after the other until ctx ends, and then for
// StopTimeout at most what still waits.
func (o *Outlet) Run(ctx context.Context) error {
	defer o.listener.Close()
	stop := context.AfterFunc(ctx, func() { o.listener.SetDeadline(time.Now()) })
	defer stop()
	for ctx.Err() == nil {
		c, err := o.listener.AcceptUnix()
		if err == nil {
			err = o.serve(ctx, c)
		}
		if ctx.Err() == nil {
			o.report(err)
		}
		pause(ctx, breath)
	}
	if left := o.Stats(); left.Facts > 0 {
		o.log.Warn("stopping with facts that the sender has not taken", "facts", left.Facts, "bytes", left.Bytes)
	}
	return nil
}

// serve speaks with one sender until either side ends it.
func (o *Outlet) serve(ctx context.Context, uc *net.UnixConn) error {
	c, err := accept(uc, o.cfg.Peer)
	if err != nil {
		return err
	}
	defer c.Close()
	hello, err := c.greet(ctx, Hello{Stream: o.stream})
	if err != nil {
		return err
	}
	o.log.Info("the sender is connected")
	o.said = ""
	o.resume(hello)
	s := &session{conn: c, orders: o.cfg.Orders, taken: make(chan uint64, 1), ended: make(chan struct{})}
	go s.listen()
	if err = o.feed(ctx, s); err == nil && ctx.Err() != nil && o.Stats().Facts == 0 {
		c.write(&Frame{Bye: true})
	}
	c.Close()
	<-s.ended
	o.bye = s.bye
	if err == nil {
		err = s.err
	}
	return err
}

// resume settles how the last connection ended.
func (o *Outlet) resume(hello *Hello) {
	switch {
	case hello.Stream == o.stream && hello.Number == o.number:
		if o.taken != o.number { // it took the parcel, its word of that was lost
			o.settle(o.queue.Take())
		}
	case hello.Stream != o.stream && o.taken > 0 && !o.bye:
		now := time.Now().UTC()
		o.Emit(&fact.Fact{Time: now, Kind: fact.KindSensor, Sensor: &fact.Sensor{
			Action: fact.SensorLoss, Cause: fact.LossSocket, Source: "link",
			Reason: "the sending process ended without a word: what it had taken and not yet brought to the hub is lost",
		}})
	}
	o.bye = false
}

// feed brings parcels to the sender, one at a time.
func (o *Outlet) feed(ctx context.Context, s *session) error {
	alive, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { <-s.ended; cancel() }()
	for {
		o.queue.Await(alive, o.cfg.FlushAfter)
		if s.over() {
			return nil
		}
		p := o.queue.Take()
		if p == nil && ctx.Err() != nil {
			return nil
		}
		if p == nil {
			continue
		}
		if err := o.deliver(ctx, s, p); err != nil {
			return err
		}
	}
}

// deliver sends a parcel and waits until the sender has it.
func (o *Outlet) deliver(ctx context.Context, s *session, p *queue.Parcel) error {
	if o.number == o.taken { // otherwise it is the one that was on its way
		o.number++
	}
	f := &Facts{Number: o.number, Raw: make([][]byte, p.Len())}
	for i := range f.Raw {
		f.Raw[i] = p.Raw(i)
	}
	if err := s.conn.write(&Frame{Facts: f}); err != nil {
		return fmt.Errorf("sending facts to the sender: %w", err)
	}
	timer := time.NewTimer(answerTime)
	defer timer.Stop()
	stopping := ctx.Done()
	for {
		select {
		case n := <-s.taken:
			if n == o.number {
				o.settle(p)
				return nil
			}
		case <-s.ended:
			return nil
		case <-stopping:
			stopping = nil
			timer.Reset(o.cfg.StopTimeout)
		case <-timer.C:
			return errors.New("the sender takes no facts")
		}
	}
}

func (o *Outlet) settle(p *queue.Parcel) {
	o.taken = o.number
	if p != nil {
		o.queue.Settle(p, nil)
	}
}

// report logs the first of a row of like failures.
func (o *Outlet) report(err error) {
	text := "it closed the connection"
	if err != nil {
		text = err.Error()
	}
	if text != o.said {
		o.said = text
		o.log.Warn("no sender is connected", "reason", text)
	}
}
