package fuzz

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"picket.internal/envelope"
)

// fixedKey is the same in every run, so that a corpus can hold what it signed.
func fixedKey(n byte) envelope.PrivateKey {
	// What PKCS #8 puts before the 32 bytes of an Ed25519 key (RFC 8410).
	der := append([]byte("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"), bytes.Repeat([]byte{n}, 32)...)
	key, err := envelope.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		panic(err)
	}
	return key
}

// signed wraps a payload in an envelope that is signed well, whatever it holds,
// so that the fuzzer gets past the signature.
func signed(typ envelope.Type, payload []byte, key envelope.PrivateKey) []byte {
	message := fmt.Sprintf("DSSEv1 %d %s %d %s", len(typ.Name), typ.Name, len(payload), payload)
	return envelope.Join(typ, payload, key.Public(), ed25519.Sign(key.Std(), []byte(message)))
}

var sent = time.Date(2026, 5, 6, 7, 8, 9, 123456789, time.UTC)

// addShared adds the files that match pattern, from another package's testdata.
func addShared(f *testing.F, pattern string) {
	f.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds match %s: %v", pattern, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}
