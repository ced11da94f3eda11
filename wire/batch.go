package wire

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/envelope"
	"picket.internal/strictjson"
)

// FirstPrev is the prev of a session's first batch.
var FirstPrev = strings.Repeat("0", 64)

// Batch is what a sensor sends: facts in order, bound to the batch before.
type Batch struct {
	// V is the version, 1; Seal fills it in.
	V int `json:"v"`
	// Host is the host's id.
	Host string `json:"host"`
	// Hub is the id of the hub that it is meant for.
	Hub string `json:"hub"`
	// Boot is the host's boot id.
	Boot string `json:"boot"`
	// Session names this run of the sensor.
	Session string `json:"session"`
	// Seq counts the session's batches from 1, without holes.
	Seq uint64 `json:"seq"`
	// Prev is the digest of the batch before; FirstPrev in the first.
	Prev string `json:"prev"`
	// Sent is when it was sealed, by the host's clock, UTC.
	Sent time.Time `json:"sent"`
	// Sensor is the program that speaks.
	Sensor SensorInfo `json:"sensor"`
	// Dropped counts the facts that the session has lost so far, by class.
	Dropped Dropped `json:"dropped"`
	// Facts are as the sensor wrote them. They are parsed one by one, so that a
	// malformed one takes no other with it.
	Facts []jsontext.Value `json:"facts"`
}

// SensorInfo is the program that speaks.
type SensorInfo struct {
	// Version is the sensor's version.
	Version string `json:"version"`
	// SHA256 is the hash of its own executable; empty where it cannot read it.
	SHA256 string `json:"sha256,omitempty"`
}

// Dropped counts lost facts by the queue's classes.
type Dropped struct {
	Critical  uint64 `json:"critical"`
	Process   uint64 `json:"process"`
	Inventory uint64 `json:"inventory"`
	Metric    uint64 `json:"metric"`
}

// Opened is a batch that its host's key has signed.
type Opened struct {
	Batch
	// Digest is the SHA-256 of the payload in hexadecimal, the next batch's prev.
	Digest string
	// Payload is the signed bytes.
	Payload []byte
	// Sig is the signature; with Payload and the key, Reopen needs no more.
	Sig []byte
}

func (b *Batch) check() error {
	c := checks{kind: ErrBatch}
	c.version(b.V)
	c.host(b.Host)
	c.hub(b.Hub)
	c.that(len(b.Boot) == 36 && strings.Trim(b.Boot, "0123456789abcdef-") == "", "malformed boot %.80q", b.Boot)
	c.hex("session", b.Session, 32)
	c.hex("prev", b.Prev, 64)
	c.that(b.Seq >= 1, "malformed seq 0")
	c.that((b.Seq == 1) == (b.Prev == FirstPrev), "malformed prev for seq %d", b.Seq)
	c.time("sent", b.Sent)
	c.text("sensor version", b.Sensor.Version, 64)
	if b.Sensor.SHA256 != "" {
		c.hex("sensor hash", b.Sensor.SHA256, 64)
	}
	if len(b.Facts) > MaxFacts && c.err == nil {
		c.err = fail(ErrTooManyFacts, "%d facts where %d are allowed", len(b.Facts), MaxFacts)
	}
	return c.err
}

// Seal signs a batch and returns the envelope with the digest that the next
// batch's prev must be. b is not changed.
func Seal(b *Batch, key envelope.PrivateKey) (sealed []byte, digest string, err error) {
	out := *b
	out.V = version
	if out.Facts == nil {
		out.Facts = []jsontext.Value{}
	}
	if err := out.check(); err != nil {
		return nil, "", err
	}
	payload, err := strictjson.Encode(&out)
	if err != nil {
		return nil, "", err
	}
	sealed, err = envelope.Sign(envelope.Batch, payload, key)
	if err != nil {
		return nil, "", err
	}
	return sealed, digestOf(payload), nil
}

// Open verifies a batch by the key of the host that it must come from. Whether
// the host, hub and place in the chain are right is for the caller to judge.
func Open(data []byte, key envelope.PublicKey) (*Opened, error) {
	v, err := envelope.Verify(data, envelope.Batch, envelope.KeySet{Role: "host", Keys: []envelope.PublicKey{key}})
	if err != nil {
		return nil, err
	}
	o := new(Opened)
	if err := v.Decode(&o.Batch); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	digest := v.Digest()
	o.Digest, o.Payload, o.Sig = hex.EncodeToString(digest[:]), v.Payload(), v.Signature(key)
	return o, nil
}

// Reopen verifies a batch that was stored as payload and signature.
func Reopen(payload, sig []byte, key envelope.PublicKey) (*Opened, error) {
	return Open(envelope.Join(envelope.Batch, payload, key, sig), key)
}
