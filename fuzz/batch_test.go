package fuzz

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

func seedBatch() *wire.Batch {
	return &wire.Batch{
		V:       1,
		Host:    "h_aaaaaaaaaaaaaaaaaaaaaaaaaa",
		Hub:     "u_aaaaaaaaaaaaaaaaaaaaaaaaaa",
		Boot:    "3f1f7a52-6f0e-4d0b-9c7e-0d8f5a1b2c3d",
		Session: "0123456789abcdef0123456789abcdef",
		Seq:     1,
		Prev:    wire.FirstPrev,
		Sent:    sent,
		Sensor:  wire.SensorInfo{Version: "0.1.0"},
		Facts:   []jsontext.Value{jsontext.Value(`{"a":1}`), jsontext.Value(`[0.5]`)},
	}
}

// FuzzBatch gives Open the input as a payload that the host has signed. A batch
// that opens says the same when it is sealed again; one that does not gives
// nothing.
func FuzzBatch(f *testing.F) {
	key := fixedKey(1)
	for _, change := range []func(*wire.Batch){
		func(*wire.Batch) {},
		func(b *wire.Batch) { b.Facts = []jsontext.Value{} },
		func(b *wire.Batch) { b.Seq, b.Prev = 2, "ff"+b.Prev[2:] },
		func(b *wire.Batch) { b.Sensor.SHA256 = b.Prev },
		func(b *wire.Batch) { b.Host = "" },
	} {
		b := seedBatch()
		change(b)
		payload, err := strictjson.Encode(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
		f.Add(bytes.Replace(payload, []byte(`0.5`), []byte(`null`), 1))
	}
	f.Add([]byte(`{"facts":[` + processFact + `]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		o, err := wire.Open(signed(envelope.Batch, payload, key), key.Public())
		if err != nil {
			if o != nil || wire.ErrorID(err) == "" {
				t.Fatalf("refused with %v, handing out %v", err, o)
			}
			return
		}
		if !bytes.Equal(o.Payload, payload) {
			t.Fatalf("%q was signed, %q handed out", payload, o.Payload)
		}
		for _, raw := range o.Facts {
			fact.Parse(raw) // may fail, must not take the others along
		}
		if bytes.Contains(payload, []byte("null")) {
			return // a hub takes such a batch for its other facts, a sensor never seals one
		}
		sealed, digest, err := wire.Seal(&o.Batch, key)
		if err != nil {
			t.Fatalf("%q opens and cannot be sealed: %v", payload, err)
		}
		again, err := wire.Open(sealed, key.Public())
		if err != nil || again.Digest != digest {
			t.Fatalf("%q sealed again does not open: %v", payload, err)
		}
		// A time may be spelled with zeros that are not written again.
		if canonicalTimes(t, payload) && !bytes.Equal(again.Payload, payload) {
			t.Fatalf("%q sealed again is %q", payload, again.Payload)
		}
	})
}

// canonicalTimes reports whether the sent time is spelled as Go spells it.
func canonicalTimes(t *testing.T, payload []byte) bool {
	t.Helper()
	var b struct {
		Sent string `json:"sent"`
	}
	if err := strictjson.Decode(payload, strictjson.Limits{Depth: 18}, &b, func(string) {}); err != nil {
		t.Fatal(err)
	}
	return canonicalTime(b.Sent)
}
