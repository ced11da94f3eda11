//go:build linux

package process_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/process"
)

type nowhere struct{}

func (nowhere) Emit(*fact.Fact) {}

func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkScan tells what one look costs in processor time, at rest: nothing
// is new, nobody is young.
func BenchmarkScan(b *testing.B) {
	for _, n := range []int{0, 300, 1000} {
		b.Run(fmt.Sprintf("%d-more", n), func(b *testing.B) {
			crowd(b, n)
			c, err := process.New(process.Config{})
			must(b, err)
			c.Begin(nowhere{})
			must(b, c.Scan())
			time.Sleep(6 * time.Second) // until nobody is young
			before, scans := cpu(b), 0
			for b.Loop() {
				must(b, c.Scan())
				scans++
			}
			used := (cpu(b) - before) / time.Duration(scans)
			b.ReportMetric(float64(used.Microseconds()), "cpu-µs/scan")
			b.ReportMetric(used.Seconds()*100, "%core-at-1s")
			b.ReportMetric(float64(c.Count()), "processes")
		})
	}
}

// crowd starts n processes that do nothing.
func crowd(b *testing.B, n int) {
	var all []*exec.Cmd
	for range n {
		cmd := exec.Command("sleep", "600")
		must(b, cmd.Start())
		all = append(all, cmd)
	}
	b.Cleanup(func() {
		for _, cmd := range all {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
}

// BenchmarkBaseline tells what the first look costs.
func BenchmarkBaseline(b *testing.B) {
	crowd(b, 300)
	for b.Loop() {
		c, err := process.New(process.Config{})
		must(b, err)
		c.Begin(nowhere{})
		must(b, c.Scan())
	}
}

// stamped notes when the start of a process came.
type stamped struct {
	mu   sync.Mutex
	at   map[int64]time.Time
	left int
	done chan struct{}
}

func (s *stamped) Emit(f *fact.Fact) {
	if f.Process == nil || f.Process.Action != fact.ProcessStart || f.Process.Parent == nil || f.Process.Parent.PID != int64(os.Getpid()) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at[f.Process.PID].IsZero() {
		s.at[f.Process.PID] = time.Now()
		if s.left--; s.left == 0 {
			close(s.done)
		}
	}
}

// BenchmarkExecToFact tells how long after somebody set out to start it a
// process of two milliseconds is a fact, with its hash: fork and execution are
// in it.
func BenchmarkExecToFact(b *testing.B) {
	testneed.Root(b)
	c, err := process.New(process.Config{})
	must(b, err)
	const n = 200
	var took []time.Duration
	for b.Loop() {
		out := &stamped{at: map[int64]time.Time{}, left: n, done: make(chan struct{})}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx, out) }()
		waitFor(b, "the kernel to be heard", c.Live)
		began := map[int64]time.Time{}
		for range n {
			cmd := exec.Command("sleep", "0.002")
			at := time.Now()
			must(b, cmd.Start())
			began[int64(cmd.Process.Pid)] = at
			cmd.Wait()
		}
		<-out.done
		cancel()
		must(b, <-done)
		for pid, at := range began {
			took = append(took, max(0, out.at[pid].Sub(at)))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	s := c.Hasher().Stats()
	b.ReportMetric(float64(s.Bytes), "hashed-B")
	b.ReportMetric(float64(s.Hits), "hash-hits")
	b.ReportMetric(0, "ns/op")
}
