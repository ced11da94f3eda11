package sealing_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"testing"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/eat/sealing"
)

func newKey(t testing.TB) *ecdh.PrivateKey {
	t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sealed(t testing.TB, key *ecdh.PrivateKey, data []byte) eat.Chunk {
	t.Helper()
	c, err := sealing.Seal(eat.Chunk{Host: eattest.HostID, Token: eattest.TokenID, Number: 3}, data, key.PublicKey().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAChunkIsSealedCarriedAndOpened(t *testing.T) {
	key := newKey(t)
	for _, size := range []int{1, 1000, eat.ChunkBytes} {
		data := bytes.Repeat([]byte{7}, size)
		line, err := sealed(t, key, data).Encode()
		if err != nil || len(line) > eat.MaxChunk || !eat.IsChunk(line) || bytes.Contains(line, data[:min(size, 64)]) && size > 1 {
			t.Fatalf("%d bytes make a line of %d, %v", size, len(line), err)
		}
		c, err := eat.ParseChunk(line)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := sealing.Open(c, key); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
		}
	}
}

// A chunk opens in its own place alone, and only whole.
func TestAChunkIsBoundToItsPlace(t *testing.T) {
	key := newKey(t)
	for name, change := range map[string]func(*eat.Chunk){
		"another number":         func(c *eat.Chunk) { c.Number = 2 },
		"the last":               func(c *eat.Chunk) { c.Last = true },
		"another token":          func(c *eat.Chunk) { c.Token = "01K3Z9V6W4Q2N8T1XEJ5B7RMCE" },
		"another host":           func(c *eat.Chunk) { c.Host = "h_aibaeaqcaibaeaqcaibaeaqcai" },
		"a bit of it changed":    func(c *eat.Chunk) { c.Sealed[40] ^= 1 },
		"another ephemeral key":  func(c *eat.Chunk) { c.Sealed[0] ^= 1 },
		"its end cut off":        func(c *eat.Chunk) { c.Sealed = c.Sealed[:len(c.Sealed)-1] },
		"nothing but an opening": func(c *eat.Chunk) { c.Sealed = c.Sealed[:10] },
	} {
		c := sealed(t, key, []byte("root:$y$j9T$:20000:0:::::"))
		change(&c)
		if data, err := sealing.Open(&c, key); data != nil || !errors.Is(err, eat.ErrChunkSealed) {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	c := sealed(t, key, []byte("x"))
	if _, err := sealing.Open(&c, newKey(t)); !errors.Is(err, eat.ErrChunkSealed) {
		t.Errorf("another hub's key opened it: %v", err)
	}
}

func TestSealRefuses(t *testing.T) {
	key := newKey(t).PublicKey().Bytes()
	for name, c := range map[string]struct{ data, key []byte }{
		"nothing":           {nil, key},
		"too much":          {make([]byte, eat.ChunkBytes+1), key},
		"no key":            {[]byte("x"), nil},
		"a short key":       {[]byte("x"), key[:31]},
		"the key of nobody": {[]byte("x"), make([]byte, 32)},
	} {
		if got, err := sealing.Seal(eat.Chunk{Host: eattest.HostID, Token: eattest.TokenID}, c.data, c.key); err == nil || got.Sealed != nil {
			t.Errorf("%s was sealed", name)
		}
	}
}

// Two seals of the same bytes are different: a chunk that is printed again
// tells nothing.
func TestSealingIsFresh(t *testing.T) {
	key := newKey(t)
	if bytes.Equal(sealed(t, key, []byte("x")).Sealed, sealed(t, key, []byte("x")).Sealed) {
		t.Error("two seals are one")
	}
}
