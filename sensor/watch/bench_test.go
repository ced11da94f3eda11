//go:build linux

package watch_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch"
	"picket.internal/sensor/watch/canary"
	"picket.internal/sensor/watch/integrity"
	"picket.internal/sensor/watch/metric"
	"picket.internal/sensor/watch/process"
	"picket.internal/sensor/watch/self"
)

type nowhere struct{}

func (nowhere) Emit(*fact.Fact) {}

// restFor is how long the collectors are left alone, a whole number of
// heartbeats.
const restFor = 30 * time.Second

// BenchmarkAtRest tells what all collectors together take of a processor, with
// 300 processes more than the host has, after their start.
func BenchmarkAtRest(b *testing.B) {
	for range 300 {
		cmd := exec.Command("sleep", "600")
		must(b, cmd.Start())
		b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	}
	var list []canary.Canary
	for _, id := range []string{"a", "b", "c"} {
		path := filepath.Join(b.TempDir(), id)
		must(b, os.WriteFile(path, []byte("x"), 0o600))
		list = append(list, canary.Canary{ID: id, Path: path})
	}
	processes, err := process.New(process.Config{})
	must(b, err)
	canaries, err := canary.New(canary.Config{Canaries: list, Processes: processes})
	must(b, err)
	binary, err := integrity.New(integrity.Config{})
	must(b, err)
	metrics, err := metric.New(metric.Config{})
	must(b, err)
	own, err := self.New(self.Config{})
	must(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go watch.New(watch.Config{Collectors: []watch.Collector{processes, canaries, binary, metrics, own}}).Run(ctx, nowhere{})
	time.Sleep(12 * time.Second) // the baseline, and until nobody is young
	for b.Loop() {
		before, began := used(b), time.Now()
		time.Sleep(restFor)
		b.ReportMetric(100*(used(b)-before).Seconds()/time.Since(began).Seconds(), "%core")
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/1e6, "heap-MB")
	b.ReportMetric(float64(processes.Count()), "processes")
}

func used(b *testing.B) time.Duration {
	var u unix.Rusage
	must(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
