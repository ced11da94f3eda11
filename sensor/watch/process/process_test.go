//go:build linux

package process_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/process"
)

func hashOf(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestStartToExit(t *testing.T) {
	s := run(t, process.Config{})
	self := int64(os.Getpid())
	path := copySelf(t, "child", "")
	before := time.Now()
	c := play(t, "wait", path, "one", "two words")
	f := s.wait(t, "start", of(c.pid(), fact.ProcessStart))
	p := f.Process
	if p.Executable != path || p.ExecutableKind != fact.ExecutableFile || p.Deleted || p.Name != "child" {
		t.Errorf("image: %+v", p)
	}
	if h := s.settled(t, f).Process; h.HashStatus != fact.HashOK || h.Hash == nil || h.Hash.SHA256 != hashOf(t, path) {
		t.Errorf("hash %s %+v", h.HashStatus, h.Hash)
	}
	if p.CommandLine != path+" one two words" || len(p.Args) != 3 {
		t.Errorf("command line %q, args %q", p.CommandLine, p.Args)
	}
	if p.Parent == nil || p.Parent.PID != self || p.Parent.Executable == "" || p.Parent.EntityID == "" || len(p.Ancestors) == 0 {
		t.Errorf("parent %+v, ancestors %q", p.Parent, p.Ancestors)
	}
	if cwd, _ := os.Getwd(); p.WorkingDirectory != cwd {
		t.Errorf("working directory %q", p.WorkingDirectory)
	}
	if f.User == nil || f.User.ID != strconv.Itoa(os.Geteuid()) {
		t.Errorf("user %+v", f.User)
	}
	if d := f.Time.Sub(before); d < -50*time.Millisecond || d > time.Second {
		t.Errorf("started %v after it was started", d)
	}
	c.end()
	gone := s.wait(t, "exit", of(c.pid(), fact.ProcessExit))
	if g := gone.Process; g.EntityID != p.EntityID || g.Executable != path || g.Hash == nil || g.Hash.SHA256 != hashOf(t, path) {
		t.Errorf("exit of %+v, which started as %+v", g, p)
	}
}

func TestExec(t *testing.T) {
	s := run(t, process.Config{})
	first, second := copySelf(t, "first", "1"), copySelf(t, "second", "2")
	c := play(t, "exec", first, second, "now")
	start := s.wait(t, "start", of(c.pid(), fact.ProcessStart))
	c.in.Write([]byte{'x'})
	f := s.wait(t, "exec", of(c.pid(), fact.ProcessExec))
	if h := s.settled(t, f).Process; h.Executable != second || h.Hash == nil || h.Hash.SHA256 != hashOf(t, second) {
		t.Errorf("it runs %+v", h)
	}
	if f.Process.EntityID != start.Process.EntityID {
		t.Error("it is another process after exec")
	}
}

// TestExecOfTheSameImage: the same file again is an exec too.
func TestExecOfTheSameImage(t *testing.T) {
	s := run(t, process.Config{})
	path := copySelf(t, "same", "")
	c := play(t, "exec", path, path, "again")
	s.wait(t, "start", of(c.pid(), fact.ProcessStart))
	c.in.Write([]byte{'x'})
	f := s.wait(t, "exec", of(c.pid(), fact.ProcessExec))
	if f.Process.CommandLine != path+" again" {
		t.Errorf("command line %q", f.Process.CommandLine)
	}
}

// TestExitCode: a process that was not yet reaped has left its code.
func TestExitCode(t *testing.T) {
	s := run(t, process.Config{})
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{roleVar + "=fail"}
	must(t, cmd.Start())
	f := s.wait(t, "exit", of(int64(cmd.Process.Pid), fact.ProcessExit))
	if f.Process.ExitCode == nil || *f.Process.ExitCode != 3 {
		t.Errorf("exit code %v", f.Process.ExitCode)
	}
	cmd.Wait()
	killed := play(t, "wait", "/proc/self/exe")
	s.wait(t, "start", of(killed.pid(), fact.ProcessStart))
	killed.Process.Kill()
	f = s.wait(t, "exit", of(killed.pid(), fact.ProcessExit))
	if f.Process.ExitCode == nil || *f.Process.ExitCode != 128+9 {
		t.Errorf("exit code %v of a process that was killed", f.Process.ExitCode)
	}
	facts, _ := s.facts()
	exits := 0
	for _, f := range facts {
		if of(int64(cmd.Process.Pid), fact.ProcessExit)(f) {
			exits++
		}
	}
	if exits != 1 {
		t.Errorf("%d exits of one process", exits)
	}
}

func TestKernelThreads(t *testing.T) {
	s := run(t, process.Config{})
	if _, err := os.Stat("/proc/2/stat"); err != nil {
		return // a pid namespace of its own shows none
	}
	f := s.wait(t, "seen of pid 2", of(2, fact.ProcessSeen))
	if p := f.Process; p.Parent == nil && p.Name == "kthreadd" &&
		(p.ExecutableKind != fact.ExecutableKernel || p.HashStatus != fact.HashNone || len(p.Unreadable) > 0) {
		t.Errorf("kthreadd is %+v", p)
	}
}

// TestHashThatTakesLong: the fact does not wait for ever, and the hash follows.
func TestHashThatTakesLong(t *testing.T) {
	path := copySelf(t, "large", "")
	must(t, os.Truncate(path, 200<<20))
	s := run(t, process.Config{HashWait: time.Nanosecond})
	c := play(t, "wait", path)
	f := s.wait(t, "start", of(c.pid(), fact.ProcessStart))
	if f.Process.HashStatus != fact.HashDeferred || f.Process.Hash != nil {
		t.Fatalf("hash %s %+v at the start", f.Process.HashStatus, f.Process.Hash)
	}
	f = s.wait(t, "seen with the hash", of(c.pid(), fact.ProcessSeen))
	if f.Process.Hash == nil || f.Process.Hash.SHA256 != hashOf(t, path) {
		t.Errorf("hash %s %+v", f.Process.HashStatus, f.Process.Hash)
	}
}

func TestTooLargeImage(t *testing.T) {
	path := copySelf(t, "huge", "")
	must(t, os.Truncate(path, 1<<40))
	s := run(t, process.Config{})
	c := play(t, "wait", path)
	f := s.wait(t, "start", of(c.pid(), fact.ProcessStart))
	if f.Process.HashStatus != fact.HashTooLarge {
		t.Errorf("hash status %s", f.Process.HashStatus)
	}
}

// TestUnchangedImageIsReadOnce runs one image ten times.
func TestUnchangedImageIsReadOnce(t *testing.T) {
	image := filepath.Join(t.TempDir(), "image")
	must(t, os.WriteFile(image, []byte("image"), 0o755))
	p := scripted{t, t.TempDir()}
	add := func(pid int) {
		p.put(pid, "1")
		must(t, os.Symlink(image, filepath.Join(p.root, strconv.Itoa(pid), "exe")))
	}
	time.Sleep(2100 * time.Millisecond) // until its times name its content; the kernel's clock cannot be set
	c, err := process.New(process.Config{Proc: p.root})
	must(t, err)
	s := newSink()
	c.Begin(s)
	told := func(n int) {
		must(t, c.Scan())
		for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			c.Settle()
			if facts, _ := s.facts(); len(facts) == n {
				return
			} else if time.Now().After(end) {
				t.Fatalf("%d facts, want %d", len(facts), n)
			}
		}
	}
	add(1)
	told(1)
	for pid := 2; pid <= 10; pid++ {
		add(pid)
	}
	told(10)
	if n := c.Hasher().Reads(); n != 1 {
		t.Errorf("the image of ten processes was read %d times", n)
	}
	facts, _ := s.facts()
	for _, f := range facts {
		if f.Process.Hash == nil || f.Process.Hash.SHA256 != hashOf(t, image) {
			t.Errorf("hash %s %+v", f.Process.HashStatus, f.Process.Hash)
		}
	}
}

