package eat

import (
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/strictjson"
)

// MaxDelivery is the length of the largest delivery in bytes.
const MaxDelivery = 128 << 10

// maxProof is more hashes than any proof in a log of 2^63 records has.
const maxProof = 64

// Delivery is what goes to a wrapper's standard input: a token with its
// signatures, and the proof that it is in the log. It is not signed itself: all
// in it that counts is.
type Delivery struct {
	// Envelope is the token in its DSSE envelope, with the hub's signature and
	// those of operators.
	Envelope []byte
	// Checkpoint is the hub's signed word on its log.
	Checkpoint []byte
	// Index is which record of the log the token is, from 0.
	Index int64
	// Inclusion proves that it is.
	Inclusion tlog.RecordProof
	// From is the size of the log that the host last saw, as the hub believes;
	// 0 for a host that has seen none.
	From int64
	// Consistency proves that the log extends the one of that size.
	Consistency tlog.TreeProof
}

// parcel is a delivery as it travels.
type parcel struct {
	V           int            `json:"v"`
	Envelope    jsontext.Value `json:"envelope,omitzero"`
	Checkpoint  string         `json:"checkpoint"`
	Index       int64          `json:"index"`
	Inclusion   [][]byte       `json:"inclusion"`
	From        int64          `json:"from"`
	Consistency [][]byte       `json:"consistency"`
}

// Encode returns the document, at most MaxDelivery bytes.
func (d Delivery) Encode() ([]byte, error) {
	rest, err := strictjson.Encode(parcel{
		V: version, Checkpoint: string(d.Checkpoint), Index: d.Index, Inclusion: fromHashes(d.Inclusion), From: d.From, Consistency: fromHashes(d.Consistency),
	})
	if err != nil {
		return nil, refuse(ErrDelivery, "%v", err)
	}
	// The envelope is copied as it is: its payload is longer than a string of
	// strictjson.Encode may be, and an envelope is not ours to spell anew.
	out := append([]byte(`{"envelope":`), d.Envelope...)
	out = append(append(out, ','), rest[1:]...)
	if _, err := ParseDelivery(out); err != nil {
		return nil, err
	}
	return out, nil
}

// ParseDelivery reads a delivery, strictly. Nothing in it is verified.
func ParseDelivery(data []byte) (Delivery, error) {
	if len(data) > MaxDelivery {
		return Delivery{}, refuse(ErrTooLarge, "%d bytes where %d are allowed", len(data), MaxDelivery)
	}
	var p parcel
	if err := strictjson.Decode(data, strictjson.Limits{Bytes: MaxDelivery, String: MaxDelivery, IntegersOnly: true}, &p, nil); err != nil {
		return Delivery{}, refuse(ErrDelivery, "%v", err)
	}
	c := checks{kind: ErrDelivery}
	c.number("v", int64(p.V), version, version)
	c.that(p.Envelope != nil, "envelope: none")
	c.that(len(p.Checkpoint) <= maxCheckpoint, "checkpoint: %d bytes where %d are allowed", len(p.Checkpoint), maxCheckpoint)
	c.that(p.Index >= 0, "index: %d", p.Index)
	c.that(p.From >= 0, "from: %d", p.From)
	inclusion := c.hashes("inclusion", p.Inclusion)
	consistency := c.hashes("consistency", p.Consistency)
	if c.err != nil {
		return Delivery{}, c.err
	}
	return Delivery{
		Envelope: p.Envelope, Checkpoint: []byte(p.Checkpoint), Index: p.Index, Inclusion: inclusion, From: p.From, Consistency: consistency,
	}, nil
}

func (c *checks) hashes(name string, list [][]byte) (out []tlog.Hash) {
	c.count(name, len(list), maxProof)
	for _, raw := range list {
		if len(raw) != tlog.HashSize {
			c.that(false, "%s: a hash of %d bytes", name, len(raw))
			return nil
		}
		out = append(out, tlog.Hash(raw))
	}
	return out
}

func fromHashes(list []tlog.Hash) [][]byte {
	out := make([][]byte, len(list))
	for i, h := range list {
		out[i] = h[:]
	}
	return out
}
