//go:build linux

package canary_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/canary"
)

// gate holds the readers of the queues for as long as it is closed.
type gate struct {
	mu   sync.Mutex
	open chan struct{}
}

func newGate() *gate {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	return g
}

func (g *gate) wait() {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	<-open
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

func (g *gate) release() { close(g.open) }

// TestThreat_S8_FolderFlood: 20,000 files are touched in a canary's folder
// while nobody reads the events, and the canary with them. The loss is told,
// every canary is looked at, and the touch is not lost: it came by another way.
func TestThreat_S8_FolderFlood(t *testing.T) {
	g := newGate()
	w := start(t, plan{make: []string{"canary"}, watch: map[string]string{"c": "canary"}, edit: func(c *canary.Config) { c.Before(g.wait) }})
	settle(t, w)
	g.close()
	n := w.len()
	for i := range 20_000 {
		f, err := os.Create(w.at(strconv.Itoa(i)))
		must(t, err)
		f.Close()
	}
	run(t, "cat", w.at("canary"))
	must(t, os.Remove(w.at("canary"))) // which the folder's queue can no longer tell
	g.release()
	f := w.wait(t, n, "loss", isLoss(fact.LossInotify))
	if f.Sensor.Count != 0 || f.Sensor.First == "" || f.Sensor.Last == "" || f.Sensor.Source != "canary" {
		t.Errorf("loss told as %+v", f.Sensor)
	}
	w.wait(t, n, "read", isCanary("c", fact.CanaryRead))
	w.wait(t, n, "delete", isCanary("c", fact.CanaryDelete))
}

// TestThreat_S8_CanaryFlood: the canaries' own queue is flooded, by touching
// two of them in turn, and a third is read in the gap: its access time tells.
func TestThreat_S8_CanaryFlood(t *testing.T) {
	g := newGate()
	w := start(t, plan{
		make:  []string{"one", "two", "three", "four"},
		watch: map[string]string{"1": "one", "2": "two", "3": "three", "4": "four"},
		edit:  func(c *canary.Config) { c.Before(g.wait); c.Lookouts = -1 },
	})
	settle(t, w)
	// It was read before, so that relatime alone would not show the next read.
	run(t, "cat", w.at("three"))
	w.wait(t, 0, "read", isCanary("3", fact.CanaryRead))
	w.awaitFresh(t, w.at("three"))
	g.close()
	n := w.len()
	flood(t, w.at("one"), w.at("two"))
	run(t, "cat", w.at("three"))
	must(t, os.Chmod(w.at("four"), 0o600))
	g.release()
	w.wait(t, n, "loss", isLoss(fact.LossInotify))
	f := w.wait(t, n, "read of the third", isCanary("3", fact.CanaryRead))
	if !f.Canary.Recovered || f.Canary.Attribution != fact.AttributionNone || f.Process != nil {
		t.Errorf("read told as %+v by %+v", f.Canary, f.Process)
	}
	f = w.wait(t, n, "chmod of the fourth", isCanary("4", fact.CanaryAttrib))
	if !f.Canary.Recovered {
		t.Errorf("chmod told as %+v", f.Canary)
	}
	n = w.len()
	run(t, "cat", w.at("three")) // and after that all is as before
	f = w.wait(t, n, "next read", isCanary("3", fact.CanaryRead))
	if f.Canary.Recovered {
		t.Error("a read whose event came counts as recovered")
	}
}

// settle waits until the sensor has dealt with its start.
func settle(t *testing.T, w *watched) {
	t.Helper()
	time.Sleep(20 * time.Millisecond)
}

// awaitFresh waits until the next read of a file will show in its access time.
func (w *watched) awaitFresh(t *testing.T, path string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		s, err := canary.Look(path)
		must(t, err)
		if !s.HidesReads(time.Now()) {
			return
		}
		if time.Now().After(end) {
			t.Fatal("a canary that was read is not made ready for the next read")
		}
	}
}

// flood makes more events than the kernel keeps, none of which melt together.
func flood(t *testing.T, one, two string) {
	t.Helper()
	limit, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	must(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(string(limit)))
	must(t, err)
	for range n/4 + 1000 {
		for _, path := range []string{one, two} {
			f, err := os.Open(path)
			must(t, err)
			f.Close()
		}
	}
}

// TestThreat_S8_Stopped: the same with a sensor that is stopped, as an attacker
// would do it.
func TestThreat_S8_Stopped(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "canary")
	write(t, path, "x")
	s, p := inNamespace(t, path)
	for end := time.Now().Add(patience); s.len() == 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		run(t, "cat", path)
	}
	s.wait(t, 0, "read", isCanary("canary", fact.CanaryRead))
	must(t, p.Process.Signal(syscall.SIGSTOP))
	n := s.len()
	for i := range 20_000 {
		write(t, filepath.Join(dir, strconv.Itoa(i)), "")
	}
	run(t, "cat", path)
	must(t, p.Process.Signal(syscall.SIGCONT))
	s.wait(t, n, "loss", isLoss(fact.LossInotify))
	s.wait(t, n, "read", isCanary("canary", fact.CanaryRead))
}

