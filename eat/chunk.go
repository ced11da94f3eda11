package eat

import (
	"bytes"
	"encoding/base64"

	"picket.internal/strictjson"
)

const (
	// ChunkBytes is how much of a bundle of evidence is in each of its chunks
	// but the last, which has what is left.
	ChunkBytes = 128 << 10
	// MaxChunk is the length of the longest chunk as it travels, in bytes.
	MaxChunk = 256 << 10
	// ChunkOverhead is by how much sealing makes a chunk longer: an X25519 public
	// key and the tag of the AEAD (RFC 9180).
	ChunkOverhead = 32 + 16
)

// The reasons for refusing a chunk, to be matched with errors.Is.
var (
	ErrChunk       = &Refusal{ID: "evidence.malformed"}
	ErrChunkSealed = &Refusal{ID: "evidence.not_for_us"}
)

// Chunks is how many chunks a bundle of so many bytes has.
func Chunks(size int64) int64 { return (size + ChunkBytes - 1) / ChunkBytes }

// Chunk is a part of a bundle of evidence on its way to the hub. It is sealed to
// the hub's evidence key, see package sealing: who carries it cannot read it.
// Host, Token, Number and Last are bound to what is sealed. Who made it is not
// proved: the wrapper's receipt has the digest of the whole bundle.
type Chunk struct {
	// Number counts the chunks of a bundle from 0. It comes first, so that a
	// chunk is told from a receipt by its beginning.
	Number int64 `json:"chunk"`
	// Host is the host's id.
	Host string `json:"host"`
	// Last is true of the last chunk of the bundle.
	Last bool `json:"last"`
	// Token is the id of the token that asked for the bundle.
	Token string `json:"token"`
	// V is the version, 1; Encode fills it in.
	V int `json:"v"`
	// Sealed is the sealed part, in base64: at most ChunkBytes and ChunkOverhead.
	Sealed []byte `json:"sealed,omitempty"`
}

// chunkStart is how every chunk begins, and no receipt does.
var chunkStart = []byte(`{"chunk":`)

// IsChunk reports whether a line that a wrapper printed is meant as a chunk.
func IsChunk(line []byte) bool { return bytes.HasPrefix(line, chunkStart) }

func (c *Chunk) check() error {
	k := checks{kind: ErrChunk}
	k.number("v", int64(c.V), version, version)
	k.number("chunk", c.Number, 0, Chunks(MaxEvidenceBytes)-1)
	k.field(validID(c.Host, "h_"), "host", c.Host)
	k.ulid("token", c.Token)
	k.number("sealed", int64(len(c.Sealed)), ChunkOverhead+1, ChunkOverhead+ChunkBytes)
	return k.err
}

// Encode writes the chunk, in its one spelling and on one line. Its error is
// ErrChunk.
func (c Chunk) Encode() ([]byte, error) {
	c.V = version
	if err := c.check(); err != nil {
		return nil, err
	}
	sealed := c.Sealed
	c.Sealed = nil // longer than a string of strictjson.Encode may be
	head, err := strictjson.Encode(c)
	if err != nil {
		return nil, refuse(ErrChunk, "%v", err)
	}
	out := append(head[:len(head)-1], `,"sealed":"`...)
	return append(base64.StdEncoding.AppendEncode(out, sealed), `"}`...), nil
}

// ParseChunk reads a chunk, strictly and in its one spelling. Nothing in it is
// verified. Its error is ErrChunk.
func ParseChunk(line []byte) (*Chunk, error) {
	c := new(Chunk)
	limits := strictjson.Limits{Bytes: MaxChunk, Depth: 1, String: MaxChunk, Items: 8, IntegersOnly: true}
	if err := strictjson.Decode(line, limits, c, nil); err != nil {
		return nil, refuse(ErrChunk, "%v", err)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	again, err := c.Encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, line) {
		return nil, refuse(ErrChunk, "a second spelling of a chunk")
	}
	return c, nil
}
