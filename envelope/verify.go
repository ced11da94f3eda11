package envelope

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"slices"

	"picket.internal/strictjson"
)

// KeySet is who may sign a statement in one role.
type KeySet struct {
	// Role names the role in error messages, as in "host".
	Role string
	// Keys are the role's keys. None means that nothing verifies.
	Keys []PublicKey
	// Threshold is how many different keys must have signed; empty means 1.
	Threshold int
}

// distinct is the set's usable keys, each once: a key counts once however often
// it is listed or signs.
func (s KeySet) distinct() []PublicKey {
	var keys []PublicKey
	for _, k := range s.Keys {
		if !k.IsZero() && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// Verified is a statement whose signatures were checked. Only Verify makes one.
type Verified struct {
	payload    []byte
	document   strictjson.Document // of the payload
	typ        Type
	signedBy   []PublicKey
	signatures [][]byte // by the keys of signedBy
	digest     [sha256.Size]byte
}

// Payload returns a copy of the signed bytes.
func (v *Verified) Payload() []byte { return bytes.Clone(v.payload) }

// Type returns the type that was asked for and found.
func (v *Verified) Type() Type { return v.typ }

// SignedBy returns the keys of the role that signed, in the role's order.
func (v *Verified) SignedBy() []PublicKey { return slices.Clone(v.signedBy) }

// Digest returns the SHA-256 of the payload.
func (v *Verified) Digest() [32]byte { return v.digest }

// Decode reads the payload into the value that into points to, refusing what
// its type does not have.
func (v *Verified) Decode(into any) error {
	if err := v.document.Decode(into, nil); err != nil {
		return fromJSON(err)
	}
	return nil
}

// Verify checks that data is an envelope of exactly the type want, signed by
// enough of keys, around a canonical payload. The checks are in the order in
// which they cost and matter: size, shape, type, signatures, payload.
func Verify(data []byte, want Type, keys KeySet) (*Verified, error) {
	if len(data) > want.maxEnvelope() {
		return nil, fail(ErrTooLarge, "%d bytes where %d are allowed", len(data), want.maxEnvelope())
	}
	env, err := parseOuter(data, want.maxEnvelope())
	if err != nil {
		return nil, err
	}
	if env.PayloadType != want.Name {
		return nil, fail(ErrWrongPayloadType, "%.80q where %q belongs", env.PayloadType, want.Name)
	}
	payload, ok := decodeBase64(env.Payload)
	if !ok {
		return nil, fail(ErrMalformed, "malformed base64 in payload")
	}
	if len(payload) > want.MaxPayload {
		return nil, fail(ErrTooLarge, "payload of %d bytes where %d are allowed", len(payload), want.MaxPayload)
	}
	signedBy, sigs, err := keys.check(env.Signatures, pae(env.PayloadType, payload))
	if err != nil {
		return nil, err
	}
	document, err := strictjson.CheckDocument(payload, want.limits())
	if err != nil {
		return nil, fromJSON(err)
	}
	return &Verified{
		payload:    payload,
		document:   document,
		typ:        want,
		signedBy:   signedBy,
		signatures: sigs,
		digest:     sha256.Sum256(payload),
	}, nil
}

// check returns the keys of the set that signed message, with their signatures,
// if they are enough.
func (s KeySet) check(signatures []signature, message []byte) ([]PublicKey, [][]byte, error) {
	keys := s.distinct()
	need := max(s.Threshold, 1)
	if s.Threshold < 0 {
		return nil, nil, fail(ErrThresholdNotMet, "a threshold of %d for role %q", s.Threshold, s.Role)
	}
	valid := make([][]byte, len(keys))
	hinted := false
	for _, sig := range signatures {
		raw, ok := decodeBase64(sig.Sig)
		hint := slices.IndexFunc(keys, func(k PublicKey) bool { return k.ID() == sig.KeyID })
		hinted = hinted || hint >= 0
		if !ok || len(raw) != ed25519.SignatureSize {
			continue
		}
		if i := signer(keys, valid, hint, raw, message); i >= 0 {
			valid[i] = raw
		}
	}
	var signedBy []PublicKey
	for i, k := range keys {
		if valid[i] != nil {
			signedBy = append(signedBy, k)
		}
	}
	valid = slices.DeleteFunc(valid, func(sig []byte) bool { return sig == nil })
	switch {
	case len(signedBy) >= need:
		return signedBy, valid, nil
	case len(signedBy) > 0:
		return nil, nil, fail(ErrThresholdNotMet, "have %d, need %d keys of role %q", len(signedBy), need, s.Role)
	case !hinted && len(signatures) > 0:
		return nil, nil, fail(ErrUnknownKey, "no signature names or fits a key of role %q", s.Role)
	}
	return nil, nil, fail(ErrBadSignature, "no signature of role %q is valid", s.Role)
}

// signer finds which key, not yet counted, made the signature. The hint only
// says which to try first.
func signer(keys []PublicKey, counted [][]byte, hint int, sig, message []byte) int {
	try := func(i int) bool { return counted[i] == nil && ed25519.Verify(keys[i].raw[:], message, sig) }
	if hint >= 0 && try(hint) {
		return hint
	}
	for i := range keys {
		if i != hint && try(i) {
			return i
		}
	}
	return -1
}