// TestThreat_S9_WatchLimit: the kernel gives only so many watches. What is not
// watched is told, one by one, and is looked at instead.
func TestThreat_S9_WatchLimit(t *testing.T) {
	dir := t.TempDir()
	args := []string{"user/max_inotify_watches=" + strconv.Itoa(5+strings.Count(dir, "/"))}
	for i := range 10 {
		path := filepath.Join(dir, fmt.Sprint("c", i))
		write(t, path, "x")
		args = append(args, path)
	}
	s, p := inNamespace(t, args...)
	s.wait(t, 0, "watch limit", isLoss(fact.LossWatchLimit))
	unwatched := func() (ids []string) {
		facts, _ := s.since(0)
		for _, f := range facts {
			if isLoss(fact.LossUnwatched)(f) {
				ids = append(ids, f.Canary.ID)
			}
		}
		return ids
	}
	s.wait(t, 0, "fifth unwatched", func(*fact.Fact) bool { return len(unwatched()) >= 5 })
	if got := unwatched(); len(got) != 5 {
		t.Errorf("%q are told to be unwatched, want five", got)
	}
	// The count follows what was told.
	watched := int64(-1)
	for end := time.Now().Add(patience); watched != 5 && time.Now().Before(end); {
		n := s.len()
		fmt.Fprintln(p.in, "count")
		watched = s.wait(t, n, "count", func(f *fact.Fact) bool { return f.Metric != nil }).Metric.Processes
	}
	if watched != 5 {
		t.Errorf("%d canaries count as watched, want 5", watched)
	}
	// A look finds what no event told.
	id := unwatched()[0]
	run(t, "cat", filepath.Join(dir, id))
	f := s.wait(t, 0, "read", isCanary(id, fact.CanaryRead))
	if !f.Canary.Recovered {
		t.Errorf("read told as %+v", f.Canary)
	}
}

// TestThreat_S9_NoInstance: not even one inotify instance is to be had.
func TestThreat_S9_NoInstance(t *testing.T) {
	path := filepath.Join(t.TempDir(), "canary")
	write(t, path, "x")
	s, _ := inNamespace(t, "user/max_inotify_instances=1", path)
	f := s.wait(t, 0, "unwatched", isLoss(fact.LossUnwatched))
	if !strings.Contains(f.Sensor.Reason, "too many open files") {
		t.Errorf("reason %q", f.Sensor.Reason)
	}
	must(t, os.Remove(path))
	f = s.wait(t, 0, "delete", isCanary("canary", fact.CanaryDelete))
	if !f.Canary.Recovered {
		t.Errorf("delete told as %+v", f.Canary)
	}
}

// TestThreat_S10_MountedOver: a mount over a canary has no event of the file.
func TestThreat_S10_MountedOver(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "canary"), filepath.Join(dir, "other")
	write(t, path, "x")
	write(t, other, "x")
	s, p := inNamespace(t, path)
	for end := time.Now().Add(patience); s.len() == 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		run(t, "cat", path)
	}
	n := s.len()
	fmt.Fprintln(p.in, "mount", other, path)
	f := s.wait(t, n, "move", isCanary("canary", fact.CanaryMove))
	if !f.Canary.Recovered {
		t.Errorf("told as %+v", f.Canary)
	}
}

// TestThreat_S10_HardLink: what is done through another name of the file is
// done to the canary.
func TestThreat_S10_HardLink(t *testing.T) {
	w := start(t, plan{make: []string{"a/canary"}, watch: map[string]string{"c": "a/canary"}})
	must(t, os.Mkdir(w.at("b"), 0o755))
	must(t, os.Link(w.at("a/canary"), w.at("b/y")))
	w.wait(t, 0, "attrib", isCanary("c", fact.CanaryAttrib))
	run(t, "cat", w.at("b/y"))
	w.wait(t, 0, "read", isCanary("c", fact.CanaryRead))
}