// scripted is a proc file system of the test's making.
type scripted struct {
	t    *testing.T
	root string
}

func (p scripted) put(pid int, ticks string) {
	p.t.Helper()
	dir := filepath.Join(p.root, strconv.Itoa(pid))
	must(p.t, os.MkdirAll(dir, 0o755))
	stat := strconv.Itoa(pid) + " (p) S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " + ticks + " 0 0 0 4096 0 8192"
	must(p.t, os.WriteFile(filepath.Join(dir, "stat"), []byte(stat), 0o644))
}

func actions(s *sink, pid int64) (all []string) {
	facts, _ := s.facts()
	for _, f := range facts {
		if f.Process != nil && f.Process.PID == pid {
			all = append(all, f.Process.Action+" "+strconv.FormatUint(f.Process.StartTicks, 10))
		}
	}
	return all
}

// TestThreat_S3_NumberGivenTwice: another process under a known number is
// another process.
func TestThreat_S3_NumberGivenTwice(t *testing.T) {
	p := scripted{t, t.TempDir()}
	p.put(7, "100")
	c, err := process.New(process.Config{Proc: p.root, Revalidate: 1})
	must(t, err)
	s := newSink()
	c.Begin(s)
	must(t, c.Scan())
	p.put(7, "200")
	must(t, c.Scan())
	must(t, c.Scan())
	want := []string{"seen 100", "exit 100", "seen 200"}
	got := actions(s, 7)
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("got %q, want %q", got, want)
	}
	facts, _ := s.facts()
	ids := map[string]bool{}
	for _, f := range facts {
		if f.Process != nil {
			ids[f.Process.EntityID] = true
		}
	}
	if len(ids) != 2 {
		t.Errorf("two processes have %d entity ids", len(ids))
	}
}

