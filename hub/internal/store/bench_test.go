package store_test

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"picket.internal/hub/internal/store"
)

// BenchmarkAppend stores batches of all hosts at once, and reports durable
// facts a second and what a fact takes on the disk, its signature, chain and
// index included. Sealing is not measured.
func BenchmarkAppend(b *testing.B) {
	const hosts = 20
	for _, size := range []int{3, 20, 100, 500} {
		b.Run(fmt.Sprintf("facts=%d", size), func(b *testing.B) {
			bench := newBench(b)
			per := max(1, b.N/hosts)
			batches := make([][]*store.Batch, hosts)
			all := make([]*host, hosts)
			for i := range all {
				all[i] = bench.enroll(fmt.Sprintf("host%d", i))
				for range per {
					batches[i] = append(batches[i], all[i].seal(all[i].facts.Facts(size)...))
				}
			}
			b.ResetTimer()
			var wg sync.WaitGroup
			for i, h := range all {
				wg.Go(func() {
					for _, batch := range batches[i] {
						if _, err := h.append(batch); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			facts := float64(per * hosts * size)
			b.ReportMetric(facts/b.Elapsed().Seconds(), "facts/s")
			b.ReportMetric(0, "ns/op")
			if err := bench.Close(); err != nil { // also moves the write-ahead log into the database
				b.Fatal(err)
			}
			info, err := os.Stat(bench.path)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(info.Size())/facts, "B/fact")
		})
	}
}
