//go:build linux

package canary_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/canary"
)

// TestTenThousand: that many canaries, half of them in one folder and the rest
// in a folder each, are watched, in little memory; to look at all of them costs
// next to nothing, and a touch of one is told as fast as of the only one.
func TestTenThousand(t *testing.T) {
	const many = 10_000
	dir := t.TempDir()
	var list []canary.Canary
	for i := range many {
		path := filepath.Join(dir, "one", fmt.Sprint("c", i))
		if i%2 == 1 {
			path = filepath.Join(dir, "each", fmt.Sprint("d", i), "canary")
		}
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, nil, 0o600))
		list = append(list, canary.Canary{ID: strconv.Itoa(i), Path: path, Type: "aws"})
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, began := heap(), time.Now()
	w := start(t, plan{dir: dir, armed: many, edit: func(c *canary.Config) { c.Canaries = list; c.Check = 500 * time.Millisecond }})
	t.Logf("watching %d after %v", many, time.Since(began).Round(time.Millisecond))
	grown := heap() - before
	if t.Logf("heap grew by %d KiB", grown>>10); grown > 24<<20 {
		t.Errorf("%d bytes a canary", grown/many)
	}
	cpu := processorTime(t)
	time.Sleep(2 * time.Second) // four checks
	each := (processorTime(t) - cpu) / 4
	if t.Logf("a check costs %v of processor time", each); each > 300*time.Millisecond {
		t.Errorf("a check costs %v", each)
	}
	var took []time.Duration
	for i := range 200 {
		c := list[i*37%many]
		n, at := w.len(), time.Now()
		f, err := os.Open(c.Path)
		must(t, err)
		got := w.wait(t, n, "open of "+c.ID, isCanary(c.ID, fact.CanaryOpen))
		took = append(took, time.Since(at))
		f.Close()
		if got.Canary.Type != "aws" {
			t.Fatalf("told as %+v", got.Canary)
		}
	}
	slices.Sort(took)
	t.Logf("from touch to fact: median %v, 99 of 100 within %v", took[len(took)/2], took[len(took)*99/100])
	must(t, os.Rename(filepath.Join(dir, "each"), filepath.Join(dir, "gone")))
	w.awaitArmed(many / 2)
	moves := 0
	for end := time.Now().Add(patience); moves < many/2 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		facts, _ := w.since(0)
		moves = 0
		for _, f := range facts {
			if f.Canary != nil && f.Canary.Action == fact.CanaryMove {
				moves++
			}
		}
	}
	if moves != many/2 {
		t.Errorf("%d canaries are told to have moved with their folder, want %d", moves, many/2)
	}
}

func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var u unix.Rusage
	must(t, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestLimitIsNamed: where the kernel's limit is too low, the loss says which it
// is and how high it has to be.
func TestLimitIsNamed(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "canary"), "x")
	s, _ := inNamespace(t, "user/max_inotify_watches=2", filepath.Join(dir, "canary"))
	f := s.wait(t, 0, "limit", isLoss(fact.LossWatchLimit))
	if !strings.Contains(f.Sensor.Reason, "fs.inotify.max_user_watches") {
		t.Errorf("reason %q", f.Sensor.Reason)
	}
}
