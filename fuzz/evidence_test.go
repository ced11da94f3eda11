package fuzz

import (
	"bytes"
	"crypto/ecdh"
	"testing"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/eat/sealing"
)

// FuzzChunk: a chunk of evidence is refused, with nothing returned, or is written
// again to the same bytes. It opens only if it is one that was sealed, in its
// own place.
func FuzzChunk(f *testing.F) {
	key, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	const text = "root:$y$j9T$x:20000:0:99999:7:::"
	for n := range int64(3) {
		c, err := sealing.Seal(eat.Chunk{Number: n, Host: eattest.HostID, Token: eattest.TokenID, Last: n == 2}, []byte(text), key.PublicKey().Bytes())
		if err != nil {
			f.Fatal(err)
		}
		line, err := c.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
		f.Add(bytes.Replace(line, []byte(`"last":false`), []byte(`"last":true`), 1))
	}
	f.Add([]byte(`{"chunk":`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := eat.ParseChunk(data)
		if err != nil {
			if c != nil {
				t.Fatalf("refused (%v), and returned all the same", err)
			}
			return
		}
		if !eat.IsChunk(data) {
			t.Fatalf("%.80q is a chunk and is not told from a receipt", data)
		}
		if again, err := c.Encode(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%.80q is written as %.80q, %v", data, again, err)
		}
		// Each process of the fuzzer seals anew: what opens is known by its place.
		inPlace := c.Host == eattest.HostID && c.Token == eattest.TokenID && c.Number < 3 && c.Last == (c.Number == 2)
		if opened, err := sealing.Open(c, key); err == nil && (string(opened) != text || !inPlace) {
			t.Fatalf("a chunk that nobody sealed opens: %.80q", opened)
		} else if err != nil && opened != nil {
			t.Fatalf("refused (%v), and returned all the same", err)
		}
	})
}
