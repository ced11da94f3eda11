//go:build linux

package connector_test

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/internal/connector"
)

// TestThreat_S12_Forged: what another process sends is not the kernel's word,
// and is counted.
func TestThreat_S12_Forged(t *testing.T) {
	testneed.Root(t) // others may not even send
	s, err := connector.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	port, err := s.Port()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_CONNECTOR)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const forged = 4_000_001
	if err := unix.Sendto(fd, datagram(connector.Fork, 5, 1, 1, forged, forged), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port}); err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(connector.Fork | connector.Exit); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("true").Run(); err != nil {
		t.Fatal(err)
	}
	for heard := false; !heard; {
		events, err := s.Receive(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			heard = heard || ev.What == connector.Fork && ev.Parent == int32(os.Getpid())
			if ev.PID == forged {
				t.Fatalf("a forged event was believed: %+v", ev)
			}
		}
	}
	if n := s.Forged(); n != 1 {
		t.Errorf("%d forged datagrams, want 1", n)
	}
}

// TestCloseEndsReceive: whoever waits for events does not outlive the socket.
func TestCloseEndsReceive(t *testing.T) {
	testneed.Root(t)
	s, err := connector.Open()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := s.Receive(nil)
		ended <- err
	}()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("a closed socket was heard")
	}
}