// TestAttribution: a program that reads a canary is named with all that tells
// who it is. One that the lookouts miss is told as not known, so it is tried
// until one is seen.
func TestAttribution(t *testing.T) {
	w := start(t, plan{make: []string{"canary"}, watch: map[string]string{"c": "canary"}})
	cat, err := exec.LookPath("cat")
	must(t, err)
	for range 100 {
		n := w.len()
		pid := run(t, "cat", w.at("canary"))
		f := w.wait(t, n, "open", isCanary("c", fact.CanaryOpen))
		if f.Canary.Attribution == fact.AttributionNone {
			if f.Process != nil {
				t.Fatalf("not known, but %+v", f.Process)
			}
			w.wait(t, n, "read", isCanary("c", fact.CanaryRead))
			continue
		}
		p := f.Process
		if p.PID != pid || p.EntityID == "" || p.Parent == nil || p.Parent.PID != int64(os.Getpid()) || f.Canary.Attribution != fact.AttributionProc {
			t.Fatalf("told as %+v of %+v, want process %d", p, p.Parent, pid)
		}
		if p.Executable == "" || p.Hash == nil || p.CommandLine == "" {
			w.wait(t, n, "read", isCanary("c", fact.CanaryRead))
			continue // it ended while it was looked at
		}
		real, err := filepath.EvalSymlinks(cat)
		must(t, err)
		if p.Executable != real || p.CommandLine != "cat "+w.at("canary") || f.User == nil || f.User.ID != strconv.Itoa(os.Geteuid()) {
			t.Errorf("told as %+v, %+v", p, f.User)
		}
		return
	}
	t.Error("of 100 programs, none was named")
}

// TestNobodyElseIsNamed: a process that has the canary open all the time is
// not named for what others do, and is for what it does itself.
func TestNobodyElseIsNamed(t *testing.T) {
	w := start(t, plan{make: []string{"canary"}, watch: map[string]string{"c": "canary"}})
	var holder *process
	var open *fact.Fact
	for range 50 { // until it is seen to open it
		n := w.len()
		holder = playing(t, nil, "hold", w.at("canary"))
		holder.out.Scan()
		open = w.wait(t, n, "open", isCanary("c", fact.CanaryOpen))
		if open.Process != nil {
			break
		}
		must(t, holder.Process.Kill())
		holder.Wait()
	}
	if open.Process == nil || open.Process.PID != int64(holder.Process.Pid) {
		t.Fatalf("told as %+v, want process %d", open.Process, holder.Process.Pid)
	}
	n := w.len()
	io.WriteString(holder.in, "\n")
	f := w.wait(t, n, "read", isCanary("c", fact.CanaryRead))
	if f.Process == nil || f.Process.PID != int64(holder.Process.Pid) {
		t.Errorf("the only one who has it open reads it, told as %+v", f.Process)
	}
	for range 20 {
		n := w.len()
		pid := run(t, "cat", w.at("canary"))
		for _, action := range []string{fact.CanaryOpen, fact.CanaryRead} {
			f := w.wait(t, n, action, isCanary("c", action))
			if f.Process != nil && f.Process.PID != pid {
				t.Fatalf("%s by process %d is laid to process %d", action, pid, f.Process.PID)
			}
		}
	}
}

// TestFanotify: with fanotify every touch has its process, also a chmod, a
// rename and a removal, which hold nothing open.
func TestFanotify(t *testing.T) {
	needFanotify(t)
	w := start(t, plan{make: []string{"canary"}, watch: map[string]string{"c": "canary"}, edit: func(c *canary.Config) {
		c.NoFanotify = false
	}})
	for _, d := range []struct {
		action string
		argv   []string
	}{
		{fact.CanaryRead, []string{"cat", w.at("canary")}},
		{fact.CanaryModify, []string{"truncate", "-s0", w.at("canary")}},
		{fact.CanaryAttrib, []string{"chmod", "600", w.at("canary")}},
		{fact.CanaryMove, []string{"mv", w.at("canary"), w.at("other")}},
		{fact.CanaryOpen, []string{"cp", w.at("other"), w.at("copy")}},
	} {
		n := w.len()
		pid := run(t, d.argv...)
		f := w.wait(t, n, d.action, isCanary("c", d.action))
		if f.Process == nil || f.Process.PID != pid || f.Canary.Attribution != fact.AttributionFanotify {
			t.Errorf("%q told as %+v by %+v, want process %d", d.argv, f.Canary, f.Process, pid)
		}
	}
	must(t, os.Rename(w.at("other"), w.at("canary")))
	w.awaitArmed(1)
	n := w.len()
	pid := run(t, "rm", w.at("canary"))
	f := w.wait(t, n, "delete", isCanary("c", fact.CanaryDelete))
	if f.Process == nil || f.Process.PID != pid {
		t.Errorf("rm told by %+v, want process %d", f.Process, pid)
	}
}

// needFanotify needs the right to use fanotify, which root has on a host of
// its own.
func needFanotify(t *testing.T) {
	t.Helper()
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_REPORT_FID|unix.FAN_REPORT_PIDFD, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		testneed.Root(t)
		t.Logf("no fanotify here: %v", err)
		testneed.Missing(t, "needs fanotify, which a user namespace does not have")
	}
	must(t, err)
	unix.Close(fd)
}
