package wire

import (
	"encoding/base64"
	"time"

	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/strictjson"
)

// PathHeld is where a sensor asks what the hub holds of one of its host's
// inventories, once an Ack has named it: POST with nothing in it to PathHeld, a
// slash, the session, a slash, the kind; get a Held's envelope.
const PathHeld = "/v1/held"

// HeldPair is one entity of an inventory: the first 8 bytes of the SHA-256 of
// its key, and the first 8 of its sum. See fact.Entity.
type HeldPair [16]byte

// chunkPairs is how many entities one string of a statement holds.
const chunkPairs = 512

// Held is the hub's word on what it holds of an inventory of a host.
type Held struct {
	// V is the version, 1; SealHeld fills it in.
	V int `json:"v"`
	// Hub is the hub's id.
	Hub string `json:"hub"`
	// Host is the host's id.
	Host string `json:"host"`
	// Session is the sensor's session that asked.
	Session string `json:"session"`
	// Kind is the inventory.
	Kind string `json:"kind"`
	// Fresh is true where the hub and the host have never agreed on it.
	Fresh bool `json:"fresh"`
	// At is when it was so, by the hub's clock, UTC.
	At time.Time `json:"at"`
	// Entities are the pairs in base64, 512 a string but for the last; Pairs
	// reads them.
	Entities []string `json:"entities"`
}

func (h *Held) check() error {
	c := checks{kind: ErrHeld}
	c.version(h.V)
	c.hub(h.Hub)
	c.host(h.Host)
	c.hex("session", h.Session, 32)
	c.that(ValidKind(h.Kind), "malformed kind %.80q", h.Kind)
	c.time("at", h.At)
	c.that(len(h.Entities) <= (fact.MaxEntities+chunkPairs-1)/chunkPairs, "%d strings of entities", len(h.Entities))
	for i, s := range h.Entities {
		n := base64.StdEncoding.DecodedLen(len(s))
		c.that(n <= chunkPairs*len(HeldPair{})+2 && (i == len(h.Entities)-1 || len(s) == base64.StdEncoding.EncodedLen(chunkPairs*len(HeldPair{}))),
			"malformed string %d of entities", i)
	}
	return c.err
}

// Pairs reads the entities.
func (h *Held) Pairs() ([]HeldPair, error) {
	var out []HeldPair
	for i, s := range h.Entities {
		raw, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil || len(raw) == 0 || len(raw)%len(HeldPair{}) != 0 || base64.StdEncoding.EncodedLen(len(raw)) != len(s) {
			return nil, fail(ErrHeld, "malformed string %d of entities", i)
		}
		for ; len(raw) > 0; raw = raw[len(HeldPair{}):] {
			out = append(out, HeldPair(raw))
		}
	}
	if len(out) > fact.MaxEntities {
		return nil, fail(ErrHeld, "%d entities where %d are allowed", len(out), fact.MaxEntities)
	}
	return out, nil
}

// ValidKind reports whether s can be the name of an inventory.
func ValidKind(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return true
}

// SealHeld signs a statement about the pairs with the hub's online key. h is
// not changed.
func SealHeld(h *Held, pairs []HeldPair, key envelope.PrivateKey) ([]byte, error) {
	out := *h
	out.V, out.Entities = version, []string{}
	for len(pairs) > 0 {
		n := min(len(pairs), chunkPairs)
		raw := make([]byte, 0, n*len(HeldPair{}))
		for _, p := range pairs[:n] {
			raw = append(raw, p[:]...)
		}
		out.Entities = append(out.Entities, base64.StdEncoding.EncodeToString(raw))
		pairs = pairs[n:]
	}
	if err := out.check(); err != nil {
		return nil, err
	}
	payload, err := strictjson.Encode(&out)
	if err != nil {
		return nil, err
	}
	return envelope.Sign(envelope.Held, payload, key)
}

// OpenHeld verifies a statement by the hub's online key. Whether it is about
// what was asked is for the caller to judge.
func OpenHeld(data []byte, hub envelope.PublicKey) (*Held, []HeldPair, error) {
	v, err := envelope.Verify(data, envelope.Held, envelope.KeySet{Role: "hub", Keys: []envelope.PublicKey{hub}})
	if err != nil {
		return nil, nil, err
	}
	h := new(Held)
	if err := v.Decode(h); err != nil {
		return nil, nil, err
	}
	if err := h.check(); err != nil {
		return nil, nil, err
	}
	pairs, err := h.Pairs()
	if err != nil {
		return nil, nil, err
	}
	return h, pairs, nil
}
