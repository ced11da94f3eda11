//go:build linux

package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
)

// What the sensor is measured on and with.
const (
	hostProcesses = 300              // at least
	settling      = 75 * time.Second // the first inventories are taken and every image is hashed
	restSpan      = 2 * time.Minute  // two of each inventory
	burstRate     = 2000             // short processes a second
	burstSeconds  = 10
)

// pair is a sensor as two processes.
type pair struct {
	*host
	watch, send *program
}

// newPair starts both processes as this user; the units' sandboxes cost
// nothing that would show here.
func newPair(t testing.TB, hub *rig, settings map[string]any, canaries int) *pair {
	t.Helper()
	dir, err := os.MkdirTemp("", "picket-") // a test's own folder can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	me := strconv.Itoa(os.Getuid())
	if settings == nil {
		settings = map[string]any{}
	}
	settings["link"] = map[string]string{"socket": filepath.Join(dir, "facts.sock"), "watcher": me, "sender": me}
	h := enrollHost(t, hub, nil, settings, canaries)
	p := &pair{host: h, watch: start(t, h.program, "watch", "--config", h.config)}
	p.send = start(t, h.program, "send", "--config", h.config)
	awaitWatching(t, hub, canaries)
	return p
}

// BenchmarkSensorFootprint runs both processes with all collectors on a host of
// 300 processes, side by side with others that Debian has, each doing its own
// collecting: at rest, and while 2,000 short processes a second come and go.
func BenchmarkSensorFootprint(b *testing.B) {
	testneed.Root(b)
	fillHost(b, hostProcesses)
	hub := newHub(b)
	sensor := newPair(b, hub, nil, 3)
	measured := []subject{{"picket-watch", sensor.watch.cmd.Process.Pid}, {"picket-send", sensor.send.cmd.Process.Pid}}
	others := peers(b)
	for _, p := range others {
		measured = append(measured, subject{p.name, p.pid})
	}
	<-time.After(settling)
	b.Run("rest", func(b *testing.B) {
		for b.Loop() {
			before, began := factsOfTheHost(b, hub), time.Now()
			report(b, measured, func() { keepCollecting(b, others, restSpan) })
			b.ReportMetric(float64(factsOfTheHost(b, hub)-before)/time.Since(began).Seconds(), "facts/s")
			b.ReportMetric(float64(processes(b)), "host-processes")
		}
	})
	burst := buildBurst(b)
	b.Run("burst", func(b *testing.B) {
		for b.Loop() {
			before, began := factsOfTheHost(b, hub), time.Now()
			report(b, measured, func() { runBurst(b, burst) })
			b.ReportMetric(float64(factsOfTheHost(b, hub)-before)/time.Since(began).Seconds(), "facts/s")
		}
	})
}

// factsOfTheHost is how many facts the hub has of its one host.
func factsOfTheHost(b *testing.B, hub *rig) int64 {
	b.Helper()
	for h, err := range hub.client().Hosts(b.Context()) {
		if err != nil {
			b.Fatal(err)
		}
		return h.Facts
	}
	b.Fatal("the hub knows no host")
	return 0
}

// subject is a process that is measured.
type subject struct {
	name string
	pid  int
}

// report measures processes while something happens: the share of one
// processor over that time, and the memory at its end.
func report(b *testing.B, all []subject, while func()) {
	b.Helper()
	before := make([]time.Duration, len(all))
	for i, s := range all {
		before[i] = cpuTime(b, s.pid)
	}
	began := time.Now()
	while()
	span := time.Since(began).Seconds()
	var cpu, pss float64
	for i, s := range all {
		share := (cpuTime(b, s.pid) - before[i]).Seconds() / span * 100
		memory := kib(b, s.pid, "smaps_rollup", "Pss:") / 1024
		b.ReportMetric(share, s.name+"-%cpu")
		b.ReportMetric(memory, s.name+"-PSS-MiB")
		b.ReportMetric(kib(b, s.pid, "status", "VmRSS:")/1024, s.name+"-RSS-MiB")
		if strings.HasPrefix(s.name, "picket") {
			cpu, pss = cpu+share, pss+memory
		}
	}
	b.ReportMetric(cpu, "picket-both-%cpu")
	b.ReportMetric(pss, "picket-both-PSS-MiB")
	b.ReportMetric(0, "ns/op")
}

// keepCollecting has the peers do their work for a while.
func keepCollecting(b *testing.B, all []peer, span time.Duration) {
	b.Helper()
	end := time.After(span)
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	for {
		for _, p := range all {
			if err := p.collect(); err != nil {
				b.Error(err)
			}
		}
		select {
		case <-end:
			return
		case <-tick.C:
		}
	}
}

// fillHost adds processes that sleep until there are n.
func fillHost(b *testing.B, n int) {
	b.Helper()
	for range n - processes(b) {
		cmd := exec.Command("sleep", "3600")
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	}
}

// buildBurst builds the program that starts processes at a rate.
func buildBurst(b *testing.B) string {
	b.Helper()
	gcc := testneed.Command(b, "gcc", "apt-get install gcc libc6-dev")
	path := filepath.Join(b.TempDir(), "burst")
	if out, err := exec.Command(gcc, "-static", "-O1", "-o", path, "../sensor/watch/process/testdata/burst.c").CombinedOutput(); err != nil {
		b.Fatalf("building the burst: %v\n%s", err, out)
	}
	return path
}

// runBurst runs it and says how long it took.
func runBurst(b *testing.B, program string) {
	b.Helper()
	out, err := exec.Command(program, strconv.Itoa(burstRate), strconv.Itoa(burstSeconds)).Output()
	if err != nil {
		b.Fatalf("running the burst: %v", err)
	}
	took, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		b.Fatalf("malformed answer of the burst %q", out)
	}
	b.ReportMetric(burstRate*burstSeconds/took*1000, "processes/s")
}

// cpuTime is what a process and its threads, ended ones too, have used of the
// processors, to the nanosecond: what rests uses less in a minute than stat's
// ticks can tell. The clock's number is the kernel's CPUCLOCK_SCHED of a
// process (include/linux/posix-timers_types.h, clock_getcpuclockid(3)).
func cpuTime(b *testing.B, pid int) time.Duration {
	const sched = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|sched), &t); err != nil {
		b.Fatalf("read the processor time of process %d: %v", pid, err)
	}
	return time.Duration(t.Nano())
}

func kib(b *testing.B, pid int, file, name string) float64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(io.LimitReader(f, 1<<20)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), name); ok {
			n, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatalf("%s of process %d has no %s", file, pid, name)
	return 0
}

func processes(b *testing.B) int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err == nil {
			n++
		}
	}
	return n
}
