//go:build linux

package listeners_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/inventory/listeners"
)

// hold starts another program that has the listener and does nothing with it.
func hold(t *testing.T, l net.Listener) (exe string) {
	t.Helper()
	sleep := testneed.Command(t, "sleep", "apt-get install coreutils")
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command(sleep, "600")
	cmd.ExtraFiles = []*os.File{f}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	exe, err = filepath.EvalSymlinks(sleep)
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// TestHeirIsNoOwner: a child that got the socket from the one that opened it
// is not told in its place.
func TestHeirIsNoOwner(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	heir := hold(t, l)
	s := source(t, listeners.Config{})
	name := "tcp " + l.Addr().String() + " "
	all, _ := read(t, s)
	if f := all[name]; f == nil || f.Process == nil || f.Process.PID != int64(os.Getpid()) {
		t.Fatalf("it belongs to %+v", f)
	}
	l.Close()
	all, _ = read(t, s)
	if f := all[name]; f == nil || f.Listener.Executable != heir {
		t.Errorf("when the owner let go it belongs to %+v", f)
	}
}

// TestWhoJoinsAPortIsTold: a program that opens the port of another one beside
// it is the one that is told.
func TestWhoJoinsAPortIsTold(t *testing.T) {
	reuse := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return err
	}}
	first, err := reuse.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := reuse.Listen(context.Background(), "tcp4", first.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other := hold(t, second)
	second.Close()
	all, _ := read(t, source(t, listeners.Config{}))
	if f := all["tcp "+first.Addr().String()+" "]; f == nil || f.Listener.Executable != other {
		t.Errorf("told is %+v, want %s", f, other)
	}
}

// TestThreat_S3_OwnerThatEnded: what is known of an owner holds only as
// long as its process is the same: another one under its number is looked for
// anew.
func TestThreat_S3_OwnerThatEnded(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	name := "tcp " + l.Addr().String() + " "
	sleep := testneed.Command(t, "sleep", "apt-get install coreutils")
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(sleep, "600")
	cmd.ExtraFiles = []*os.File{f}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := source(t, listeners.Config{})
	f.Close()
	all, _ := read(t, s)
	if got := all[name]; got == nil || got.Process.PID != int64(cmd.Process.Pid) {
		t.Fatalf("it belongs to %+v", got)
	}
	cmd.Process.Kill()
	cmd.Wait()
	all, _ = read(t, s)
	if got := all[name]; got != nil {
		t.Errorf("after its process ended it is %+v", got)
	}
}
