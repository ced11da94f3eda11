package fuzz

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"picket.internal/fact"
	"picket.internal/wire"
)

const processFact = `{"host":{"id":"h_aaaaaaaaaaaaaaaaaaaaaaaaaa"},"id":"01K3Z9V6W4Q2N8T1XEJ5B7RMCD","kind":"process","process":{"action":"start","args":["curl","-s"],"executable":"/usr/bin/curl","exit_code":0,"hash":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"pid":4211,"start_ticks":"918273"},"seq":42,"time":"2026-05-06T07:08:09.123456789Z","user":{"id":"1000","name":"alice"}}`

// FuzzFact parses a fact. What parses encodes, and the encoding parses to the
// same fact and encodes to the same bytes; what is encoded in the first place
// comes back byte by byte.
func FuzzFact(f *testing.F) {
	f.Add([]byte(processFact))
	f.Add([]byte(`{"host":{"id":"h"},"id":"x","kind":"metric","metric":{"cpu":{"busy":0.5,"iowait":0,"irq":1e-7,"steal":0,"system":0,"user":1},"memory":{"available":"1","swap_free":"0","swap_total":"0","total":"18446744073709551615"}},"time":"2026-05-06T07:08:09Z"}`))
	f.Add([]byte(`{"file":{"path":"\ufffd","path_b64":"//4="},"canary":{"id":"c"},"host":{"id":"h","name":""},"id":"","kind":"new","time":"2026-05-06T07:08:09.100Z","later":{"x":[null]}}`))
	f.Add([]byte(`{"host":{"id":"h"},"id":"x","kind":"user","time":"0001-01-01T00:00:00Z","user":{"groups":[]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, unknown, err := fact.Parse(data)
		if err != nil {
			if first != nil || unknown != nil || wire.ErrorID(err) == "" {
				t.Fatalf("refused with %v, handing out %v, %q", err, first, unknown)
			}
			return
		}
		encoded, err := first.Encode()
		if err != nil {
			t.Fatalf("%q parses and cannot be encoded: %v", data, err)
		}
		second, unknown, err := fact.Parse(encoded)
		if err != nil || unknown != nil {
			t.Fatalf("%q encodes to %q, which does not parse: %q, %v", data, encoded, unknown, err)
		}
		again, err := second.Encode()
		if err != nil || !bytes.Equal(again, encoded) {
			t.Fatalf("%q encodes to %q and then to %q: %v", data, encoded, again, err)
		}
		third, _, err := fact.Parse(again)
		if err != nil || !reflect.DeepEqual(second, third) {
			t.Fatalf("the same bytes parse to %+v and %+v, %v", second, third, err)
		}
		// Rules must not be able to tell a fact from its encoding, but by lists
		// that are there and empty.
		if first.ID != second.ID || !first.Time.Equal(second.Time) || first.Kind != second.Kind || first.Host != second.Host || first.Seq != second.Seq {
			t.Fatalf("%+v became %+v", first, second)
		}
		first.Validate() // may refuse, must not panic
	})
}

// canonicalTime reports whether s is how Go writes the time that it names.
func canonicalTime(s string) bool {
	parsed, err := time.Parse(time.RFC3339Nano, s)
	return err == nil && parsed.UTC().Format(time.RFC3339Nano) == s
}
