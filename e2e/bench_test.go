package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"picket.internal/api"
)

// touches is how many times the canary is opened for the latency figures.
const touches = 1000

// everyOpen alerts on each open, without suppression, so that each touch counts.
const everyOpen = `id: bench.open
title: A canary was opened
status: stable
severity: high
tags: [attack.discovery]
on: [canary]
where: canary.action == "open"
message: "{{canary.path}} was opened"
tests:
  - name: open
    facts: [{kind: canary, canary: {action: open, id: a, path: /a}}]
    alerts: 1
  - name: delete
    facts: [{kind: canary, canary: {action: delete, id: a, path: /a}}]
    alerts: 0
`

// BenchmarkCanaryToAlert opens a canary 1,000 times, one after the other, and
// takes the time from just before each open to the moment at which the hub had
// the alert on disk; both clocks are this machine's.
func BenchmarkCanaryToAlert(b *testing.B) {
	pack := b.TempDir()
	if err := os.WriteFile(filepath.Join(pack, "open.yaml"), []byte(everyOpen), 0o644); err != nil {
		b.Fatal(err)
	}
	hub := newHub(b, "--rules", pack)
	h := newHost(b, hub, nil, 1)
	alerts := make(chan api.Alert)
	c := hub.client()
	go func() {
		defer close(alerts)
		for a, err := range c.FollowAlerts(b.Context(), api.AlertQuery{}) {
			if err != nil {
				return
			}
			alerts <- a
		}
	}()
	awaitFollower(b, h, alerts)
	for b.Loop() {
		latencies := make([]time.Duration, 0, touches)
		for range touches {
			touch := time.Now()
			open(b, h.canaries[0])
			a, ok := <-alerts
			if !ok {
				b.Fatal("the stream of alerts ended")
			}
			latencies = append(latencies, a.Stored.Sub(touch))
		}
		slices.Sort(latencies)
		b.ReportMetric(ms(latencies[touches/2]), "p50-ms")
		b.ReportMetric(ms(latencies[touches*99/100]), "p99-ms")
		b.ReportMetric(ms(latencies[touches-1]), "max-ms")
	}
	b.ReportMetric(0, "ns/op")
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func open(b *testing.B, path string) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	f.Close()
}

// awaitFollower opens the canary until the stream delivers, and then drains it.
func awaitFollower(b *testing.B, h *host, alerts <-chan api.Alert) {
	b.Helper()
	open(b, h.canaries[0])
	for wait := 10 * time.Second; ; wait = time.Second {
		select {
		case <-alerts:
		case <-time.After(wait):
			if wait == time.Second {
				return
			}
			b.Fatal("the stream of alerts delivers nothing")
		}
	}
}

// BenchmarkSensorFootprint runs the sensor with all its collectors for 60 s and
// reads what it took from the kernel.
func BenchmarkSensorFootprint(b *testing.B) {
	const span = 60 * time.Second
	hub := newHub(b)
	h := newHost(b, hub, nil, 3)
	pid := h.proc.cmd.Process.Pid
	for b.Loop() {
		before := cpuTicks(b, pid)
		<-time.After(span)
		used := cpuTicks(b, pid) - before
		const ticksPerSecond = 100 // USER_HZ, fixed on linux/amd64
		b.ReportMetric(float64(used)/ticksPerSecond/span.Seconds()*100, "%cpu")
		b.ReportMetric(kib(b, pid, "smaps_rollup", "Pss:")/1024, "PSS-MiB")
		b.ReportMetric(kib(b, pid, "status", "VmRSS:")/1024, "RSS-MiB")
		b.ReportMetric(float64(processes(b)), "host-processes")
	}
	b.ReportMetric(0, "ns/op")
}

func cpuTicks(b *testing.B, pid int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		b.Fatalf("malformed stat %q", data)
	}
	return user + system
}

func kib(b *testing.B, pid int, file, name string) float64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
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

// BenchmarkBinarySizes reports the stripped programs, in bytes.
func BenchmarkBinarySizes(b *testing.B) {
	for b.Loop() {
		for _, name := range []string{"picket-sensor", "picket-hub", "picket"} {
			info, err := os.Stat(filepath.Join(bin, name))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(info.Size()), name+"-"+runtime.GOARCH+"-bytes")
		}
	}
	b.ReportMetric(0, "ns/op")
}
