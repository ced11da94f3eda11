package envelope_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"testing"

	"picket.internal/envelope"
)

// DSSE's own vector. It is signed with ECDSA, which envelopes here never are;
// what is tested is what is signed.
func TestDSSEVector(t *testing.T) {
	var vector struct{ Payload, PayloadType, PAE, X, Y string }
	readJSON(t, "testdata/dsse/vector.json", &vector)
	var env struct {
		Payload, PayloadType string
		Signatures           []struct{ Sig string }
	}
	readJSON(t, "testdata/dsse/envelope.json", &env)

	payload, err := base64.StdEncoding.DecodeString(env.Payload)
	if err != nil || string(payload) != vector.Payload || env.PayloadType != vector.PayloadType {
		t.Fatalf("envelope and vector differ: %q, %v", payload, err)
	}
	if got := envelope.PAE(env.PayloadType, payload); string(got) != vector.PAE {
		t.Errorf("PAE = %q, want %q", got, vector.PAE)
	}
	x, _ := new(big.Int).SetString(vector.X, 10)
	y, _ := new(big.Int).SetString(vector.Y, 10)
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, append(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))...)...))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := base64.StdEncoding.DecodeString(env.Signatures[0].Sig)
	if err != nil || len(sig) != 64 {
		t.Fatalf("signature of %d bytes, %v", len(sig), err)
	}
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	verifies := func(payloadType string, payload []byte) bool {
		sum := sha256.Sum256(envelope.PAE(payloadType, payload))
		return ecdsa.Verify(key, sum[:], r, s)
	}
	if !verifies(env.PayloadType, payload) {
		t.Error("the signature does not verify over our PAE")
	}
	for i := range payload {
		changed := bytes.Clone(payload)
		changed[i] ^= 1
		if verifies(env.PayloadType, changed) {
			t.Errorf("byte %d of the payload is not covered", i)
		}
	}
	for i := range env.PayloadType {
		changed := []byte(env.PayloadType)
		changed[i] ^= 1
		if verifies(string(changed), payload) {
			t.Errorf("byte %d of the type is not covered", i)
		}
	}
}

// All of Wycheproof's Ed25519 vectors, through the code that verifies envelopes.
func TestWycheproof(t *testing.T) {
	var file struct {
		NumberOfTests int
		TestGroups    []struct {
			PublicKey struct{ PK string }
			Tests     []struct {
				TCID                      int
				Comment, Msg, Sig, Result string
			}
		}
	}
	readJSON(t, "testdata/wycheproof-ed25519/ed25519_test.json", &file)
	n := 0
	for _, group := range file.TestGroups {
		key, keyErr := envelope.ParsePublicKey(unhex(t, group.PublicKey.PK))
		for _, test := range group.Tests {
			n++
			err := keyErr
			if err == nil {
				err = envelope.CheckSignature(key, unhex(t, test.Sig), unhex(t, test.Msg))
			}
			if accepted := err == nil; accepted != (test.Result == "valid") {
				t.Errorf("test %d (%s): %v, want %s", test.TCID, test.Comment, err, test.Result)
			}
		}
	}
	if n != file.NumberOfTests || n != 151 {
		t.Errorf("%d of %d tests ran", n, file.NumberOfTests)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}
