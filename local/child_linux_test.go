package local_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/local"
)

// The test binary plays two parts when it is told to: a parent that starts a
// child by the spawner and then waits, and that child.
func TestMain(m *testing.M) {
	if os.Getenv("PICKET_TEST_PARENT") != "" {
		parent()
	}
	os.Exit(m.Run())
}

func parent() {
	s := local.NewSpawner()
	cmd := exec.Command("sleep", "60")
	if err := s.Start(cmd); err != nil {
		os.Exit(3)
	}
	os.Stdout.WriteString(strconv.Itoa(cmd.Process.Pid) + "\n")
	select {}
}

// TestChildrenDieWithTheirParent kills a parent as a power cut would: the
// kernel must take its children down, whichever thread started them.
func TestChildrenDieWithTheirParent(t *testing.T) {
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "PICKET_TEST_PARENT=1")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	must(t, err)
	fd, err := unix.PidfdOpen(pid, 0)
	must(t, err)
	defer unix.Close(fd)

	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(ready, 10_000); n != 1 || err != nil {
		t.Fatalf("the child %d outlived its parent (%d, %v)", pid, n, err)
	}
}

func startShell(t *testing.T, script string) *local.ChildProcess {
	t.Helper()
	s := local.NewSpawner()
	c, err := local.StartChild(s, "picket-test", filepath.Join(t.TempDir(), "test.log"), "/bin/sh", "-c", script)
	must(t, err)
	t.Cleanup(func() {
		c.Kill()
		s.Close()
	})
	return c
}

func TestChildThatDiedShowsItsLastLines(t *testing.T) {
	c := startShell(t, "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i >&2; done; exit 7")
	<-c.Done()
	d := c.Died()
	if d.What != "ended (exit status 7)" || len(d.Tail) != 8 || d.Tail[7] != "line 12" {
		t.Errorf("died: %q, tail %q", d.What, d.Tail)
	}
	if text := d.Error(); !strings.Contains(text, "picket-test ended (exit status 7)") || !strings.Contains(text, d.Log) {
		t.Errorf("error: %s", text)
	}
}

func TestStopAsksFirst(t *testing.T) {
	c := startShell(t, "trap 'echo bye >&2; exit 0' TERM; echo up; while :; do sleep 0.05; done")
	if line := <-c.Lines(); line != "up" {
		t.Fatalf("it said %q", line)
	}
	c.Stop()
	if d := c.Died(); d.What != "ended (exit status 0)" || len(d.Tail) == 0 || d.Tail[len(d.Tail)-1] != "bye" {
		t.Errorf("it ended with %q, tail %q; want its own way out", d.What, d.Tail)
	}
}

func TestChildThatNobodyReadsRunsOn(t *testing.T) {
	c := startShell(t, "i=0; while [ $i -lt 20000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done; exit 5")
	select {
	case <-c.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("it waits for a reader")
	}
	if d := c.Died(); d.What != "ended (exit status 5)" {
		t.Errorf("it ended with %q", d.What)
	}
}

func TestLongLogIsSetAside(t *testing.T) {
	log := filepath.Join(t.TempDir(), "hub.log")
	must(t, os.WriteFile(log, make([]byte, 2<<20), 0o600))
	s := local.NewSpawner()
	defer s.Close()
	c, err := local.StartChild(s, "picket-hub", log, "/bin/sh", "-c", "echo new >&2")
	must(t, err)
	<-c.Done()
	if data, _ := os.ReadFile(log); string(data) != "new\n" {
		t.Errorf("the log holds %d bytes, want the new line", len(data))
	}
	if info, err := os.Stat(log + ".1"); err != nil || info.Size() != 2<<20 {
		t.Errorf("the old log is not kept: %v", err)
	}
}

func mkfifo(path string) error { return unix.Mkfifo(path, 0o600) }

// takenPort returns an address that somebody listens on.
func takenPort(t *testing.T) (address string, release func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	return l.Addr().String(), func() { l.Close() }
}
