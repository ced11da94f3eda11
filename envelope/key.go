package envelope

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"

	"filippo.io/edwards25519"
)

// PublicKey is an Ed25519 public key that was checked when it was imported.
// The zero value is no key: it verifies nothing.
type PublicKey struct {
	raw [ed25519.PublicKeySize]byte
}

// ParsePublicKey imports the 32 bytes of a key. crypto/ed25519 takes any: also
// those of small order, for which anyone can make signatures, and second
// spellings of a key, which would count as another key. Neither passes here.
func ParsePublicKey(raw []byte) (PublicKey, error) {
	if len(raw) != ed25519.PublicKeySize {
		return PublicKey{}, fail(ErrKeyLength, "%d bytes where %d belong", len(raw), ed25519.PublicKeySize)
	}
	point, err := new(edwards25519.Point).SetBytes(raw)
	if err != nil {
		return PublicKey{}, fail(ErrKeyNotCanonical, "%x is no point of the curve", raw)
	}
	if !bytes.Equal(point.Bytes(), raw) {
		return PublicKey{}, fail(ErrKeyNotCanonical, "%x is a second spelling of a point", raw)
	}
	if new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return PublicKey{}, fail(ErrKeyLowOrder, "anyone can sign for %x", raw)
	}
	return PublicKey{raw: [ed25519.PublicKeySize]byte(raw)}, nil
}

// PublicKeyFromStd imports a key of the standard library.
func PublicKeyFromStd(key ed25519.PublicKey) (PublicKey, error) { return ParsePublicKey(key) }

// IsZero reports whether k is no key.
func (k PublicKey) IsZero() bool { return k == PublicKey{} }

// Bytes returns a copy of the 32 bytes.
func (k PublicKey) Bytes() []byte { return bytes.Clone(k.raw[:]) }

// ID is the key id: the first 32 hexadecimal digits of the SHA-256 of the bytes.
func (k PublicKey) ID() string {
	sum := sha256.Sum256(k.raw[:])
	return hex.EncodeToString(sum[:16])
}

// String is the key in base64.
func (k PublicKey) String() string { return base64.StdEncoding.EncodeToString(k.raw[:]) }

// MarshalText writes the key in base64.
func (k PublicKey) MarshalText() ([]byte, error) {
	if k.IsZero() {
		return nil, fmt.Errorf("internal error: writing no key")
	}
	return []byte(k.String()), nil
}

// UnmarshalText imports a key from base64.
func (k *PublicKey) UnmarshalText(text []byte) error {
	raw, err := base64.StdEncoding.Strict().DecodeString(string(text))
	if err != nil || len(text) != base64.StdEncoding.EncodedLen(len(raw)) {
		return fail(ErrKeyMalformed, "malformed public key %.60q", text)
	}
	key, err := ParsePublicKey(raw)
	if err != nil {
		return err
	}
	*k = key
	return nil
}

// PrivateKey is an Ed25519 key that can sign. It prints as its public half.
type PrivateKey struct {
	key ed25519.PrivateKey
}

// GenerateKey makes a new key.
func GenerateKey() (PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("generating key: %w", err)
	}
	return PrivateKey{key: key}, nil
}

// IsZero reports whether k is no key.
func (k PrivateKey) IsZero() bool { return k.key == nil }

// Public returns the public half; of no key, no key.
func (k PrivateKey) Public() PublicKey {
	if k.IsZero() {
		return PublicKey{}
	}
	return PublicKey{raw: [ed25519.PublicKeySize]byte(k.key[32:])}
}

// Std returns the key as the standard library's, for TLS.
func (k PrivateKey) Std() ed25519.PrivateKey { return bytes.Clone(k.key) }

// String never shows the secret.
func (k PrivateKey) String() string { return "private key of " + k.Public().ID() }

// GoString never shows the secret.
func (k PrivateKey) GoString() string { return k.String() }

// Format never shows the secret, whatever the verb.
func (k PrivateKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// pkcs8Prefix is all of a PKCS #8 Ed25519 key but the 32 secret bytes (RFC 8410
// section 7). There is one such encoding, so that no ASN.1 needs to be parsed.
var pkcs8Prefix = []byte{0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20}

const pemType = "PRIVATE KEY"

// MarshalPEM writes the key as PKCS #8 in PEM, as openssl genpkey does.
func (k PrivateKey) MarshalPEM() []byte {
	der := append(bytes.Clone(pkcs8Prefix), k.key.Seed()...)
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})
}

// ParsePrivateKey reads what MarshalPEM writes. Errors never quote the input.
func ParsePrivateKey(text []byte) (PrivateKey, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != pemType || len(block.Headers) != 0 || len(bytes.TrimSpace(rest)) != 0 {
		return PrivateKey{}, fail(ErrKeyMalformed, "malformed private key: not one PEM block %q", pemType)
	}
	seed, ok := bytes.CutPrefix(block.Bytes, pkcs8Prefix)
	if !ok || len(seed) != ed25519.SeedSize {
		return PrivateKey{}, fail(ErrKeyMalformed, "malformed private key: not PKCS #8 Ed25519")
	}
	return PrivateKey{key: ed25519.NewKeyFromSeed(seed)}, nil
}
