//go:build linux

package booted_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket.internal/e2e/booted"
)

// TestHost: a host is a system of its own, that takes files and commands and
// reaches what it is shown.
func TestHost(t *testing.T) {
	host := booted.Start(t, booted.Options{Prepare: func(root string) {
		if err := os.WriteFile(filepath.Join(root, "etc/hostname"), []byte("h1\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}})
	if got := strings.TrimSpace(host.Run(t, "systemctl", "is-system-running")); got != "running" {
		t.Errorf("the host is %s: %s", got, host.Run(t, "systemctl", "--failed"))
	}
	if got := host.Run(t, "cat", "/proc/1/comm"); got != "systemd\n" {
		t.Errorf("process 1 is %q", got)
	}
	if out, err := host.Try("sh", "-c", "echo said; exit 3"); err == nil || out != "said\n" {
		t.Errorf("a command that failed: %q, %v", out, err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x\x00y"), 0o750); err != nil {
		t.Fatal(err)
	}
	host.Push(t, file, "/run/some where/file")
	if got := host.Run(t, "stat", "-c", "%a %s %U", "/run/some where/file"); got != "750 3 root\n" {
		t.Errorf("pushed as %q", got)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	dial := []string{"bash", "-c", "cat < /dev/tcp/127.0.0.1/" + port}
	if out, err := host.Try(dial[0], dial[1:]...); err == nil {
		t.Errorf("the host reaches the machine unasked: %q", out)
	}
	host.Forward(t, l.Addr().String())
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		io.WriteString(c, "hello")
		c.Close()
	}()
	if got := host.Run(t, dial[0], dial[1:]...); got != "hello" {
		t.Errorf("from the machine came %q", got)
	}
}

// TestBootAgain: a host that was shut down boots again from the disk that it
// left, as another boot.
func TestBootAgain(t *testing.T) {
	host := booted.Start(t, booted.Options{})
	boot := host.Run(t, "cat", "/proc/sys/kernel/random/boot_id")
	host.Write(t, "/var/lib/kept", "kept\n", 0o644)
	host.PowerOff()
	host.Boot()
	if got := strings.TrimSpace(host.Run(t, "systemctl", "is-system-running")); got != "running" {
		t.Errorf("the host is %s: %s", got, host.Run(t, "systemctl", "--failed"))
	}
	if host.Run(t, "cat", "/proc/sys/kernel/random/boot_id") == boot {
		t.Error("it is the same boot")
	}
	if got := host.Run(t, "cat", "/var/lib/kept"); got != "kept\n" {
		t.Errorf("the file holds %q", got)
	}
}
