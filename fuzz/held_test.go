package fuzz

import (
	"bytes"
	"encoding/base64"
	"testing"
	"time"

	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// FuzzHeld: what the hub's key has signed as a list of what it holds is either
// refused, with nothing returned, or says what it says when sealed again.
func FuzzHeld(f *testing.F) {
	hub := fixedKey(9)
	good := &wire.Held{Hub: wire.NewHubID(), Host: wire.NewHostID(), Session: wire.NewSession(), Kind: "package", At: time.Unix(1, 0).UTC()}
	for _, n := range []int{0, 1, 511, 512, 513, 1200} {
		pairs := make([]wire.HeldPair, n)
		sealed, err := wire.SealHeld(good, pairs, hub)
		if err != nil {
			f.Fatal(err)
		}
		v, err := envelope.Verify(sealed, envelope.Held, envelope.KeySet{Role: "hub", Keys: []envelope.PublicKey{hub.Public()}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(v.Payload())
	}
	f.Add([]byte(`{"entities":["` + base64.StdEncoding.EncodeToString(make([]byte, 17)) + `"]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		h, pairs, err := wire.OpenHeld(signed(envelope.Held, payload, hub), hub.Public())
		if err != nil {
			if h != nil || pairs != nil {
				t.Fatalf("refused (%v), and returned all the same", err)
			}
			return
		}
		if len(pairs) > fact.MaxEntities {
			t.Fatalf("%d entities", len(pairs))
		}
		again, err := wire.SealHeld(h, pairs, hub)
		if err != nil {
			t.Fatalf("taken, but not to be sealed: %v", err)
		}
		v, err := envelope.Verify(again, envelope.Held, envelope.KeySet{Role: "hub", Keys: []envelope.PublicKey{hub.Public()}})
		if err != nil {
			t.Fatal(err)
		}
		var spelled struct {
			At string `json:"at"`
		}
		if err := strictjson.Decode(payload, strictjson.Limits{}, &spelled, func(string) {}); err != nil {
			t.Fatal(err)
		}
		if canonicalTime(spelled.At) && !bytes.Equal(v.Payload(), payload) {
			t.Fatalf("sealed again it is\n%s\nand was\n%s", v.Payload(), payload)
		}
	})
}
