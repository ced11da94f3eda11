package hub_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"picket.internal/hub/hubtest"
	"picket.internal/hub/internal/sample"
	"picket.internal/wire"
)

// BenchmarkIngest sends sealed batches of twenty sensors over TLS to a hub that
// stores each durably and holds each fact against the shipped rules. Sealing
// and packing are done before; sending runs on the same processors.
func BenchmarkIngest(b *testing.B) {
	const sensors = 20
	for _, size := range []int{20, 100, 500} {
		b.Run(fmt.Sprintf("facts=%d", size), func(b *testing.B) {
			h := hubtest.New(b, nil)
			per := max(1, b.N/sensors)
			bodies := make([][][]byte, sensors)
			hosts := make([]*hubtest.Host, sensors)
			for i := range hosts {
				hosts[i] = h.Enroll()
				facts := sample.NewHost(hosts[i].ID, uint64(i), time.Now())
				for range per {
					bodies[i] = append(bodies[i], hubtest.Gzip(b, hosts[i].Seal(hosts[i].Batch(facts.Facts(size)...))))
				}
			}
			b.ResetTimer()
			var wg sync.WaitGroup
			for i, host := range hosts {
				wg.Go(func() {
					for _, body := range bodies[i] {
						if _, _, err := host.Post(wire.PathBatch, body, http.Header{"Content-Encoding": {"gzip"}}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			facts := float64(per * sensors * size)
			b.ReportMetric(facts/b.Elapsed().Seconds(), "facts/s")
			b.ReportMetric(0, "ns/op")
			h.Stop() // moves the write-ahead log into the database
			info, err := os.Stat(filepath.Join(h.Dir, "hub.db"))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(info.Size())/facts, "B/fact")
		})
	}
}

// BenchmarkCanaryToAlert sends one canary fact at a time and waits for its
// alert over the follow stream, as `picket alerts follow` does.
func BenchmarkCanaryToAlert(b *testing.B) {
	h := hubtest.New(b, nil)
	host := h.Enroll()
	follow := h.Follow()
	took := make([]time.Duration, 0, b.N)
	var stored []float64
	for range b.N {
		touch := host.Canary("/root/.aws/credentials")
		host.MustSend(touch)
		alert := follow.Next()
		took = append(took, time.Since(touch.Time))
		stored = append(stored, alert.LatencyMS)
	}
	slices.Sort(took)
	slices.Sort(stored)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(stored[len(stored)/2], "stored-p50-ms")
	b.ReportMetric(stored[len(stored)*99/100], "stored-p99-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "seen-p99-ms")
}
