//go:build linux

package canary_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/canary"
)

// deeds are what may be done to a canary, and the facts that must come of it,
// no more and no less. A canary after a deed is marked by touching "end".
var deeds = []struct {
	name string
	do   func(t *testing.T, path string)
	want []string
}{
	{"cat", func(t *testing.T, p string) { run(t, "cat", p) }, []string{"c open", "c read"}},
	{"head", func(t *testing.T, p string) { run(t, "head", "-c1", p) }, []string{"c open", "c read"}},
	{"open without reading", func(t *testing.T, p string) {
		f, err := os.Open(p)
		must(t, err)
		must(t, f.Close())
	}, []string{"c open"}},
	{"append", func(t *testing.T, p string) {
		f, err := os.OpenFile(p, os.O_WRONLY|os.O_APPEND, 0)
		must(t, err)
		_, err = f.WriteString("x")
		must(t, errors.Join(err, f.Close()))
	}, []string{"c open", "c modify"}},
	{"truncate", func(t *testing.T, p string) { must(t, os.Truncate(p, 0)) }, []string{"c modify"}},
	{"write through a mapping", writeMapped, []string{"c open", "c modify"}},
	{"chmod", func(t *testing.T, p string) { must(t, os.Chmod(p, 0o600)) }, []string{"c attrib"}},
	{"utimes", func(t *testing.T, p string) { must(t, os.Chtimes(p, time.Unix(1, 0), time.Unix(1, 0))) }, []string{"c attrib"}},
	{"setxattr", func(t *testing.T, p string) {
		must(t, unix.Setxattr(p, "user.picket", []byte("x"), 0))
	}, []string{"c attrib"}},
	{"link", func(t *testing.T, p string) { must(t, os.Link(p, p+".2")) }, []string{"c attrib"}},
	{"rm", func(t *testing.T, p string) { must(t, os.Remove(p)) }, []string{"c delete", "unwatched"}},
	{"rm while open", func(t *testing.T, p string) {
		f, err := os.Open(p)
		must(t, err)
		must(t, os.Remove(p))
		must(t, f.Close())
	}, []string{"c open", "c delete", "unwatched"}},
	{"rm and make", func(t *testing.T, p string) {
		must(t, os.Remove(p))
		must(t, os.WriteFile(p+".new", nil, 0o644))
		must(t, os.Link(p+".new", p))
	}, []string{"c delete"}},
	{"mv away", func(t *testing.T, p string) { must(t, os.Rename(p, p+".away")) }, []string{"c move", "unwatched"}},
	{"mv over", func(t *testing.T, p string) {
		must(t, os.WriteFile(p+".new", nil, 0o644))
		must(t, os.Rename(p+".new", p))
	}, []string{"c move"}},
	{"exchange", func(t *testing.T, p string) {
		must(t, os.WriteFile(p+".new", nil, 0o644))
		must(t, unix.Renameat2(unix.AT_FDCWD, p, unix.AT_FDCWD, p+".new", unix.RENAME_EXCHANGE))
	}, []string{"c move"}},
	{"mv there and back", func(t *testing.T, p string) {
		must(t, os.Rename(p, p+".away"))
		must(t, os.Rename(p+".away", p))
	}, []string{"c move"}},
	{"mv the folder", func(t *testing.T, p string) {
		must(t, os.Rename(filepath.Dir(p), filepath.Dir(p)+".away"))
	}, []string{"c move", "unwatched"}},
	{"mv a folder far above", func(t *testing.T, p string) {
		top := filepath.Dir(filepath.Dir(p))
		must(t, os.Rename(top, top+".away"))
	}, []string{"c move", "unwatched"}},
	{"rm -r", func(t *testing.T, p string) { must(t, os.RemoveAll(filepath.Dir(p))) }, []string{"c delete", "unwatched"}},
	{"stat", func(t *testing.T, p string) {
		_, err := os.Stat(p)
		must(t, err)
		_, err = os.ReadDir(filepath.Dir(p))
		must(t, err)
	}, nil},
}

