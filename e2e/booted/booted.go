//go:build linux

package booted

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"picket.internal/internal/testneed"
)

// bootTime is far more than a boot takes, also on a busy machine.
const bootTime = 2 * time.Minute

// Options say what to boot.
type Options struct {
	// Packages are Debian's, beyond systemd, dbus and sudo; empty means none.
	Packages []string
	// Capabilities are given to the host beyond those that systemd-nspawn
	// gives, as in "CAP_NET_ADMIN"; CAP_AUDIT_READ is always given.
	Capabilities []string
	// Unfiltered takes away the system call filter that systemd-nspawn puts on
	// all of the host: it is then as a machine is, where a program can tell that
	// there is none.
	Unfiltered bool
	// Args are further arguments of systemd-nspawn, as in
	// "--network-namespace-path=/run/netns/h1", which takes the place of the
	// empty network; empty means none.
	Args []string
	// OpenRC has OpenRC start services instead of systemd. Nothing is process 1
	// then but what waits for the end.
	OpenRC bool
	// Prepare changes the file system at root before the boot; nil means that
	// it boots as it was installed.
	Prepare func(root string)
}

func (o Options) base() []string {
	if o.OpenRC {
		return openrc
	}
	return base
}

// Host is a booted system.
type Host struct {
	// Root is its file system as the machine sees it. What is mounted inside,
	// as /run and /tmp, is not there: use Push and Run.
	Root string

	t       testing.TB
	o       Options
	leader  int
	doors   []string // of its control group
	word    word
	gone    chan struct{} // closed when systemd-nspawn has ended
	console *console
}

// Start boots a system and returns when its start is complete. It ends with
// the test.
func Start(t testing.TB, o Options) *Host {
	t.Helper()
	testneed.Root(t)
	testneed.Command(t, "mmdebstrap", "apt-get install mmdebstrap")
	testneed.Command(t, "systemd-nspawn", "apt-get install systemd-container")
	h := &Host{t: t, o: o, Root: clone(t, tree(t, slices.Concat(o.base(), o.Packages))), console: new(console)}
	h.write("etc/hostname", "debian\n")
	h.write("etc/hosts", "127.0.0.1 localhost debian\n")
	if o.Prepare != nil {
		o.Prepare(h.Root)
	}
	h.doors = cgroups(t, "picket-"+h.name())
	t.Cleanup(func() {
		os.RemoveAll("/run/systemd/nspawn/propagate/" + h.name()) // which systemd-nspawn leaves where /run is on a disk
		if t.Failed() {
			t.Logf("the host's console at last:\n%s", h.console)
		}
	})
	h.Boot()
	return h
}

func (h *Host) name() string { return filepath.Base(h.Root) }

// Boot boots a host that is off, from the disk as it was left, and returns when
// its start is complete.
func (h *Host) Boot() {
	h.t.Helper()
	h.leader, h.word = 0, listen(h.t) // of its own: an earlier boot may have said more than was read
	h.boot()
	h.await()
	if h.o.OpenRC { // systemd-nspawn tells of its first program only
		h.Run(h.t, "timeout", "60", "sh", "-c", "until test -e /run/booted; do sleep 0.1; done")
	}
}

// PowerOff shuts the host down as an operator does, and returns when it is off.
// What is in its network's namespace, where the test gave it one, is not a part
// of it and stays.
func (h *Host) PowerOff() {
	h.t.Helper()
	if _, err := h.Try("systemctl", "--no-block", "poweroff"); err != nil {
		h.t.Fatalf("shutting the host down: %v", err)
	}
	select {
	case <-h.gone:
	case <-time.After(bootTime):
		h.t.Fatalf("the host does not shut down\n%s", h.console)
	}
}

// write writes a file before the boot.
func (h *Host) write(path, content string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.Root, path), []byte(content), 0o644); err != nil {
		h.t.Fatalf("preparing the host: %v", err)
	}
}

// boot starts systemd-nspawn in a control group of its own.
func (h *Host) boot() {
	h.t.Helper()
	o := h.o
	script := `for door in $DOORS; do echo $$ > "$door" || exit; done; exec "$@"`
	args := []string{"-c", script, "sh", "systemd-nspawn", "--quiet", "-D", h.Root, "--machine=" + h.name(),
		"--register=no", "--keep-unit", "--console=pipe", "--resolv-conf=off", "--timezone=off",
		"--link-journal=no", "--capability=" + strings.Join(append([]string{"CAP_AUDIT_READ"}, o.Capabilities...), ",")}
	if !strings.Contains(strings.Join(o.Args, " "), "--network") {
		args = append(args, "--private-network")
	}
	args = append(args, o.Args...)
	if o.OpenRC {
		args = append(args, "--as-pid2", "sh", "-c", "openrc default && touch /run/booted; exec sleep infinity")
	} else {
		args = append(args, "--boot", "--notify-ready=yes")
	}
	cmd := exec.Command("sh", args...)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+h.word.path, "DOORS="+strings.Join(h.doors, " "))
	if o.Unfiltered {
		cmd.Env = append(cmd.Env, "SYSTEMD_SECCOMP=0") // systemd's ENVIRONMENT.md
	}
	cmd.Stdout, cmd.Stderr = h.console, h.console
	if err := cmd.Start(); err != nil {
		h.t.Fatalf("booting: %v", err)
	}
	gone := make(chan struct{})
	h.gone = gone
	go func() {
		cmd.Wait()
		close(gone)
	}()
	h.t.Cleanup(func() {
		select {
		case <-gone: // its process 1 may be another process by now
			return
		default:
		}
		// With its process 1 the whole host ends, and systemd-nspawn cleans up.
		if h.leader > 0 {
			syscall.Kill(h.leader, syscall.SIGKILL)
		} else {
			cmd.Process.Kill()
		}
		<-gone
	})
}

// word is the socket on which systemd-nspawn tells how far the boot is.
// Source: sd_notify(3).
type word struct {
	conn *net.UnixConn
	path string
}

func listen(t testing.TB) word {
	t.Helper()
	dir, err := os.MkdirTemp("", "picket-") // a test's own folder can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatalf("listening for the host: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return word{conn, path}
}

// await returns when the host says that it is up.
func (h *Host) await() {
	h.t.Helper()
	w := h.word
	w.conn.SetReadDeadline(time.Now().Add(bootTime))
	buf := make([]byte, 4096)
	for ready := false; !ready || h.leader == 0; {
		n, err := w.conn.Read(buf)
		if err != nil {
			h.t.Fatalf("the host did not come up: %v\n%s", err, h.console)
		}
		for line := range bytes.Lines(buf[:n]) {
			name, value, _ := strings.Cut(strings.TrimSpace(string(line)), "=")
			switch {
			case name == "X_NSPAWN_LEADER_PID":
				h.leader, _ = strconv.Atoi(value)
			case name == "READY" && value == "1":
				ready = true
			}
		}
	}
	w.conn.SetReadDeadline(time.Time{})
	go w.drain()
}

// drain reads on until the end of the test: systemd-nspawn tells of each reload
// too, and waits where nobody reads, also when it is to end.
func (w word) drain() {
	buf := make([]byte, 4096)
	for {
		if _, err := w.conn.Read(buf); err != nil {
			return
		}
	}
}

// console keeps what the host wrote last.
type console struct {
	mu   sync.Mutex
	data []byte
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.data = append(c.data, p...)
	if over := len(c.data) - 16<<10; over > 0 {
		c.data = c.data[over:]
	}
	return len(p), nil
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("%q", c.data)
}
