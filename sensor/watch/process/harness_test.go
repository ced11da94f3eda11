//go:build linux

package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/connector"
	"picket.internal/sensor/watch/process"
)

// patience is how long a test waits for what must come.
const patience = 15 * time.Second

// roleVar makes the test binary play a part instead of testing.
const roleVar = "PICKET_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVar) {
	case "": // a test run
		os.Exit(m.Run())
	case "wait": // until standard input ends
		io.Copy(io.Discard, os.Stdin)
	case "exec": // another image, once told
		os.Stdin.Read(make([]byte, 1))
		err := syscall.Exec(os.Args[1], os.Args[1:], []string{roleVar + "=wait", "GORACE=atexit_sleep_ms=0"})
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	case "ignore": // turn the connector off, as any other listener may
		s, err := connector.Open()
		if err == nil {
			err = errors.Join(s.Ignore(), s.Ignore(), s.Close())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "hidden": // scan as nobody where other users' processes are hidden
		if err := unix.Mount("proc", "/proc", "proc", 0, "hidepid=2"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := errors.Join(syscall.Setgid(65534), syscall.Setuid(65534)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		c, err := process.New(process.Config{})
		if err == nil {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(300*time.Millisecond, cancel)
			err = c.Run(ctx, printer{})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "fail":
		os.Exit(3)
	case "fuse":
		if err := playFuse(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "scan": // as whoever runs it, and print the facts
		c, err := process.New(process.Config{})
		if err == nil {
			c.Begin(printer{})
			err = errors.Join(c.Scan(), c.ScanOnce()) // on a full host everybody has been met only at the second look
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

type printer struct{}

func (printer) Emit(f *fact.Fact) { json.NewEncoder(os.Stdout).Encode(f) }

// child is a process of the test's own.
type child struct {
	*exec.Cmd
	in io.WriteCloser
}

// play starts the executable at path in a role.
func play(t testing.TB, role, path string, args ...string) *child {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Env = []string{roleVar + "=" + role, "GORACE=atexit_sleep_ms=0"}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	c := &child{cmd, in}
	t.Cleanup(c.end)
	return c
}

func (c *child) pid() int64 { return int64(c.Process.Pid) }

// end lets the child end and reaps it.
func (c *child) end() {
	c.in.Close()
	c.Wait()
}

// copySelf copies the test binary, so that it has a path and a hash of its own.
func copySelf(t testing.TB, name, more string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	image, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	must(t, os.WriteFile(path, append(image, more...), 0o755))
	return path
}

// sink keeps facts and lets a test wait for one.
type sink struct {
	mu   sync.Mutex
	all  []*fact.Fact
	grow chan struct{}
}

func newSink() *sink { return &sink{grow: make(chan struct{})} }

func (s *sink) Emit(f *fact.Fact) {
	data, err := json.Marshal(f) // as the sink does: nothing of the fact is kept
	if err != nil {
		panic(err)
	}
	var kept fact.Fact
	if err := json.Unmarshal(data, &kept); err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, &kept)
	close(s.grow)
	s.grow = make(chan struct{})
}

func (s *sink) facts() ([]*fact.Fact, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[:len(s.all):len(s.all)], s.grow
}

func (s *sink) wait(t testing.TB, what string, want func(*fact.Fact) bool) *fact.Fact {
	t.Helper()
	end := time.After(patience)
	for {
		facts, grow := s.facts()
		for _, f := range facts {
			if want(f) {
				return f
			}
		}
		select {
		case <-grow:
		case <-end:
			t.Fatalf("no %s came", what)
		}
	}
}

// settled is the fact itself or, where another of its process followed before
// the hash was there, the one that has it.
func (s *sink) settled(t testing.TB, f *fact.Fact) *fact.Fact {
	t.Helper()
	if f.Process.HashStatus != fact.HashDeferred {
		return f
	}
	return s.wait(t, "hash of "+f.Process.Executable, func(g *fact.Fact) bool {
		return g.Process != nil && g.Process.EntityID == f.Process.EntityID &&
			g.Process.Executable == f.Process.Executable && g.Process.HashStatus != fact.HashDeferred
	})
}

// of is a wanted fact of a process.
func of(pid int64, action string) func(*fact.Fact) bool {
	return func(f *fact.Fact) bool {
		return f.Kind == fact.KindProcess && f.Process.PID == pid && f.Process.Action == action
	}
}

// found is the first fact of a process that runs already: it counts as started
// where that was within the same tick.
func found(pid int64) func(*fact.Fact) bool {
	return func(f *fact.Fact) bool {
		return of(pid, fact.ProcessSeen)(f) || of(pid, fact.ProcessStart)(f)
	}
}

// run runs a collector that looks often.
func run(t testing.TB, cfg process.Config) *sink {
	t.Helper()
	if cfg.Interval == 0 {
		cfg.Interval = 20 * time.Millisecond
	}
	c, err := process.New(cfg)
	must(t, err)
	s := newSink()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, s) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("running: %v", err)
		}
	})
	// From here on, what starts is new to it.
	s.wait(t, "seen of the test itself", of(int64(os.Getpid()), fact.ProcessSeen))
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
