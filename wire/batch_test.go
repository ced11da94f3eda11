package wire_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"picket.internal/envelope"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

var sent = time.Date(2026, 5, 6, 7, 8, 9, 123456789, time.UTC)

func newBatch() *wire.Batch {
	return &wire.Batch{
		Host:    wire.NewHostID(),
		Hub:     wire.NewHubID(),
		Boot:    "3f1f7a52-6f0e-4d0b-9c7e-0d8f5a1b2c3d",
		Session: wire.NewSession(),
		Seq:     1,
		Prev:    wire.FirstPrev,
		Sent:    sent,
		Sensor:  wire.SensorInfo{Version: "0.1.0", SHA256: strings.Repeat("ab", 32)},
		Dropped: wire.Dropped{Metric: 17},
		Facts:   []jsontext.Value{jsontext.Value(`{"id":"1","kind":"metric","share":0.5}`), jsontext.Value(`{"kind":"canary"}`)},
	}
}

func TestSealOpen(t *testing.T) {
	key := newKey(t)
	b := newBatch()
	sealed, digest, err := wire.Seal(b, key)
	if err != nil {
		t.Fatal(err)
	}
	o, err := wire.Open(sealed, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	b.V = 1
	if diff := cmp.Diff(*b, o.Batch); diff != "" {
		t.Error(diff)
	}
	if o.Digest != digest || len(o.Sig) != 64 {
		t.Errorf("digest %s, want %s; signature of %d bytes", o.Digest, digest, len(o.Sig))
	}
	again, err := wire.Reopen(o.Payload, o.Sig, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(o, again); diff != "" {
		t.Error(diff)
	}
	o.Payload[10] ^= 1
	if _, err := wire.Reopen(o.Payload, o.Sig, key.Public()); !errors.Is(err, envelope.ErrBadSignature) {
		t.Errorf("Reopen of a changed payload: %v", err)
	}
}

// A fact that is no fact is no reason to lose the others: Open does not look
// inside beyond the bounds of all JSON.
func TestOpenKeepsMalformedFacts(t *testing.T) {
	key := newKey(t)
	b := newBatch()
	b.Facts = append(b.Facts, jsontext.Value(`{"kind":7,"surprise":[]}`), jsontext.Value(`"no object"`))
	sealed, _, err := wire.Seal(b, key)
	if err != nil {
		t.Fatal(err)
	}
	o, err := wire.Open(sealed, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Facts) != 4 || string(o.Facts[3]) != `"no object"` {
		t.Errorf("facts %s", o.Facts)
	}
}

func TestBatchRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*wire.Batch)
		want   error
	}{
		"version":         {func(b *wire.Batch) { b.V = 2 }, wire.ErrVersion},
		"host":            {func(b *wire.Batch) { b.Host = "h_short" }, wire.ErrBatch},
		"host's spelling": {func(b *wire.Batch) { b.Host = "h_" + strings.Repeat("b", 26) }, wire.ErrBatch},
		"hub":             {func(b *wire.Batch) { b.Hub = b.Host }, wire.ErrBatch},
		"boot":            {func(b *wire.Batch) { b.Boot = "" }, wire.ErrBatch},
		"session":         {func(b *wire.Batch) { b.Session = strings.ToUpper(b.Session[:31]) + "A" }, wire.ErrBatch},
		"seq":             {func(b *wire.Batch) { b.Seq = 0 }, wire.ErrBatch},
		"first prev":      {func(b *wire.Batch) { b.Prev = strings.Repeat("1", 64) }, wire.ErrBatch},
		"later prev":      {func(b *wire.Batch) { b.Seq = 2 }, wire.ErrBatch},
		"sent":            {func(b *wire.Batch) { b.Sent = time.Time{} }, wire.ErrBatch},
		"sensor":          {func(b *wire.Batch) { b.Sensor.Version = "" }, wire.ErrBatch},
		"sensor's hash":   {func(b *wire.Batch) { b.Sensor.SHA256 = "ab" }, wire.ErrBatch},
		"too many facts": {func(b *wire.Batch) {
			b.Facts = nil
			for range wire.MaxFacts + 1 {
				b.Facts = append(b.Facts, jsontext.Value("{}"))
			}
		}, wire.ErrTooManyFacts},
	} {
		t.Run(name, func(t *testing.T) {
			key := newKey(t)
			b := newBatch()
			b.V = 1
			test.change(b)
			if name != "version" {
				if sealed, _, err := wire.Seal(b, key); !errors.Is(err, test.want) || sealed != nil {
					t.Errorf("Seal = %v, want %v", err, test.want)
				}
			}
			o, err := wire.Open(signAnything(t, envelope.Batch, b, key), key.Public())
			if !errors.Is(err, test.want) || o != nil {
				t.Errorf("Open = %v, %v, want %v", o, err, test.want)
			}
		})
	}
}

func TestOpenNeedsTheKeyAndTheType(t *testing.T) {
	key := newKey(t)
	sealed, _, err := wire.Seal(newBatch(), key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.Open(sealed, newKey(t).Public()); wire.ErrorID(err) != "env.unknown_key" {
		t.Errorf("another key: %v", err)
	}
	if _, err := wire.Open(sealed, envelope.PublicKey{}); wire.ErrorID(err) != "env.unknown_key" {
		t.Errorf("no key: %v", err)
	}
	if _, err := wire.OpenAck(sealed, key.Public()); wire.ErrorID(err) != "env.wrong_payload_type" {
		t.Errorf("a batch as an ack: %v", err)
	}
	if _, err := wire.OpenEnroll(sealed, key.Public()); wire.ErrorID(err) != "env.wrong_payload_type" {
		t.Errorf("a batch as an enrollment: %v", err)
	}
}

// signAnything signs v without the checks of Seal.
func signAnything(t testing.TB, typ envelope.Type, v any, key envelope.PrivateKey) []byte {
	t.Helper()
	payload, err := strictjson.Encode(whole(v))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := envelope.Sign(typ, payload, key)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// whole is a value that is written with what it keeps out of logs.
func whole(v any) any {
	type request wire.EnrollRequest
	type token wire.Token
	switch v := v.(type) {
	case *wire.EnrollRequest:
		return (*request)(v)
	case *wire.Token:
		return (*token)(v)
	}
	return v
}
