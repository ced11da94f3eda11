package e2e_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
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
