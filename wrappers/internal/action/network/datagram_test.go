package network_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/wrappers/internal/action"
)

// leases asks other for addresses as DHCP clients do: from the client's port to
// the server's, whose answer comes from the server's port.
func (w world) leases(v4, v6 string) error {
	err := w.ask(v4, "udp4", ":67", ":68", nil)
	if v6 != "" {
		err = errors.Join(err, w.ask(v6, "udp6", "[::]:547", "[fe80::2:1%to-other]:546", net.ParseIP("ff02::1:2")))
	}
	return err
}

func (w world) ask(to, network, server, client string, group net.IP) error {
	at, err := w.other.packets(network, server, "eth0", group)
	if err != nil {
		return err
	}
	defer at.Close()
	from, err := w.host.packets(network, client, "to-other", nil)
	if err != nil {
		return err
	}
	defer from.Close()
	var dst *net.UDPAddr
	w.host.do(func() { dst, err = net.ResolveUDPAddr(network, to) })
	if err != nil {
		return err
	}
	wait := time.Now().Add(time.Second)
	if _, err := from.WriteTo([]byte("discover"), dst); err != nil {
		return err
	}
	buf := make([]byte, 64)
	_ = at.SetReadDeadline(wait)
	_, _, err = at.ReadFrom(buf)
	if err != nil {
		return fmt.Errorf("%s: the server heard nothing: %w", to, err)
	}
	back := &net.UDPAddr{IP: net.ParseIP("10.77.2.1"), Port: 68}
	if group != nil {
		back = &net.UDPAddr{IP: net.ParseIP("fe80::2:1"), Port: 546, Zone: "eth0"}
	}
	w.other.do(func() { _, err = at.WriteTo([]byte("offer"), back) })
	if err != nil {
		return err
	}
	_ = from.SetReadDeadline(wait)
	if _, _, err := from.ReadFrom(buf); err != nil {
		return fmt.Errorf("%s: the client heard no answer: %w", to, err)
	}
	return nil
}

// otherHears sends a datagram from the host to dst and listens on other's udp
// port 4003, where the host's own translation may send it.
func (w world) otherHears(t *testing.T, dst string, wait time.Duration) bool {
	t.Helper()
	at, err := w.other.packets("udp4", ":4003", "eth0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	from, err := w.host.dial("udp", "", dst, wait)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	_, _ = from.Write([]byte("x")) // refused at once where the rules say so
	_ = at.SetReadDeadline(time.Now().Add(wait))
	n, _, err := at.ReadFrom(make([]byte, 1))
	return n == 1 && err == nil
}

// packets binds a socket to a device, and joins the group there.
func (s *space) packets(network, at, device string, group net.IP) (net.PacketConn, error) {
	var conn net.PacketConn
	var err error
	s.do(func() {
		var dev *net.Interface
		if dev, err = net.InterfaceByName(device); err != nil {
			return
		}
		lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			var errSet error
			err := c.Control(func(fd uintptr) {
				errSet = errors.Join(unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device),
					unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BROADCAST, 1))
				if group != nil {
					mreq := &unix.IPv6Mreq{Interface: uint32(dev.Index)}
					copy(mreq.Multiaddr[:], group.To16())
					errSet = errors.Join(errSet, unix.SetsockoptIPv6Mreq(int(fd), unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, mreq))
				}
			})
			return errors.Join(err, errSet)
		}}
		conn, err = lc.ListenPacket(context.Background(), network, at)
	})
	return conn, err
}

func wantRefusal(t *testing.T, err error, code string) {
	t.Helper()
	var refusal *action.Refusal
	if !errors.As(err, &refusal) || refusal.Code != code {
		t.Errorf("%v, want the refusal %s", err, code)
	}
}

// dropNetAdmin takes CAP_NET_ADMIN from the calling thread alone.
func dropNetAdmin() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << unix.CAP_NET_ADMIN
	return unix.Capset(&header, &data[0])
}
