package wire_test

import (
	"fmt"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/fact"
	"picket.internal/wire"
)

// sealedBatch is a batch of n process facts, of about 650 bytes each.
func sealedBatch(b *testing.B, n int) ([]byte, func() (*wire.Opened, error)) {
	key := newKey(b)
	batch := newBatch()
	batch.Facts = nil
	for i := range n {
		batch.Facts = append(batch.Facts, jsontext.Value(fmt.Sprintf(`{"host":{"id":"h_abcdefghijklmnopqrstuvwxya"},"id":"01K3Z9V6W4Q2N8T1XEJ5B7RMCD","kind":"process","process":{"action":"start","args":["curl","-fsSL","https://example.org/install.sh"],"command_line":"curl -fsSL https://example.org/install.sh","entity_id":"0123456789abcdef","executable":"/usr/bin/curl","executable_kind":"file","hash":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"hash_status":"ok","name":"curl","pid":4211,"start_ticks":"918273645"},"seq":%d,"time":"2026-05-06T07:08:09.123456789Z","user":{"id":"1000","name":"alice"}}`, i+1)))
	}
	sealed, _, err := wire.Seal(batch, key)
	if err != nil {
		b.Fatal(err)
	}
	return sealed, func() (*wire.Opened, error) { return wire.Open(sealed, key.Public()) }
}

func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{1, 350} {
		b.Run(fmt.Sprintf("facts=%d", n), func(b *testing.B) {
			sealed, open := sealedBatch(b, n)
			b.SetBytes(int64(len(sealed)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := open(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/fact")
		})
	}
}

// BenchmarkIngest is all that a hub does with a batch before it stores it.
func BenchmarkIngest(b *testing.B) {
	const n = 350
	_, open := sealedBatch(b, n)
	b.ReportAllocs()
	for b.Loop() {
		opened, err := open()
		if err != nil {
			b.Fatal(err)
		}
		for _, raw := range opened.Facts {
			if _, _, err := fact.Parse(raw); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/fact")
}
