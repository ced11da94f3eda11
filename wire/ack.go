package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"picket.internal/envelope"
	"picket.internal/strictjson"
)

// Ack is the hub's word that a batch is on disk.
type Ack struct {
	// V is the version, 1; SealAck fills it in.
	V int `json:"v"`
	// Hub is the hub's id.
	Hub string `json:"hub"`
	// Host is the host's id.
	Host string `json:"host"`
	// Session is the batch's session.
	Session string `json:"session"`
	// Seq is the batch's number.
	Seq uint64 `json:"seq"`
	// Digest is the SHA-256 of the batch's payload in hexadecimal.
	Digest string `json:"digest"`
	// At is when it was stored, by the hub's clock, UTC.
	At time.Time `json:"at"`
	// Duplicate is true where it was stored before.
	Duplicate bool `json:"duplicate"`
	// Refused names the facts of the batch that could not be read.
	Refused []Refused `json:"refused,omitempty"`
	// Resync names the inventories of which the hub asks to be told what it
	// lacks; see PathHeld. Only sessions that sum up inventories hear of them.
	Resync []string `json:"resync,omitempty"`
}

// MaxResync is how many inventories one acknowledgement names at most.
const MaxResync = 16

// Refused is a fact that the hub could not read. It is not sent again.
type Refused struct {
	// Index is the fact's place in the batch, from 0.
	Index int `json:"index"`
	// Error is the error id and the words that go with it.
	Error string `json:"error"`
}

// maxRefusal is how long a refusal's words may be, so that an ack of a batch in
// which every fact is refused stays within its bound.
const maxRefusal = 160

// unescaped leaves nothing that JSON writes as two bytes.
func unescaped(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, `"`, "'"), `\`, "/")
}

func (a *Ack) check() error {
	c := checks{kind: ErrAck}
	c.version(a.V)
	c.hub(a.Hub)
	c.host(a.Host)
	c.hex("session", a.Session, 32)
	c.hex("digest", a.Digest, 64)
	c.that(a.Seq >= 1, "malformed seq 0")
	c.time("at", a.At)
	c.that(len(a.Refused) <= MaxFacts, "%d refusals", len(a.Refused))
	c.that(len(a.Resync) <= MaxResync, "%d resyncs", len(a.Resync))
	for _, k := range a.Resync {
		c.that(ValidKind(k), "malformed kind %.80q", k)
	}
	for _, r := range a.Refused {
		c.that(0 <= r.Index && r.Index < MaxFacts, "malformed index %d", r.Index)
	}
	return c.err
}

// Confirms checks that the acknowledgement is of the batch with the digest, and
// not one of another batch that someone kept.
func (a *Ack) Confirms(b *Batch, digest string) error {
	c := checks{kind: ErrAckMismatch}
	c.that(a.Hub == b.Hub, "from hub %s, not %s", a.Hub, b.Hub)
	c.that(a.Host == b.Host, "for host %s, not %s", a.Host, b.Host)
	c.that(a.Session == b.Session, "for session %s, not %s", a.Session, b.Session)
	c.that(a.Seq == b.Seq, "for seq %d, not %d", a.Seq, b.Seq)
	c.that(a.Digest == digest, "for digest %s, not %s", a.Digest, digest)
	return c.err
}

// SealAck signs an acknowledgement with the hub's online key. a is not changed.
func SealAck(a *Ack, key envelope.PrivateKey) ([]byte, error) {
	out := *a
	out.V = version
	out.Refused = nil
	for _, r := range a.Refused {
		r.Error = shorten(unescaped(r.Error), maxRefusal)
		out.Refused = append(out.Refused, r)
	}
	if err := out.check(); err != nil {
		return nil, err
	}
	payload, err := strictjson.Encode(&out)
	if err != nil {
		return nil, err
	}
	return envelope.Sign(envelope.Ack, payload, key)
}

// OpenAck verifies an acknowledgement by the hub's online key.
func OpenAck(data []byte, hub envelope.PublicKey) (*Ack, error) {
	v, err := envelope.Verify(data, envelope.Ack, envelope.KeySet{Role: "hub", Keys: []envelope.PublicKey{hub}})
	if err != nil {
		return nil, err
	}
	a := new(Ack)
	if err := v.Decode(a); err != nil {
		return nil, err
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	return a, nil
}

func digestOf(payload []byte) string {
	sum := sha256.Sum256(payload)
	return hex.EncodeToString(sum[:])
}

// shorten cuts s to at most n bytes of printable ASCII.
func shorten(s string, n int) string {
	b := []byte(s)
	if len(b) > n {
		b = b[:n]
	}
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}
