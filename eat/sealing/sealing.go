// Package sealing closes evidence so that only the hub can read it: the wrapper
// seals each chunk of a bundle to the hub's evidence key, and the sensor, which
// carries it, holds no key that opens it.
//
// Each chunk is sealed by itself with HPKE in base mode (RFC 9180 section 6.1):
// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM. Host, token, number
// and whether it is the last are the info, so a chunk that is put in another's
// place does not open. Base mode says nothing of who sealed: whoever has the
// public key can. The wrapper's signed receipt has the digest of the whole.
//
// The package must never take a key or a nonce from outside of its arguments,
// and never return a part of what did not open.
package sealing

import (
	"crypto/ecdh"
	"crypto/hpke"
	"fmt"

	"picket.internal/eat"
)

// suite is the one that there is. Another gets another version of the chunk.
func suite() (hpke.KDF, hpke.AEAD) { return hpke.HKDFSHA256(), hpke.AES256GCM() }

// info is what a chunk is bound to. Every field has a form without a newline.
func info(c *eat.Chunk) []byte {
	return fmt.Appendf(nil, "picket.internal/evidence/v1\n%s\n%s\n%d\n%t", c.Host, c.Token, c.Number, c.Last)
}

// Seal puts data, at most eat.ChunkBytes, into a chunk whose other fields are
// filled in. key is the hub's evidence key: the 32 bytes of an X25519 public key.
func Seal(c eat.Chunk, data, key []byte) (eat.Chunk, error) {
	if len(data) == 0 || len(data) > eat.ChunkBytes {
		return eat.Chunk{}, fmt.Errorf("seal chunk %d of %s: %d bytes where 1 to %d belong", c.Number, c.Token, len(data), eat.ChunkBytes)
	}
	public, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(key)
	if err != nil {
		return eat.Chunk{}, fmt.Errorf("seal chunk %d of %s: %w", c.Number, c.Token, err)
	}
	kdf, aead := suite()
	if c.Sealed, err = hpke.Seal(public, kdf, aead, info(&c), data); err != nil {
		return eat.Chunk{}, fmt.Errorf("seal chunk %d of %s: %w", c.Number, c.Token, err)
	}
	return c, nil
}

// Open returns what is in a chunk, with the first of the keys that opens it: a
// host seals to the one that its trust store names, which may be that of before.
// Its error is eat.ErrChunkSealed: it was sealed to another key, or for another
// place.
func Open(c *eat.Chunk, keys ...*ecdh.PrivateKey) ([]byte, error) {
	kdf, aead := suite()
	for _, key := range keys {
		private, err := hpke.NewDHKEMPrivateKey(key)
		if err != nil {
			return nil, fmt.Errorf("open chunk %d of %s: %w", c.Number, c.Token, err)
		}
		if data, err := hpke.Open(private, kdf, aead, info(c), c.Sealed); err == nil {
			return data, nil
		}
	}
	return nil, &eat.Refusal{ID: eat.ErrChunkSealed.ID, Detail: fmt.Sprintf("chunk %d of %s does not open: sealed to another key, or for another place", c.Number, c.Token)}
}
