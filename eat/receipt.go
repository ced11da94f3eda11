package eat

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"picket.internal/envelope"
	"picket.internal/strictjson"
)

// What became of a token.
const (
	// OutcomeDone: the action took effect, and Effect proves it.
	OutcomeDone = "done"
	// OutcomeRefused: nothing was done; Refusal says why.
	OutcomeRefused = "refused"
	// OutcomeFailed: it was begun and did not take effect; what was begun was taken back.
	OutcomeFailed = "failed"
	// OutcomeUndone: what the token had put in force was taken back, because
	// somebody asked for it.
	OutcomeUndone = "undone"
	// OutcomeAutoUndone: it was taken back at the end of its lease, or because
	// the hub was out of reach.
	OutcomeAutoUndone = "auto_undone"
	// OutcomeUnknown: the wrapper was ended in between and cannot tell.
	OutcomeUnknown = "unknown"
	// OutcomeAlreadyGone: the target was no longer there.
	OutcomeAlreadyGone = "already_gone"
)

// FirstPrev is the prev of a wrapper's first receipt.
var FirstPrev = strings.Repeat("0", 64)

const (
	maxEffect      = 64
	maxEffectValue = 1024
	maxDetail      = 1024
)

// Receipt is the wrapper's word on a token. A token may have several: one when
// it is acted on, and one when its lease ends.
type Receipt struct {
	// V is the version, 1; Seal fills it in.
	V int `json:"v"`
	// Host is the host's id.
	Host string `json:"host"`
	// Boot is the boot id of the host when the receipt was written.
	Boot string `json:"boot"`
	// Token is the token's id.
	Token string `json:"token"`
	// TokenSHA256 is the digest of the token's payload.
	TokenSHA256 string `json:"token_sha256"`
	// Action is what the token asked for.
	Action string `json:"action"`
	// Outcome is one of the outcomes above.
	Outcome string `json:"outcome"`
	// Refusal is the id of a Refusal, or of another failure, as in
	// "eat.expired"; there if and only if the outcome is refused or failed.
	Refusal string `json:"refusal,omitempty"`
	// Detail says it in words; empty where there is nothing to add.
	Detail string `json:"detail,omitempty"`
	// Effect proves what was done, at most 64 names with texts of 1 KiB.
	Effect map[string]string `json:"effect,omitempty"`
	// LeaseEnd is when the action will end by itself; zero where it will not.
	LeaseEnd time.Time `json:"lease_end,omitzero"`
	// Started is when the wrapper began, by the host's clock, UTC.
	Started time.Time `json:"started"`
	// Time is when it was done, not before Started.
	Time time.Time `json:"time"`
	// Seq counts the wrapper's receipts from 1, without holes.
	Seq uint64 `json:"seq,string"`
	// Prev is the digest of the receipt before; FirstPrev in the first.
	Prev string `json:"prev"`
	// Wrapper is the wrapper's version.
	Wrapper string `json:"wrapper"`
}

// Validate checks every member; its error is ErrReceipt with the member's name.
func (r Receipt) Validate() error {
	c := checks{kind: ErrReceipt}
	c.number("v", int64(r.V), version, version)
	c.field(validID(r.Host, "h_"), "host", r.Host)
	c.boot("boot", r.Boot)
	c.ulid("token", r.Token)
	c.hash("token_sha256", r.TokenSHA256)
	// A newer hub may know more actions than this wrapper, which refused one.
	c.field(validName(r.Action, lower+"_", 64), "action", r.Action)
	c.outcome(r)
	c.line("detail", r.Detail, maxDetail)
	c.effect(r.Effect)
	c.that(r.LeaseEnd.IsZero() || r.LeaseEnd.Location() == time.UTC, "lease_end: no time in UTC")
	c.time("started", r.Started)
	c.time("time", r.Time)
	c.that(!r.Time.Before(r.Started), "time: before started")
	c.that(r.Seq > 0, "seq: 0")
	c.hash("prev", r.Prev)
	c.that((r.Seq == 1) == (r.Prev == FirstPrev), "prev: malformed for number %d", r.Seq)
	c.that(r.Wrapper != "", "wrapper: none")
	c.line("wrapper", r.Wrapper, 64)
	return c.err
}

