//go:build linux

package process_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/connector"
	"picket.internal/sensor/watch/internal/proc"
	"picket.internal/sensor/watch/process"
)

// moment is now, by CLOCK_MONOTONIC and in ticks since boot.
func moment(t *testing.T) (at, ticks uint64) {
	for {
		var before, after unix.Timespec
		must(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &before))
		ticks = uint64(clock.Clock{}.SinceBoot() / clock.Tick)
		must(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &after))
		if after.Nano()-before.Nano() < int64(time.Millisecond) {
			return uint64(before.Nano()), ticks
		}
	}
}

// TestThreat_S3_HalfExecuted: a new process that shows an image and has not
// come to its arguments is told later, with them, and not as something between
// two.
func TestThreat_S3_HalfExecuted(t *testing.T) {
	p := scripted{t, t.TempDir()}
	dir := filepath.Join(p.root, "7")
	must(t, os.Mkdir(dir, 0o755))
	must(t, os.Symlink("/proc/self/exe", filepath.Join(dir, "exe")))
	c, err := process.New(process.Config{Proc: p.root})
	must(t, err)
	s := newSink()
	c.Begin(s)
	c.Hears(0)
	at, ticks := moment(t)
	stat := func(name string, code, stack int) {
		text := fmt.Sprintf("7 (%s) R 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0 0 %d 0 %d", name, ticks, code, stack)
		must(t, os.WriteFile(filepath.Join(dir, "stat"), []byte(text), 0o644))
	}
	stat("before", 0, 0)
	c.Hear(connector.Event{What: connector.Fork, PID: 7, TGID: 7, Parent: 1, Time: at},
		connector.Event{What: connector.Exec, PID: 7, TGID: 7, Time: at})
	if facts, _ := s.facts(); len(facts) != 0 {
		t.Fatalf("told as %+v", facts[0])
	}

	must(t, os.WriteFile(filepath.Join(dir, "cmdline"), []byte("after\x00x\x00"), 0o644))
	stat("after", 4096, 8192)
	c.Hear()
	waitFor(t, "the hash", func() bool { c.Settle(); return s.has(of(7, fact.ProcessStart)) })
	f := s.wait(t, "start", of(7, fact.ProcessStart))
	if f.Process.Name != "after" || !slices.Equal(f.Process.Args, []string{"after", "x"}) || f.Process.Hash == nil {
		t.Errorf("told as %+v", f.Process)
	}
	c.Hear()
	if got := actions(s, 7); len(got) != 1 {
		t.Errorf("told as %q", got)
	}
}

// TestThreat_S3_HashOfAnother: what a process executes after it was read is
// not hashed, and no package vouches for it, in place of what was read.
func TestThreat_S3_HashOfAnother(t *testing.T) {
	p := scripted{t, t.TempDir()}
	p.put(7, "100")
	exe := filepath.Join(p.root, "7", "exe")
	first, second := copySelf(t, "first", "1"), copySelf(t, "second", "2")
	must(t, os.Symlink(first, exe))
	fs, err := proc.Open(p.root)
	must(t, err)
	defer fs.Close()
	d, err := fs.Dir(7)
	must(t, err)
	defer d.Close()
	r, err := d.Read()
	must(t, err)
	image, err := process.OpenImage(d, r)
	must(t, err)
	image.Close()
	must(t, os.Remove(exe))
	must(t, os.Symlink(second, exe))
	if image, err := process.OpenImage(d, r); !errors.Is(err, proc.ErrGone) {
		t.Errorf("opened %v, %v", image, err)
	}
}

// TestFoundBeforeItWasTold: the kernel lists a process before it tells of it. A
// look in between does not make two of it, not even one that found it gone.
func TestFoundBeforeItWasTold(t *testing.T) {
	p := scripted{t, t.TempDir()}
	p.put(1, "1")
	c, err := process.New(process.Config{Proc: p.root})
	must(t, err)
	s := newSink()
	c.Begin(s)
	c.Hears(0)
	at, ticks := moment(t)
	for _, pid := range []int32{7, 8, 9} {
		p.put(int(pid), strconv.FormatUint(ticks, 10))
	}
	must(t, c.Scan())
	must(t, os.RemoveAll(filepath.Join(p.root, "8")))
	must(t, c.Scan())
	must(t, os.RemoveAll(filepath.Join(p.root, "7"))) // no look comes to that
	of := func(what uint32, pid int32, after time.Duration) connector.Event {
		return connector.Event{What: what, PID: pid, TGID: pid, Parent: 1, Time: at + uint64(after)}
	}
	for _, pid := range []int32{7, 8} {
		c.Hear(of(connector.Fork, pid, 90*time.Millisecond), of(connector.Exit, pid, 91*time.Millisecond))
		if got := actions(s, int64(pid)); len(got) != 2 || !strings.HasPrefix(got[0], fact.ProcessStart) || !strings.HasPrefix(got[1], fact.ProcessExit) {
			t.Errorf("process %d is told as %q", pid, got)
		}
		// The number is given to another one.
		c.Hear(of(connector.Fork, pid, 92*time.Millisecond), of(connector.Exit, pid, 93*time.Millisecond))
		if got := actions(s, int64(pid)); len(got) != 4 {
			t.Errorf("two processes with the number %d are told as %q", pid, got)
		}
	}
	// Nobody knows whose end was not told.
	c.Hear(connector.Event{What: connector.Overrun}, of(connector.Fork, 9, time.Hour))
	if got := actions(s, 9); len(got) != 2 || !strings.HasPrefix(got[1], fact.ProcessExit) {
		t.Errorf("after an overrun told as %q", got)
	}
}
