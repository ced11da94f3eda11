package fuzz

import (
	"fmt"
	"testing"
	"time"

	"picket.internal/engine/replay"
	"picket.internal/fact"
)

// FuzzReplayLine holds the lines of a file of facts to what they promise: an
// error leaves no item; a fact that is read is one that fact.Parse reads, and
// reads the same when it stands as a query prints it, with the hub's time.
func FuzzReplayLine(f *testing.F) {
	bare := `{"id":"01J00000000000000000000001","time":"2026-01-01T00:00:00Z","kind":"process","host":{"id":"h_1"},"seq":1,"process":{"action":"start","pid":7}}`
	f.Add([]byte(bare))
	f.Add([]byte(`{"cursor":"1.0.1.1","received":"2026-01-01T00:00:01Z","batch":{"session":"s","seq":1,"digest":"d"},"fact":` + bare + `}`))
	f.Add([]byte(`{"kind":"fact","fact":{"id":"x"}}`))
	f.Add([]byte(`{"received":"2026-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		it, err := replay.ParseLine(data)
		if err != nil {
			if it.Fact != nil || !it.Received.IsZero() {
				t.Fatalf("an error and an item: %v, %+v", err, it)
			}
			return
		}
		encoded, err := it.Fact.Encode()
		if err != nil {
			return // read, but larger than what may be written
		}
		if _, _, err := fact.Parse(encoded); err != nil {
			t.Fatalf("a fact of a line is none: %v\n%s", err, encoded)
		}
		received := time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)
		again, err := replay.ParseLine(fmt.Appendf(nil, `{"received":%q,"fact":%s}`, received.Format(time.RFC3339Nano), encoded))
		if err != nil {
			t.Fatalf("as a query prints it: %v\n%s", err, encoded)
		}
		if second, err := again.Fact.Encode(); err != nil || string(second) != string(encoded) || !again.Received.Equal(received) {
			t.Fatalf("as a query prints it, it is another: %v\n%s\n%s", err, encoded, second)
		}
	})
}
