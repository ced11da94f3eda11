package home

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

// pemPrivate is the type of a PKCS #8 key (RFC 7468 section 10).
const pemPrivate = "PRIVATE KEY"

// newEvidenceKey makes the key that hosts seal evidence to: PKCS #8 in PEM, and
// the 32 bytes of its public half.
func newEvidenceKey() (text, public []byte, err error) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemPrivate, Bytes: der}), key.PublicKey().Bytes(), nil
}

// loadEvidenceKey reads it, as this package or openssl genpkey writes it.
func loadEvidenceKey(path string) (*ecdh.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others may read %q: chmod 0600 it", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != pemPrivate || len(rest) > 0 {
		return nil, fmt.Errorf("malformed %q: want one %s in PEM", path, pemPrivate)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("malformed %q: %w", path, err)
	}
	key, ok := parsed.(*ecdh.PrivateKey)
	if !ok || key.Curve() != ecdh.X25519() {
		return nil, fmt.Errorf("malformed %q: a key of another kind than X25519", path)
	}
	return key, nil
}