// TestGoneProcessesAreCountedTogether: a process that is listed and gone
// before it can be read is a loss, one for all of a while.
func TestGoneProcessesAreCountedTogether(t *testing.T) {
	p := scripted{t, t.TempDir()}
	p.put(1, "1")
	for pid := 100; pid < 150; pid++ {
		must(t, os.Mkdir(filepath.Join(p.root, strconv.Itoa(pid)), 0o755)) // listed, but nothing to read
	}
	c, err := process.New(process.Config{Proc: p.root})
	must(t, err)
	s := newSink()
	c.Begin(s)
	must(t, c.Scan())
	must(t, c.Scan())
	var losses []int64
	facts, _ := s.facts()
	for _, f := range facts {
		if f.Sensor != nil && f.Sensor.Cause == fact.LossProcessGone {
			losses = append(losses, f.Sensor.Count)
		}
	}
	if len(losses) != 1 || losses[0] != 50 {
		t.Errorf("losses %v, want one of 50", losses)
	}
}

// TestUnknownOwnerIsNobody: whose owner could not be read is told without one
// to the end, and never as root.
func TestUnknownOwnerIsNobody(t *testing.T) {
	p := scripted{t, t.TempDir()}
	p.put(1, "1")
	p.put(7, "100")
	c, err := process.New(process.Config{Proc: p.root})
	must(t, err)
	s := newSink()
	c.Begin(s)
	must(t, c.Scan())
	must(t, os.RemoveAll(filepath.Join(p.root, "7")))
	must(t, c.Scan())
	facts, _ := s.facts()
	for _, f := range facts {
		if f.Process != nil && f.User != nil {
			t.Errorf("%s is told with the user %+v", f.Process.Action, f.User)
		}
	}
	if got := actions(s, 7); len(got) != 2 {
		t.Errorf("told as %q", got)
	}
}

// TestCrowd: a host with thousands of processes is read in steps, and whole.
func TestCrowd(t *testing.T) {
	p := scripted{t, t.TempDir()}
	const crowd = 2000
	for pid := 1; pid <= crowd; pid++ {
		p.put(pid, strconv.Itoa(pid))
	}
	c, err := process.New(process.Config{Proc: p.root})
	must(t, err)
	s := newSink()
	c.Begin(s)
	must(t, c.ScanOnce())
	if got := c.Backlog(); got != crowd-process.Step {
		t.Errorf("%d wait after the first step, want %d", got, crowd-process.Step)
	}
	must(t, c.Scan())
	if facts, _ := s.facts(); len(facts) != crowd || c.Count() != crowd {
		t.Errorf("%d facts, %d known", len(facts), c.Count())
	}
	must(t, os.RemoveAll(filepath.Join(p.root, "77")))
	must(t, c.ScanOnce())
	if got := actions(s, 77); len(got) != 2 || c.Count() != crowd-1 {
		t.Errorf("actions %q, %d known", got, c.Count())
	}
}

func TestCoverageIsToldWhenItChanges(t *testing.T) {
	for _, c := range []struct {
		seen, blind, oldSeen, oldBlind int64
		want                           bool
	}{
		{10, 0, 0, 0, false},
		{10, 1, 10, 0, true},
		{10, 0, 10, 1, true},
		{100, 100, 101, 99, false},
		{100, 100, 100, 80, true},
		{0, 5, 0, 6, false},
	} {
		if got := process.Differs(c.seen, c.blind, c.oldSeen, c.oldBlind); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestNoProc(t *testing.T) {
	if _, err := process.New(process.Config{Proc: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("a proc file system that is not there was opened")
	}
	c, err := process.New(process.Config{Proc: t.TempDir()})
	must(t, err)
	c.Begin(newSink())
	if err := c.Scan(); err == nil {
		t.Error("a host without a process was believed")
	}
}

func TestKnownToOthers(t *testing.T) {
	c, err := process.New(process.Config{})
	must(t, err)
	c.Begin(newSink())
	must(t, c.Scan())
	self := int32(os.Getpid())
	exe, _ := os.Executable()
	if k, ok := c.Kin(self); !ok || k.Path != exe || k.PPID != int32(os.Getppid()) {
		t.Errorf("kin %+v, %v", k, ok)
	}
	p, u, _, ok := c.Recall(self)
	if !ok || p.Executable != exe || p.ExecutableKind != fact.ExecutableFile || p.Parent == nil || u.ID != strconv.Itoa(os.Geteuid()) {
		t.Errorf("recalled as %+v, %+v", p, u)
	}
	if _, _, _, ok := c.Recall(1 << 30); ok {
		t.Error("a process that never was is recalled")
	}
}
