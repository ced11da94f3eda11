package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"picket.internal/envelope"
)

// Pin names a TLS key: the SHA-256 of its SubjectPublicKeyInfo.
type Pin [sha256.Size]byte

// PinOf returns the pin of an Ed25519 key.
func PinOf(key envelope.PublicKey) (Pin, error) {
	if key.IsZero() {
		return Pin{}, errors.New("internal error: a pin of no key")
	}
	return sha256.Sum256(spki(key)), nil
}

// String is the pin in base64.
func (p Pin) String() string { return base64.StdEncoding.EncodeToString(p[:]) }

// MarshalText writes the pin in base64.
func (p Pin) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a pin in base64.
func (p *Pin) UnmarshalText(text []byte) error {
	raw, err := base64.StdEncoding.Strict().DecodeString(string(text))
	if err != nil || len(raw) != len(p) || len(text) != base64.StdEncoding.EncodedLen(len(p)) {
		return fmt.Errorf("malformed pin %.60q", text)
	}
	*p = Pin(raw)
	return nil
}
