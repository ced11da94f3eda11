package network_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
)

// patience is how long a packet that should arrive may take, stall how long one
// that should not is waited for.
const (
	patience = 5 * time.Second
	stall    = 300 * time.Millisecond
)

// A space is a network namespace without a name: it is gone with the test.
type space struct {
	t    *testing.T
	name string
	ns   *os.File
}

func newSpace(t *testing.T, name string) *space {
	t.Helper()
	s := &space{t: t, name: name}
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // never unlocked: the thread ends with its namespace
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			s.ns, err = os.Open("/proc/thread-self/ns/net")
		}
	}()
	<-ended
	if err != nil {
		testneed.Missing(t, fmt.Sprintf("needs a network namespace of its own: %v", err))
	}
	t.Cleanup(func() { s.ns.Close() })
	s.ip("link", "set", "lo", "up")
	return s
}

// do runs f on a thread in the namespace. Sockets opened there stay there.
func (s *space) do(f func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		if err := unix.Setns(int(s.ns.Fd()), unix.CLONE_NEWNET); err != nil {
			s.t.Errorf("entering %s: %v", s.name, err)
			return
		}
		f()
	}()
	<-ended
}

func (s *space) command(stdin string, args ...string) string {
	s.t.Helper()
	var out []byte
	var err error
	s.do(func() {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err = cmd.CombinedOutput()
	})
	if err != nil {
		s.t.Fatalf("%s: %v: %v\n%s", s.name, args, err, out)
	}
	return string(out)
}

func (s *space) ip(args ...string) { s.t.Helper(); s.command("", append([]string{"ip"}, args...)...) }
func (s *space) nft(args ...string) string {
	s.t.Helper()
	return s.command("", append([]string{"nft"}, args...)...)
}
func (s *space) set(key, value string) {
	s.t.Helper()
	s.command("", "sh", "-c", fmt.Sprintf("echo %s >/proc/sys/net/%s", value, key))
}
func (s *space) ruleset() string { s.t.Helper(); return s.nft("-j", "-a", "list", "ruleset") }
func (s *space) table(name string) string {
	s.t.Helper()
	return s.nft("-a", "list", "table", "inet", name)
}
func (s *space) load(ruleset string) { s.t.Helper(); s.command(ruleset, "nft", "-f", "-") }
func (s *space) tracked() string {
	s.t.Helper()
	return s.command("", "cat", "/proc/self/net/nf_conntrack")
}

// link joins two namespaces: a is N.1 of 10.77.N.0/24 and fd77:N::/64, b is N.2.
func link(n int, a, b *space) {
	a.t.Helper()
	dev := fmt.Sprintf("to-%s", b.name)
	a.ip("link", "add", dev, "type", "veth", "peer", "name", "eth0", "netns", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), b.ns.Fd()))
	for i, end := range []struct {
		*space
		dev string
	}{{a, dev}, {b, "eth0"}} {
		end.ip("addr", "add", fmt.Sprintf("10.77.%d.%d/24", n, i+1), "dev", end.dev)
		end.ip("addr", "add", fmt.Sprintf("fd77:%d::%d/64", n, i+1), "dev", end.dev, "nodad")
		end.ip("link", "set", end.dev, "addrgenmode", "none")
		end.ip("link", "set", end.dev, "up")
		end.ip("addr", "add", fmt.Sprintf("fe80::%d:%d/64", n, i+1), "dev", end.dev, "nodad")
	}
	b.ip("route", "add", "default", "via", fmt.Sprintf("10.77.%d.1", n))
	b.ip("route", "add", "default", "via", fmt.Sprintf("fd77:%d::1", n))
}

// world is the host with its hub, another host, and a container that it
// forwards for. Every namespace echoes on tcp and udp 4000; other also on 53.
type world struct{ host, hub, other, container *space }

func newWorld(t *testing.T) world {
	t.Helper()
	testneed.Root(t)
	testneed.Command(t, "ip", "apt-get install iproute2")
	testneed.Command(t, "nft", "apt-get install nftables")
	w := world{newSpace(t, "host"), newSpace(t, "hub"), newSpace(t, "other"), newSpace(t, "container")}
	link(1, w.host, w.hub)
	link(2, w.host, w.other)
	link(3, w.host, w.container)
	w.host.set("ipv4/ip_forward", "1")
	w.host.set("ipv6/conf/all/forwarding", "1")
	for _, extra := range []string{"10.77.2.9/24", "10.77.2.53/24", "10.77.2.54/24"} {
		w.other.ip("addr", "add", extra, "dev", "eth0")
	}
	for _, s := range []*space{w.host, w.hub, w.other, w.container} {
		s.echo(4000)
	}
	w.other.echo(53)
	return w
}

// echo answers every byte and every datagram until the test ends.
func (s *space) echo(port int) {
	s.t.Helper()
	s.do(func() {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			s.t.Errorf("%s: %v", s.name, err)
			return
		}
		var running sync.WaitGroup
		var mu sync.Mutex
		var open []io.Closer
		ended := false
		keep := func(c io.Closer) {
			mu.Lock()
			defer mu.Unlock()
			if open = append(open, c); ended {
				c.Close()
			}
		}
		keep(l)
		running.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				keep(c)
				running.Go(func() { _, _ = io.Copy(c, c) })
			}
		})
		// An answer leaves from the address that was asked, so there is a socket for each.
		addresses, err := net.InterfaceAddrs()
		if err != nil {
			s.t.Errorf("%s: %v", s.name, err)
		}
		for _, a := range addresses {
			ip := a.(*net.IPNet).IP
			if ip.IsLinkLocalUnicast() {
				continue
			}
			p, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: port})
			if err != nil {
				s.t.Errorf("%s: %v", s.name, err)
				continue
			}
			keep(p)
			running.Go(func() {
				buf := make([]byte, 64)
				for {
					n, from, err := p.ReadFrom(buf)
					if err != nil && strings.Contains(err.Error(), "closed") {
						return
					}
					if err == nil {
						_, _ = p.WriteTo(buf[:n], from)
					}
				}
			})
		}
		s.t.Cleanup(func() {
			mu.Lock()
			ended = true
			for _, c := range open {
				c.Close()
			}
			mu.Unlock()
			running.Wait()
		})
	})
}

// dial opens a connection from one of the namespace's IPv4 addresses, with or
// without a port, or from any.
func (s *space) dial(network, from, to string, wait time.Duration) (net.Conn, error) {
	var c net.Conn
	var err error
	s.do(func() {
		d := net.Dialer{Timeout: wait, Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
		}}
		if from != "" && !strings.Contains(from, ":") {
			from += ":0"
		}
		if from != "" && network == "tcp" {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))
		} else if from != "" {
			d.LocalAddr = net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from))
		}
		c, err = d.DialContext(context.Background(), network, to)
	})
	return c, err
}

// reaches is true when an echo comes back.
func (s *space) reaches(network, from, to string, wait time.Duration) bool {
	c, err := s.dial(network, from, to, wait)
	if err != nil {
		return false
	}
	defer c.Close()
	return echoes(c, wait)
}

func echoes(c net.Conn, wait time.Duration) bool {
	_ = c.SetDeadline(time.Now().Add(wait))
	if _, err := c.Write([]byte("x")); err != nil {
		return false
	}
	n, err := c.Read(make([]byte, 1))
	return n == 1 && err == nil
}
