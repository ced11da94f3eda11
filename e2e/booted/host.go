//go:build linux

package booted

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Path is where a path of the host is seen from the machine while the host runs,
// also what is mounted inside, as /proc and /run. A symbolic link on the way
// leads to the machine's own files.
func (h *Host) Path(inside string) string {
	return fmt.Sprintf("/proc/%d/root%s", h.leader, inside)
}

// Command is a command that runs inside the host as root, with its output and
// its error both going where the caller says.
func (h *Host) Command(name string, args ...string) *exec.Cmd {
	enter := []string{"--target", strconv.Itoa(h.leader), "--all", "--root", "--wd", "--", name}
	cmd := exec.Command("nsenter", append(enter, args...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root"}
	return cmd
}

// Run runs a command inside as root and returns what it printed; it must
// succeed.
func (h *Host) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := h.Try(name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return out
}

// Try runs a command inside as root and returns what it printed on standard
// output; the error carries the rest.
func (h *Host) Try(name string, args ...string) (string, error) {
	cmd := h.Command(name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w\n%s%s", err, out.String(), errs.String())
	}
	return out.String(), nil
}

// Push copies a file of the machine into the host, with its mode.
func (h *Host) Push(t testing.TB, src, dst string) {
	t.Helper()
	data, err := os.ReadFile(src)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(src)
	if err != nil {
		t.Fatal(err)
	}
	h.Write(t, dst, string(data), info.Mode().Perm())
}

// Write writes a file inside the host, owned by root, and the folders it needs.
func (h *Host) Write(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	cmd := h.Command("sh", "-c", `umask 022; mkdir -p "${1%/*}" && cat > "$1.part" && chmod "$2" "$1.part" && mv "$1.part" "$1"`,
		"sh", path, fmt.Sprintf("%04o", mode))
	cmd.Stdin = strings.NewReader(content)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("writing %s inside: %v\n%s", path, err, out)
	}
}

// Journal is what a unit has logged, a line an entry.
func (h *Host) Journal(t testing.TB, unit string) string {
	t.Helper()
	return h.Run(t, "journalctl", "--no-pager", "-o", "cat", "-u", unit)
}

// Forward makes a TCP address of the machine reachable inside the host, at the
// same address: the host has a loopback of its own and nothing beyond it.
func (h *Host) Forward(t testing.TB, address string) {
	t.Helper()
	l, err := h.listen(address)
	if err != nil {
		t.Fatalf("listening on %s inside: %v", address, err)
	}
	t.Cleanup(func() { l.Close() })
	go relay(l, func() (net.Conn, error) { return net.Dial("tcp", address) })
}

// Reach makes a TCP address of the host reachable on the machine, at the same
// address.
func (h *Host) Reach(t testing.TB, address string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("listening on %s for the host: %v", address, err)
	}
	t.Cleanup(func() { l.Close() })
	go relay(l, func() (c net.Conn, err error) {
		err = h.within(func() (err error) { c, err = net.Dial("tcp", address); return err })
		return c, err
	})
}

// listen opens a socket in the network namespace of the host.
func (h *Host) listen(address string) (l net.Listener, err error) {
	err = h.within(func() (err error) { l, err = net.Listen("tcp", address); return err })
	return l, err
}

// within does something in the network namespace of the host.
func (h *Host) within(do func() error) error {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", h.leader))
	if err != nil {
		return err
	}
	defer ns.Close()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			err = do()
		}
		done <- err
	}()
	return <-done
}

// relay joins each connection that is taken with one that dial opens.
func relay(l net.Listener, dial func() (net.Conn, error)) {
	for {
		from, err := l.Accept()
		if err != nil {
			return // the test is over
		}
		go join(from, dial)
	}
}

func join(from net.Conn, dial func() (net.Conn, error)) {
	defer from.Close()
	to, err := dial()
	if err != nil {
		return
	}
	defer to.Close()
	go func() {
		io.Copy(to, from)
		to.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(from, to)
}
