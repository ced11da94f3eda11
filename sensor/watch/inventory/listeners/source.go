//go:build linux

package listeners

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/account"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/proc"
	"picket.internal/sensor/watch/inventory"
)

// settled is how old a UDP socket on a port of the kernel's choosing is when
// it counts.
const settled = 30 * time.Second

// attempts is how often the tables are asked for that change while they are
// read.
const attempts = 3

// Config says where listeners are read.
type Config struct {
	// Proc is the proc file system; empty means /proc. Where it is set, its
	// files are read and the kernel is not asked.
	Proc string
	// Etc is where the names of accounts are; empty means /etc.
	Etc string
	// Clock is the host's clock.
	Clock clock.Clock
}

// Source reads listeners. It is not safe for concurrent use.
type Source struct {
	files  bool // read /proc/net only
	fs     *proc.FS
	clock  clock.Clock
	owners owners
	since  map[uint64]time.Duration // when a UDP socket was first seen, since boot
	names  map[uint32]string        // of interfaces, for one reading
	buf    []byte
}

var _ inventory.Source = (*Source)(nil)

// New returns a source over the listeners of the configuration.
func New(cfg Config) (*Source, error) {
	fs, err := proc.Open(cfg.Proc)
	if err != nil {
		return nil, err
	}
	host := &describe.Host{FS: fs, Names: account.New(cfg.Etc), Boot: describe.BootID(fs), Clock: cfg.Clock}
	return &Source{files: cfg.Proc != "", fs: fs, clock: cfg.Clock, owners: owners{host: host}, buf: make([]byte, 32<<10)}, nil
}

func (s *Source) Name() string { return "listeners" }

func (s *Source) Kinds() []fact.Kind { return []fact.Kind{fact.KindListener} }

// Watch is empty: no file changes when a socket does.
func (s *Source) Watch() []string { return nil }

// Read reads the listeners of the sensor's network namespace.
func (s *Source) Read(ctx context.Context) (*inventory.Reading, error) {
	r := new(inventory.Reading)
	sockets, err := s.sockets(r)
	if err != nil {
		return nil, err
	}
	sockets = s.settled(sockets)
	owners := s.owners.of(ctx, sockets, s.clock.Now())
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.names = nil
	best := make(map[string]*fact.Fact, len(sockets))
	ticks := make(map[string]uint64, len(sockets))
	for _, one := range sockets {
		f := s.fact(one, owners[one.Inode])
		l := f.Listener
		key := l.Transport + " " + l.Type + " " + l.Address + " " + strconv.FormatInt(l.Port, 10) + " " + l.Interface
		var started uint64
		if f.Process != nil {
			started = f.Process.StartTicks
		}
		// Of several sockets that share a port the one that came last is
		// told: who joins others on their port is who matters.
		if _, ok := best[key]; !ok || started > ticks[key] {
			best[key], ticks[key] = f, started
		}
	}
	for _, f := range best {
		r.Facts = append(r.Facts, f)
	}
	return r, nil
}

// sockets asks the kernel, or reads its files where it does not answer.
func (s *Source) sockets(r *inventory.Reading) ([]Socket, error) {
	if !s.files {
		for range attempts {
			all, err := ask(s.buf)
			if err == nil {
				return all, nil
			}
			if !errors.Is(err, errInterrupted) {
				break
			}
		}
	}
	all, bad, cut, err := readTables(s.fs)
	if err != nil {
		return nil, fmt.Errorf("reading listeners: %w", err)
	}
	if bad > 0 {
		r.Miss(fact.KindListener, fact.LossMalformed, "lines of /proc/net that are no sockets", int64(bad))
	}
	if cut {
		r.Miss(fact.KindListener, fact.LossInventory, "a table of /proc/net is over the size that is read", 1)
	}
	return all, nil
}

// settled leaves out the UDP sockets that may be clients.
func (s *Source) settled(all []Socket) []Socket {
	now, low, high := s.clock.SinceBoot(), uint16(32768), uint16(60999)
	if data, err := s.fs.File("sys/net/ipv4/ip_local_port_range", make([]byte, 64)); err == nil {
		low, high = parseRange(data, low, high)
	}
	since := make(map[uint64]time.Duration)
	kept := all[:0]
	for _, one := range all {
		port := one.Local.Port()
		if one.Transport == "udp" && port >= low && port <= high {
			first, ok := s.since[one.Inode]
			switch {
			case ok:
			case s.since == nil:
				first = now - settled
			default:
				first = now
			}
			since[one.Inode] = first
			if now-first < settled {
				continue
			}
		}
		kept = append(kept, one)
	}
	s.since = since
	return kept
}

// parseRange reads two ports; what is not that leaves low and high as they are.
func parseRange(data []byte, low, high uint16) (uint16, uint16) {
	fields := bytes.Fields(data)
	if len(fields) != 2 {
		return low, high
	}
	a, err1 := strconv.ParseUint(string(fields[0]), 10, 16)
	b, err2 := strconv.ParseUint(string(fields[1]), 10, 16)
	if err1 != nil || err2 != nil || a > b {
		return low, high
	}
	return uint16(a), uint16(b)
}

func (s *Source) fact(one Socket, w *owner) *fact.Fact {
	l := &fact.Listener{
		Transport: one.Transport, Type: "ipv6", Address: one.Local.Addr().String(), Port: int64(one.Local.Port()),
		Interface: s.device(one.Interface), UID: strconv.FormatUint(uint64(one.UID), 10),
	}
	if one.Local.Addr().Is4() {
		l.Type = "ipv4"
	}
	f := &fact.Fact{Kind: fact.KindListener, Listener: l}
	if w != nil {
		l.Executable, f.Service = w.path, describe.Service(w.unit)
		process := *w.block
		f.Process = &process
		if w.user != nil {
			user := *w.user
			f.User = &user
		}
	}
	return f
}

// device is the name of an interface, or its number where it has none any more.
func (s *Source) device(index uint32) string {
	if index == 0 {
		return ""
	}
	if name, ok := s.names[index]; ok {
		return name
	}
	name := strconv.FormatUint(uint64(index), 10)
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		name = describe.Plain(i.Name, 256)
	}
	if s.names == nil {
		s.names = make(map[uint32]string)
	}
	s.names[index] = name
	return name
}

// Close lets go of the proc file system.
func (s *Source) Close() error { return s.fs.Close() }
