//go:build linux

package canary_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/canary"
)

func TestHandedDown(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		pid, fds, names string
		want            int
	}{
		{self, "2", "socket:fanotify", 4},
		{self, "1", "fanotify", 3},
		{self, "1", "socket:fanotify", 0},
		{self, "1", "socket", 0},
		{"1", "1", "fanotify", 0},
		{"", "", "", 0},
	} {
		env := map[string]string{"LISTEN_PID": c.pid, "LISTEN_FDS": c.fds, "LISTEN_FDNAMES": c.names}
		if got := canary.HandedDown(func(name string) string { return env[name] }); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// openToAll lets every user reach a file in a folder of the test's.
func openToAll(t testing.TB, dir string) {
	t.Helper()
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
}

var nobody = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}

// TestFanotifyHandedDown: a sensor without any right knows who touches a
// canary that it may read, by a group that root made for it.
func TestFanotifyHandedDown(t *testing.T) {
	testneed.Root(t)
	needFanotify(t)
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_REPORT_FID|unix.FAN_REPORT_PIDFD, 0)
	must(t, err)
	group := os.NewFile(uintptr(fd), "fanotify")
	defer group.Close()
	dir := t.TempDir()
	openToAll(t, dir)
	path := filepath.Join(dir, "canary")
	write(t, path, "x")
	s := playingWith(t, []*os.File{group}, nobody, "sensor", "fanotify", path).facts()
	ran := make(map[int64]bool)
	for range 100 {
		n := s.len()
		ran[run(t, "cat", path)] = true
		time.Sleep(20 * time.Millisecond) // until it watches, there is no event
		facts, _ := s.since(n)
		for _, f := range facts {
			if !isCanary("canary", fact.CanaryRead)(f) {
				continue
			}
			if f.Canary.Attribution != fact.AttributionFanotify || f.Process == nil || !ran[f.Process.PID] {
				t.Errorf("told as %+v by %+v, want one of %v", f.Canary, f.Process, ran)
			}
			return
		}
	}
	t.Error("nothing is told")
}

// TestOrdinaryUser: a sensor that may do nothing names whom it sees in /proc,
// with all that its user may read of them, and nobody else.
func TestOrdinaryUser(t *testing.T) {
	testneed.Root(t)
	dir := t.TempDir()
	openToAll(t, dir)
	path := filepath.Join(dir, "canary")
	write(t, path, "x")
	s := playing(t, nobody, "sensor", path).facts()
	ran := make(map[int64]bool)
	for range 200 {
		n := s.len()
		cmd := exec.Command("cat", path) // of the same user, so that its image may be read
		cmd.SysProcAttr = nobody
		must(t, cmd.Run())
		ran[int64(cmd.Process.Pid)] = true
		time.Sleep(10 * time.Millisecond) // until it watches, there is no event
		facts, _ := s.since(n)
		for _, f := range facts {
			if f.Canary == nil || f.Process == nil {
				continue
			}
			if f.Canary.Attribution != fact.AttributionProc || !ran[f.Process.PID] || f.User != nil && f.User.ID != "65534" {
				t.Fatalf("told as %+v by %+v, %+v, want one of %v", f.Canary, f.Process, f.User, ran)
			}
			if f.User != nil && f.Process.Hash != nil && f.Process.Executable == real(t, "cat") {
				return
			}
		}
	}
	t.Error("of 200 programs none was named with its hash")
}
