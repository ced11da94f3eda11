//go:build linux

package process_test

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
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