func (c *checks) outcome(r Receipt) {
	switch r.Outcome {
	case OutcomeRefused, OutcomeFailed:
		family, name, _ := strings.Cut(r.Refusal, ".")
		c.field(validName(family, lower, 32) && validName(name, lower+digits+"_", 64), "refusal", r.Refusal)
	case OutcomeDone, OutcomeUndone, OutcomeAutoUndone, OutcomeUnknown, OutcomeAlreadyGone:
		c.that(r.Refusal == "", "refusal: there for the outcome %s", r.Outcome)
	default:
		c.field(false, "outcome", r.Outcome)
	}
}

func (c *checks) effect(effect map[string]string) {
	c.count("effect", len(effect), maxEffect)
	for name, value := range effect {
		c.field(validName(name, lower+digits+"_.", 64), "effect", name)
		c.that(len(value) <= maxEffectValue, "effect: %s has more than %d bytes", name, maxEffectValue)
	}
}

// Encode returns the receipt's payload: canonical JSON.
func (r Receipt) Encode() ([]byte, error) {
	r.V = version
	if err := r.Validate(); err != nil {
		return nil, err
	}
	payload, err := strictjson.Encode(r)
	if err != nil {
		return nil, refuse(ErrReceipt, "%v", err)
	}
	return payload, nil
}

// SealReceipt signs a receipt with the wrapper's key and returns the envelope
// with the digest that the next receipt's Prev must be.
func SealReceipt(r Receipt, key envelope.PrivateKey) (sealed []byte, digest string, err error) {
	payload, err := r.Encode()
	if err != nil {
		return nil, "", err
	}
	sealed, err = envelope.Sign(envelope.Receipt, payload, key)
	if err != nil {
		return nil, "", asRefusal(err, ErrReceipt)
	}
	return sealed, digestOf(payload), nil
}

// OpenReceipt verifies a receipt by the key of the wrapper that it must come
// from, and returns it with its digest. Its place in the chain is Follows's.
func OpenReceipt(data []byte, wrapper envelope.PublicKey) (r *Receipt, digest string, err error) {
	v, err := envelope.Verify(data, envelope.Receipt, envelope.KeySet{Role: "wrapper", Keys: []envelope.PublicKey{wrapper}})
	if err != nil {
		return nil, "", signatureRefusal(err, ErrReceiptSignature)
	}
	r = new(Receipt)
	if err := v.Decode(r); err != nil {
		return nil, "", asRefusal(err, ErrReceipt)
	}
	payload, err := r.Encode()
	if err != nil {
		return nil, "", err
	}
	if r.V != version || !bytes.Equal(payload, v.Payload()) {
		return nil, "", refuse(ErrReceipt, "a second spelling of a receipt")
	}
	return r, digestOf(payload), nil
}

// SeenBy is how many records of the log the wrapper says it has seen, in a
// receipt that refuses a proof from elsewhere; false in any other.
func SeenBy(r *Receipt) (records int64, ok bool) {
	if r.Refusal != ErrNoConsistency.ID {
		return 0, false
	}
	var from int64
	n, _ := fmt.Sscanf(r.Detail, noConsistency, &from, &records)
	return records, n == 2 && records >= 0
}

// Follows checks that r is the next receipt of the host after before, whose
// digest is given. Nil before means that r must be the first.
func (r *Receipt) Follows(before *Receipt, digest string) error {
	switch {
	case before == nil && r.Seq != 1:
		return refuse(ErrReceiptChain, "number %d is the first that is known", r.Seq)
	case before == nil:
		return nil
	case r.Host != before.Host:
		return refuse(ErrReceiptChain, "receipts of two hosts")
	case r.Seq != before.Seq+1:
		return refuse(ErrReceiptChain, "number %d follows %d", r.Seq, before.Seq)
	case r.Prev != digest:
		return refuse(ErrReceiptChain, "number %d follows another number %d than is known", r.Seq, before.Seq)
	}
	return nil
}
