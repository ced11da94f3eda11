//go:build unix

package hub_test

import (
	"iter"
	"sync"
	"syscall"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/client"
	"picket.internal/engine/replay"
	"picket.internal/engine/rule"
	"picket.internal/fact"
	"picket.internal/hub/hubtest"
	"picket.internal/hub/internal/sample"
	"picket.internal/rules"
)

// BenchmarkReplay stores 200,000 facts and replays them over TLS: only read, and
// held against the shipped rules. Hub and client share the processors.
func BenchmarkReplay(b *testing.B) {
	const hosts, batches, size = 10, 80, 250
	h := hubtest.New(b, nil)
	var wg sync.WaitGroup
	for i := range hosts {
		host := h.Enroll()
		facts := sample.NewHost(host.ID, uint64(i), time.Now())
		wg.Go(func() {
			for range batches {
				host.MustSend(facts.Facts(size)...)
			}
		})
	}
	wg.Wait()
	c, err := client.New(client.Options{Token: h.Access, HubURL: h.URL("")})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	set, findings := rule.LoadFS(rules.FS())
	if set == nil {
		b.Fatal(findings)
	}
	measure := func(name string, take func(iter.Seq2[[]replay.Item, error]) int64) {
		b.Run(name, func(b *testing.B) {
			var total int64
			before := processor(b)
			for b.Loop() {
				log, err := c.Replay(b.Context(), api.ReplayQuery{})
				if err != nil {
					b.Fatal(err)
				}
				total += take(items(b, log))
				log.Close()
			}
			if total < hosts*batches*size {
				b.Fatalf("%d facts were replayed", total)
			}
			b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "facts/s")
			b.ReportMetric(float64((processor(b)-before).Nanoseconds())/1000/float64(total), "cpu-µs/fact")
		})
	}
	measure("read", func(pages iter.Seq2[[]replay.Item, error]) (n int64) {
		for page := range pages {
			n += int64(len(page))
		}
		return n
	})
	measure("rules", func(pages iter.Seq2[[]replay.Item, error]) int64 {
		r, err := replay.Run(b.Context(), replay.Config{Set: set}, pages)
		if err != nil {
			b.Fatal(err)
		}
		return r.Facts
	})
}

// processor is the time that this process has had on a processor: unlike the
// other clock, it does not go faster on a machine that is busy with other things.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func items(b *testing.B, log *client.Replay) iter.Seq2[[]replay.Item, error] {
	return func(yield func([]replay.Item, error) bool) {
		for lb, err := range log.All() {
			if err != nil {
				b.Fatal(err)
			}
			page := make([]replay.Item, 0, len(lb.Facts))
			for _, raw := range lb.Facts {
				f, _, err := fact.Parse(raw)
				if err != nil {
					b.Fatal(err)
				}
				page = append(page, replay.Item{Received: lb.Received, Fact: f})
			}
			if !yield(page, nil) {
				return
			}
		}
	}
}
