package eat_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
)

func chunk() eat.Chunk {
	return eat.Chunk{Number: 3, Host: eattest.HostID, Token: eattest.TokenID, Sealed: bytes.Repeat([]byte{0xff}, 100)}
}

// A chunk has one spelling, and no more in it than there is room for.
func TestChunkIsReadStrictly(t *testing.T) {
	line, err := chunk().Encode()
	must(t, err)
	want := `{"chunk":3,"host":"` + eattest.HostID + `","last":false,"token":"` + eattest.TokenID + `","v":1,"sealed":"`
	if !strings.HasPrefix(string(line), want) || !eat.IsChunk(line) {
		t.Fatalf("wrote %s", line)
	}
	if c, err := eat.ParseChunk(line); err != nil || c.Number != 3 || !bytes.Equal(c.Sealed, chunk().Sealed) {
		t.Fatalf("%+v, %v", c, err)
	}
	text := string(line)
	for what, bad := range map[string]string{
		"another version":   strings.Replace(text, `"v":1`, `"v":2`, 1),
		"another spelling":  strings.Replace(text, `"v":1`, `"v": 1`, 1),
		"a newline":         text + "\n",
		"a number below 0":  strings.Replace(text, `"chunk":3`, `"chunk":-1`, 1),
		"more than a whole": strings.Replace(text, `"chunk":3`, `"chunk":512`, 1),
		"another host":      strings.Replace(text, eattest.HostID, "web1", 1),
		"no token":          strings.Replace(text, eattest.TokenID, "", 1),
		"a member more":     strings.Replace(text, `"v":1`, `"v":1,"x":1`, 1),
		"a member twice":    strings.Replace(text, `"v":1`, `"v":1,"v":1`, 1),
		"nothing sealed":    strings.Split(text, `,"sealed"`)[0] + "}",
		"other base64":      strings.Replace(text, "/", "_", 1),
		"no object":         "[" + text + "]",
	} {
		if bad == text {
			t.Fatalf("%s: nothing changed", what)
		}
		if c, err := eat.ParseChunk([]byte(bad)); c != nil || !errors.Is(err, eat.ErrChunk) {
			t.Errorf("%s: %+v, %v", what, c, err)
		}
	}
	for what, size := range map[string]int{"an empty part": eat.ChunkOverhead, "too much": eat.ChunkOverhead + eat.ChunkBytes + 1} {
		c := chunk()
		c.Sealed = make([]byte, size)
		if line, err := c.Encode(); line != nil || !errors.Is(err, eat.ErrChunk) {
			t.Errorf("%s: %v", what, err)
		}
	}
	full := chunk()
	full.Sealed = make([]byte, eat.ChunkOverhead+eat.ChunkBytes)
	line, err = full.Encode()
	if err != nil || len(line) > eat.MaxChunk {
		t.Errorf("a full chunk has %d bytes, %v", len(line), err)
	}
}

func TestChunksOfABundle(t *testing.T) {
	for size, want := range map[int64]int64{0: 0, 1: 1, eat.ChunkBytes: 1, eat.ChunkBytes + 1: 2, eat.MaxEvidenceBytes: 512} {
		if got := eat.Chunks(size); got != want {
			t.Errorf("%d bytes are %d chunks, want %d", size, got, want)
		}
	}
}

// What evidence is sealed to is a key or nothing.
func TestTrustStoreTakesAnEvidenceKey(t *testing.T) {
	trust := eattest.Trust(t)
	trust.EvidenceKey = bytes.Repeat([]byte{9}, 32)
	data, err := trust.Encode()
	must(t, err)
	again, err := eat.ParseTrust(data)
	if err != nil || !bytes.Equal(again.EvidenceKey, trust.EvidenceKey) {
		t.Errorf("%x, %v", again.EvidenceKey, err)
	}
	trust.EvidenceKey = trust.EvidenceKey[:31]
	if _, err := trust.Encode(); !errors.Is(err, eat.ErrTrust) {
		t.Errorf("a short key: %v", err)
	}
}
