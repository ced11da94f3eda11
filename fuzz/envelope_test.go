package fuzz

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"picket.internal/envelope"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// FuzzEnvelope gives Verify the input three times: as an envelope, and as the
// payload of a well-signed envelope of a type with and without floats.
func FuzzEnvelope(f *testing.F) {
	key := fixedKey(1)
	for _, payload := range []string{`{}`, `{"a":1}`, `{"a":0.5,"b":["x",{"y":"\n"}]}`, `{"a":1,"a":2}`, `[[[[]]]]`, `{"a": 1}`, "\"\xff\"", `"\ud800"`, `-0`, `9007199254740993`, `null`} {
		f.Add([]byte(payload))
		f.Add(signed(envelope.Batch, []byte(payload), key))
	}
	addShared(f, "../envelope/testdata/dsse/envelope.json")
	addShared(f, "../strictjson/testdata/jcs-rfc8785/*put/*.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		checkVerify(t, data, envelope.Batch, key)
		for _, typ := range []envelope.Type{envelope.Batch, envelope.Ack} {
			v := checkVerify(t, signed(typ, data, key), typ, key)
			if v == nil {
				continue
			}
			if !bytes.Equal(v.Payload(), data) {
				t.Fatalf("%q was signed, %q handed out", data, v.Payload())
			}
			other := envelope.Enroll
			if _, err := envelope.Verify(signed(typ, data, key), other, envelope.KeySet{Keys: []envelope.PublicKey{key.Public()}}); wire.ErrorID(err) != "env.wrong_payload_type" {
				t.Fatalf("a %s passed as a %s: %v", typ.Name, other.Name, err)
			}
		}
	})
}

// checkVerify verifies data. What passes is canonical, has the digest that it
// claims, and signs again to an envelope of the same payload; what does not pass
// carries an id and hands out nothing.
func checkVerify(t *testing.T, data []byte, typ envelope.Type, key envelope.PrivateKey) *envelope.Verified {
	t.Helper()
	set := envelope.KeySet{Role: "fuzz", Keys: []envelope.PublicKey{key.Public()}}
	before := bytes.Clone(data)
	v, err := envelope.Verify(data, typ, set)
	if !bytes.Equal(data, before) {
		t.Fatal("Verify changed its input")
	}
	if err != nil {
		if v != nil || wire.ErrorID(err) == "" {
			t.Fatalf("refused with %v, handing out %v", err, v)
		}
		return nil
	}
	payload := v.Payload()
	if canonical, err := strictjson.Canonical(payload); err != nil || !bytes.Equal(canonical, payload) {
		t.Fatalf("%q verified and is not canonical: %q, %v", payload, canonical, err)
	}
	if v.Digest() != sha256.Sum256(payload) {
		t.Fatal("the digest is of something else")
	}
	again, err := envelope.Sign(typ, payload, key)
	if err != nil {
		t.Fatalf("%q verified and cannot be signed: %v", payload, err)
	}
	if joined := envelope.Join(typ, payload, key.Public(), v.Signature(key.Public())); !bytes.Equal(joined, again) {
		t.Fatalf("signed again it is %s, not %s", again, joined)
	}
	return v
}
