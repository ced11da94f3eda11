//go:build linux

package link_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/link"
	"picket.internal/sensor/queue"
	"picket.internal/sensor/watch"
)

// patience is far more than anything here takes.
const patience = 20 * time.Second

var me = uint32(os.Geteuid())

// socket is a path that is short enough for one.
func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "link-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// orders takes orders as a Watch does.
type orders chan watch.Order

func (o orders) Obey(order watch.Order) { o <- order }

// running is something that runs until it is stopped.
type running struct{ stop func() }

func run(t *testing.T, do func(context.Context) error) running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := do(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop := sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return running{stop}
}

// newOutlet listens and serves until the test ends.
func newOutlet(t *testing.T, cfg link.OutletConfig) (*link.Outlet, running) {
	t.Helper()
	if cfg.Peer == 0 {
		cfg.Peer = me
	}
	cfg.FlushAfter = time.Millisecond
	o, err := link.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return o, run(t, o.Run)
}

// sender is an Inlet and the facts that it took.
type sender struct {
	*link.Inlet
	running
	t     *testing.T
	queue *queue.Queue
	got   []*fact.Fact
}

func newSender(t *testing.T, cfg link.InletConfig) *sender {
	t.Helper()
	if cfg.Peer == 0 {
		cfg.Peer = me
	}
	cfg.RetryMin, cfg.RetryMax = time.Millisecond, 20*time.Millisecond
	cfg.Queue = queue.New(queue.Config{Host: "h_test", Limits: queue.Limits{Facts: 1 << 20, Bytes: 1 << 30}})
	s := &sender{Inlet: link.NewInlet(cfg), t: t, queue: cfg.Queue}
	s.running = run(t, s.Run)
	return s
}

// await takes facts until one is as wanted, and returns it.
func (s *sender) await(what string, wanted func(*fact.Fact) bool) *fact.Fact {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		var found *fact.Fact
		if p := s.queue.Take(); p != nil {
			for i := range p.Len() {
				f, _, err := fact.Parse(p.Raw(i))
				if err != nil {
					s.t.Fatal(err)
				}
				s.got = append(s.got, f)
				if found == nil && wanted(f) {
					found = f
				}
			}
			s.queue.Settle(p, nil)
		}
		if found != nil {
			return found
		}
		s.queue.Await(ctx, time.Millisecond)
	}
	s.t.Fatalf("never got %s among %d facts", what, len(s.got))
	return nil
}

// count sums up what came: facts of a kind, and what losses tell of.
func (s *sender) count(kind fact.Kind) (n, lost int) {
	for _, f := range s.got {
		if f.Kind == kind {
			n++
		}
		if f.Sensor != nil && f.Sensor.Action == fact.SensorLoss {
			lost += int(f.Sensor.Count)
		}
	}
	return n, lost
}

func canary(id string) *fact.Fact {
	return &fact.Fact{Time: time.Now().UTC(), Kind: fact.KindCanary, Canary: &fact.Canary{Action: fact.CanaryRead, ID: id}}
}

func process(pid int64) *fact.Fact {
	return &fact.Fact{Time: time.Now().UTC(), Kind: fact.KindProcess, Process: &fact.Process{Action: fact.ProcessStart, PID: pid}}
}

func isCanary(id string) func(*fact.Fact) bool {
	return func(f *fact.Fact) bool { return f.Canary != nil && f.Canary.ID == id }
}

func says(action, reason string) func(*fact.Fact) bool {
	return func(f *fact.Fact) bool {
		return f.Sensor != nil && f.Sensor.Action == action && strings.Contains(f.Sensor.Reason, reason)
	}
}

// peer is the other side as a test plays it, frame by frame.
type peer struct {
	net.Conn
	t    *testing.T
	data []byte
}

// dial connects to an outlet as a sender would.
func dial(t *testing.T, path string) *peer {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return &peer{Conn: c, t: t}
}

// pretend listens as a watcher would.
func pretend(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { l.Close() })
	return l
}

// take accepts a sender.
func take(t *testing.T, l *net.UnixListener) *peer {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return &peer{Conn: c, t: t}
}

func (p *peer) say(f link.Frame) {
	p.t.Helper()
	data, err := f.Append(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.Write(data); err != nil {
		p.t.Fatal(err)
	}
}

// hear returns the next frame, or why there is none.
func (p *peer) hear() (link.Frame, error) {
	buf := make([]byte, 64<<10)
	for {
		f, rest, err := link.ParseFrame(p.data)
		if err == nil {
			p.data = rest
			return f, nil
		}
		n, err := p.Read(buf)
		if err != nil {
			return link.Frame{}, err
		}
		p.data = append(p.data[:len(p.data):len(p.data)], buf[:n]...)
	}
}

// greet exchanges hellos and returns the other's.
func (p *peer) greet(mine link.Hello) link.Hello {
	p.t.Helper()
	mine.Version = link.Version
	p.say(link.Frame{Hello: &mine})
	f, err := p.hear()
	if err != nil || f.Hello == nil {
		p.t.Fatalf("instead of a hello: %+v, %v", f, err)
	}
	return *f.Hello
}

// facts returns the next parcel.
func (p *peer) facts() *link.Facts {
	p.t.Helper()
	f, err := p.hear()
	if err != nil || f.Facts == nil {
		p.t.Fatalf("instead of facts: %+v, %v", f, err)
	}
	return f.Facts
}

// ended fails where the other side does not close the connection.
func (p *peer) ended() {
	p.t.Helper()
	for {
		f, err := p.hear()
		if os.IsTimeout(err) {
			p.t.Fatal("the connection is still open")
		}
		if err != nil {
			return
		}
		if f.Order != nil {
			p.t.Fatalf("an answer: %+v", f)
		}
	}
}

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
	news chan struct{}
}

func newJournal() (*journal, *eventlog.Logger) {
	j := &journal{news: make(chan struct{}, 1)}
	return j, eventlog.New(j, eventlog.LevelInfo)
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	select {
	case j.news <- struct{}{}:
	default:
	}
	return j.text.Write(p)
}

// await returns when something was logged.
func (j *journal) await(t *testing.T, what string) {
	t.Helper()
	late := time.After(patience)
	for {
		j.mu.Lock()
		text := j.text.String()
		j.mu.Unlock()
		if strings.Contains(text, what) {
			return
		}
		select {
		case <-j.news:
		case <-late:
			t.Fatalf("%q was never logged:\n%s", what, text)
		}
	}
}

var _ io.Writer = (*journal)(nil)
