// Package envelope makes and checks signed statements: RFC 8785 canonical JSON
// in a DSSE envelope, signed with Ed25519.
//
// Verify is the only way in. It decides on the type first, then on the
// signatures over the bytes as received, and hands out those bytes and nothing
// else; a Verified can come from nowhere else.
//
// The package must never choose keys by what an envelope says of itself, act
// on a payload before its signatures are checked, or repair anything.
package envelope

import (
	"encoding/base64"
	"strconv"
	"strings"

	"picket.internal/strictjson"
)

// maxSignatures is how many signatures an envelope may carry. Those that do not
// count are passed over, but not without end.
const maxSignatures = 16

// Type is a kind of statement.
type Type struct {
	// Name is the DSSE payload type, compared byte by byte.
	Name string
	// MaxPayload is the length of the largest payload in bytes.
	MaxPayload int
	// Depth is how deep the payload may nest; empty means 16.
	Depth int
	// Floats allows numbers that are not integers; empty means that they are refused.
	Floats bool
}

// The statements of this version.
var (
	// Batch is a sensor's facts, signed with the host key.
	Batch = Type{Name: "application/vnd.picket.batch.v1+json", MaxPayload: 8 << 20, Depth: 18, Floats: true}
	// Ack is the hub's answer to a batch, signed with the hub's online key.
	Ack = Type{Name: "application/vnd.picket.ack.v1+json", MaxPayload: 256 << 10}
	// Held is what the hub holds of an inventory of a host, signed with the hub's online key.
	Held = Type{Name: "application/vnd.picket.held.v1+json", MaxPayload: 1200 << 10}
	// Enroll asks a hub to take a host in, signed with the new host key.
	Enroll = Type{Name: "application/vnd.picket.enroll.v1+json", MaxPayload: 16 << 10}
	// EAT is an Emergency Action Token, signed with the hub's EAT key and, where
	// the host's policy asks for it, with operators' keys.
	EAT = Type{Name: "application/vnd.picket.eat.v1+json", MaxPayload: 64 << 10}
	// Receipt is what became of a token, signed with the wrapper's key.
	Receipt = Type{Name: "application/vnd.picket.receipt.v1+json", MaxPayload: 64 << 10}
)

// limits bounds a payload of the type.
func (t Type) limits() strictjson.Limits {
	return strictjson.Limits{Bytes: t.MaxPayload, Depth: t.Depth, IntegersOnly: !t.Floats, Canonical: true}
}

// maxEnvelope is the length of the largest envelope: the payload in base64 and
// room for every signature with its key id.
func (t Type) maxEnvelope() int {
	return base64.StdEncoding.EncodedLen(t.MaxPayload) + maxSignatures*512 + 1024
}

// outer is the DSSE envelope as it travels.
type outer struct {
	Payload     string      `json:"payload"`
	PayloadType string      `json:"payloadType"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid,omitempty"`
	Sig   string `json:"sig"`
}

// parseOuter reads an envelope. Members that DSSE does not name are passed
// over, as it asks; everything else is strict.
func parseOuter(data []byte, maxBytes int) (*outer, error) {
	var env outer
	limits := strictjson.Limits{Bytes: maxBytes, String: maxBytes}
	if err := strictjson.Decode(data, limits, &env, func(string) {}); err != nil {
		return nil, fromJSON(err)
	}
	if len(env.Signatures) > maxSignatures {
		return nil, fail(ErrMalformed, "more than %d signatures", maxSignatures)
	}
	return &env, nil
}

// decodeBase64 takes both alphabets, as DSSE asks, and one spelling of each.
func decodeBase64(s string) ([]byte, bool) {
	encoding := base64.StdEncoding
	if strings.ContainsAny(s, "-_") {
		encoding = base64.URLEncoding
	}
	b, err := encoding.Strict().DecodeString(s)
	// The decoder passes over line breaks, which would be a second spelling.
	if err != nil || encoding.EncodedLen(len(b)) != len(s) {
		return nil, false
	}
	return b, true
}

// pae is what is signed: DSSE's pre-authentication encoding of type and payload.
func pae(payloadType string, payload []byte) []byte {
	b := make([]byte, 0, len("DSSEv1")+2*20+4+len(payloadType)+len(payload))
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(payloadType)), 10)
	b = append(append(append(b, ' '), payloadType...), ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	return append(append(b, ' '), payload...)
}

// Hint tells what an envelope says of itself. None of it is verified: it is for
// log lines and must decide nothing.
func Hint(data []byte) (payloadType string, keyIDs []string, err error) {
	env, err := parseOuter(data, Batch.maxEnvelope())
	if err != nil {
		return "", nil, err
	}
	for _, s := range env.Signatures {
		keyIDs = append(keyIDs, s.KeyID)
	}
	return env.PayloadType, keyIDs, nil
}