func TestDeeds(t *testing.T) {
	for _, fan := range []bool{false, true} {
		for _, d := range deeds {
			name := "inotify/" + d.name
			if fan {
				name = "fanotify/" + d.name
			}
			t.Run(name, func(t *testing.T) {
				w := start(t, plan{
					make: []string{"top/in/canary", "end"}, watch: map[string]string{"c": "top/in/canary", "end": "end"},
					edit: func(c *canary.Config) { c.NoFanotify = !fan },
				})
				d.do(t, w.at("top/in/canary"))
				got := w.until(t)
				switch d.name {
				case "mv there and back": // two deeds, told as one or as two
					got = slices.Compact(got)
				case "rm and make": // there may be a look in between
					got = slices.DeleteFunc(got, func(s string) bool { return s == "unwatched" })
				}
				if diff := cmp.Diff(d.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

// until marks the end of a deed by touching another canary, and returns what
// was told before, sorted and in short. An event of the end comes
// after all that came before, but facts of one deed may be told a little
// later.
func (w *watched) until(t *testing.T) []string {
	t.Helper()
	time.Sleep(50 * time.Millisecond) // what must not come has no event to wait for
	n := w.len()
	run(t, "cat", w.at("end"))
	w.wait(t, n, "end", isCanary("end", fact.CanaryRead))
	facts, _ := w.since(0)
	var got []string
	for _, f := range facts {
		switch {
		case f.Kind == fact.KindCanary && f.Canary.ID == "end", f.Kind == fact.KindProcess:
		case isLoss(fact.LossUnwatched)(f):
			got = append(got, "unwatched")
		default:
			got = append(got, said([]*fact.Fact{f})...)
		}
	}
	slices.SortStableFunc(got, func(a, b string) int { return order(a) - order(b) })
	return got
}

func order(s string) int {
	return slices.Index([]string{"c open", "c read", "c modify", "c attrib", "c delete", "c move", "unwatched"}, s)
}

func run(t testing.TB, argv ...string) int64 {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v: %s", argv, err, out)
	}
	return int64(cmd.Process.Pid)
}

func writeMapped(t *testing.T, p string) {
	f, err := os.OpenFile(p, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	m, err := unix.Mmap(int(f.Fd()), 0, 4, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	must(t, err)
	m[0] = 'X'
	must(t, errors.Join(unix.Msync(m, unix.MS_SYNC), unix.Munmap(m)))
}

func TestWhereItWent(t *testing.T) {
	w := start(t, plan{make: []string{"a/canary"}, watch: map[string]string{"c": "a/canary"}})
	must(t, os.Rename(w.at("a/canary"), w.at("a/other")))
	f := w.wait(t, 0, "move", isCanary("c", fact.CanaryMove))
	if f.Canary.TargetPath != w.at("a/other") || f.Canary.Path != w.at("a/canary") {
		t.Errorf("moved from %q to %q", f.Canary.Path, f.Canary.TargetPath)
	}
	// What is done to it there is told too.
	run(t, "cat", w.at("a/other"))
	f = w.wait(t, 0, "read elsewhere", isCanary("c", fact.CanaryRead))
	if f.Canary.TargetPath != w.at("a/other") {
		t.Errorf("read at %q", f.Canary.TargetPath)
	}
}

// TestArmedAgain: whatever becomes of a canary, the file that lies in its
// place is watched.
func TestArmedAgain(t *testing.T) {
	away := 0
	for name, do := range map[string]func(t *testing.T, p string){
		"replaced": func(t *testing.T, p string) {
			must(t, os.WriteFile(p+".new", []byte("x"), 0o644))
			must(t, os.Rename(p+".new", p))
		},
		"made again": func(t *testing.T, p string) {
			must(t, os.Remove(p))
			must(t, os.WriteFile(p, []byte("x"), 0o644))
		},
		"folder made again": func(t *testing.T, p string) {
			must(t, os.RemoveAll(filepath.Dir(p)))
			write(t, p, "x")
		},
		"folder moved and another made": func(t *testing.T, p string) {
			away++
			must(t, os.Rename(filepath.Dir(p), fmt.Sprint(filepath.Dir(p), ".", away)))
			write(t, p, "x")
		},
		"all above made again": func(t *testing.T, p string) {
			must(t, os.RemoveAll(filepath.Dir(filepath.Dir(p))))
			write(t, p, "x")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, plan{make: []string{"top/in/canary"}, watch: map[string]string{"c": "top/in/canary"}})
			for range 3 {
				n := w.len()
				do(t, w.at("top/in/canary"))
				w.wait(t, n, "move or delete", func(f *fact.Fact) bool {
					return isCanary("c", fact.CanaryMove)(f) || isCanary("c", fact.CanaryDelete)(f)
				})
				w.awaitArmed(1)
				w.awaitRead(t, w.at("top/in/canary"))
			}
		})
	}
}

// awaitRead reads a file until that is told: the moment in which the file is
// watched again has no event.
func (w *watched) awaitRead(t *testing.T, path string) *fact.Fact {
	t.Helper()
	n := w.len()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		run(t, "cat", path)
		facts, _ := w.since(n)
		for _, f := range facts {
			if isCanary("c", fact.CanaryRead)(f) {
				return f
			}
		}
	}
	t.Fatalf("reading %s is not told", path)
	return nil
}

// TestNotThereYet: a canary that does not exist is told, and watched once it
// does, however much of the way to it was missing.
func TestNotThereYet(t *testing.T) {
	w := start(t, plan{watch: map[string]string{"c": "a/b/c/canary"}})
	f := w.wait(t, 0, "unwatched", isLoss(fact.LossUnwatched))
	if f.Canary == nil || f.Canary.ID != "c" || f.Sensor.Reason != "there is no such file" {
		t.Errorf("told as %+v, %+v", f.Sensor, f.Canary)
	}
	write(t, w.at("a/b/c/canary"), "x")
	w.awaitArmed(1)
	w.awaitRead(t, w.at("a/b/c/canary"))
	facts, _ := w.since(0)
	for _, f := range facts {
		if isCanary("c", fact.CanaryMove)(f) || isCanary("c", fact.CanaryDelete)(f) {
			t.Errorf("a canary that was not there: %s", said([]*fact.Fact{f}))
		}
	}
}

// TestNotAFile: what is not a file is not watched, and a link is not followed.
func TestNotAFile(t *testing.T) {
	w := start(t, plan{make: []string{"other", "canary"}, watch: map[string]string{"c": "canary"}, armed: 1})
	for what, put := range map[string]func(p string) error{
		"a symbolic link": func(p string) error { return os.Symlink(w.at("other"), p) },
		"a folder":        func(p string) error { return os.Mkdir(p, 0o755) },
		"a FIFO":          func(p string) error { return unix.Mkfifo(p, 0o644) },
	} {
		n := w.len()
		must(t, put(w.at("odd")))
		must(t, os.RemoveAll(w.at("canary")))
		must(t, os.Rename(w.at("odd"), w.at("canary")))
		f := w.wait(t, n, what, func(f *fact.Fact) bool {
			return isLoss(fact.LossUnwatched)(f) && strings.Contains(f.Sensor.Reason, what)
		})
		if f.Canary.ID != "c" {
			t.Errorf("told of %+v", f.Canary)
		}
	}
	n := w.len()
	must(t, os.RemoveAll(w.at("canary")))
	w.wait(t, n, "nothing there", isLoss(fact.LossUnwatched))
	n = w.len()
	must(t, os.Symlink(w.at("other"), w.at("canary")))
	w.wait(t, n, "link", isLoss(fact.LossUnwatched))
	run(t, "cat", w.at("other"))
	n = w.len()
	must(t, os.Remove(w.at("canary")))
	write(t, w.at("canary"), "x")
	w.awaitArmed(1)
	facts, _ := w.since(n)
	for _, f := range facts {
		if isCanary("c", fact.CanaryRead)(f) || isCanary("c", fact.CanaryOpen)(f) {
			t.Errorf("reading another file through a link counts as the canary's: %s", said([]*fact.Fact{f}))
		}
	}
}

// TestShared: canaries in one folder share its watch, and hard links to one
// file are all of them told.
func TestShared(t *testing.T) {
	watches := 0
	w := start(t, plan{
		make:  []string{"d/one", "d/two", "d/three"},
		watch: map[string]string{"one": "d/one", "two": "d/two", "three": "d/three", "link": "d/link"},
		edit: func(c *canary.Config) {
			c.Limit(func(n int) error { watches = max(watches, n); return nil })
			must(t, os.Link(filepath.Join(filepath.Dir(c.Canaries[0].Path), "one"), filepath.Join(filepath.Dir(c.Canaries[0].Path), "link")))
		},
		armed: 4,
	})
	depth := strings.Count(w.at("d"), "/")
	if most := 3 + depth; watches > most {
		t.Errorf("%d watches for 3 files in a folder %d deep", watches, depth)
	}
	run(t, "cat", w.at("d/one"))
	w.wait(t, 0, "read of one", isCanary("one", fact.CanaryRead))
	w.wait(t, 0, "read of its link", isCanary("link", fact.CanaryRead))
	run(t, "cat", w.at("d/two"))
	w.wait(t, 0, "read of two", isCanary("two", fact.CanaryRead))
	must(t, os.Remove(w.at("d/link")))
	w.wait(t, 0, "delete of the link", isCanary("link", fact.CanaryDelete))
	n := w.len()
	run(t, "cat", w.at("d/one"))
	w.wait(t, n, "read of one after its link is gone", isCanary("one", fact.CanaryRead))
}

// TestTouchesNothing: watching a canary leaves no trace of reading in it, and
// getting it ready for the next read is not told as a touch.
func TestTouchesNothing(t *testing.T) {
	w := start(t, plan{make: []string{"canary"}, watch: map[string]string{"c": "canary"}, edit: func(c *canary.Config) {
		p := c.Canaries[0].Path
		old := time.Now().Add(-time.Hour)
		must(t, os.Chtimes(p, old.Add(time.Minute), old))
		_, err := os.ReadFile(p) // so that the next read would leave no trace
		must(t, err)
		c.Check = 20 * time.Millisecond
	}})
	var before unix.Stat_t
	must(t, unix.Stat(w.at("canary"), &before))
	if unix.TimespecToNsec(before.Atim) > unix.TimespecToNsec(before.Ctim) {
		t.Errorf("the next read would leave no trace: read %v, changed %v", before.Atim, before.Ctim)
	}
	time.Sleep(200 * time.Millisecond) // ten checks
	var after unix.Stat_t
	must(t, unix.Stat(w.at("canary"), &after))
	if before.Atim != after.Atim {
		t.Error("the sensor has read the canary")
	}
	if facts, _ := w.since(0); len(facts) != 0 {
		t.Errorf("nobody touched it, but %q", said(facts))
	}
}

func TestManyReadsAreOneFact(t *testing.T) {
	gate := make(chan struct{})
	w := start(t, plan{make: []string{"canary", "other"}, watch: map[string]string{"c": "canary", "o": "other"}, edit: func(c *canary.Config) {
		c.Before(func() { <-gate })
	}})
	for range 20 {
		run(t, "cat", w.at("canary"))
		run(t, "cat", w.at("other"))
	}
	close(gate)
	f := w.wait(t, 0, "read", isCanary("c", fact.CanaryRead))
	if f.Canary.Count != 20 {
		t.Errorf("a fact for %d reads, want one for 20", f.Canary.Count)
	}
}

func TestRunsAgain(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "canary"), "x")
	c, err := canary.New(canary.Config{Canaries: []canary.Canary{{ID: "c", Path: filepath.Join(dir, "canary")}}, NoFanotify: true})
	must(t, err)
	for range 3 {
		ctx, cancel := context.WithCancel(context.Background())
		w := &watched{sink: newSink(), t: t, dir: dir, c: c}
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx, w) }()
		w.awaitArmed(1)
		w.awaitRead(t, w.at("canary"))
		cancel()
		must(t, <-done)
	}
}

func TestNoCanaries(t *testing.T) {
	c, err := canary.New(canary.Config{})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	must(t, c.Run(ctx, newSink()))
}

// TestArmed: who is told that the canaries are watched can rely on it: a touch
// from that moment on is seen.
func TestArmed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "canary")
	must(t, os.WriteFile(path, []byte("x"), 0o600))
	armed := make(chan struct{})
	c, err := canary.New(canary.Config{Canaries: []canary.Canary{{ID: "c", Path: path}}, NoAudit: true, NoFanotify: true, Armed: func() { close(armed) }})
	must(t, err)
	out := newSink()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, out) }()
	<-armed
	f, err := os.Open(path)
	must(t, err)
	must(t, f.Close())
	out.wait(t, 0, "the touch", isCanary("c", fact.CanaryOpen))
	cancel()
	must(t, <-done)
}
