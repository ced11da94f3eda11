package eat

import (
	"crypto/ed25519"
	"slices"

	"picket.internal/envelope"
)

// Sign returns the token's envelope, signed with the hub's EAT key.
func Sign(t Token, key envelope.PrivateKey) ([]byte, error) {
	payload, err := t.Encode()
	if err != nil {
		return nil, err
	}
	sealed, err := envelope.Sign(envelope.EAT, payload, key)
	if err != nil {
		return nil, asRefusal(err, ErrBadField)
	}
	return sealed, nil
}

// Opened is a token that one of the keys asked for has signed. Whether it may
// be acted on, and where, is Verify's to say: this is for those who show it,
// approve it and pass it on.
type Opened struct {
	// Token is the token.
	Token Token
	// Payload is the signed bytes.
	Payload []byte
	// SHA256 is their digest.
	SHA256 string
	// Signatures are those of the keys asked for.
	Signatures []envelope.Signature
}

// Open reads a token that at least one of keys has signed.
func Open(data []byte, keys ...envelope.PublicKey) (*Opened, error) {
	v, err := envelope.Verify(data, envelope.EAT, envelope.KeySet{Role: "EAT", Keys: keys})
	if err != nil {
		return nil, signatureRefusal(err, ErrBadSignature)
	}
	token, refusal := readToken(v)
	if refusal != nil {
		return nil, refusal
	}
	o := &Opened{Token: token, Payload: v.Payload()}
	o.SHA256 = digestOf(o.Payload)
	for _, key := range v.SignedBy() {
		o.Signatures = append(o.Signatures, envelope.Signature{Key: key, Sig: v.Signature(key)})
	}
	return o, nil
}

// readToken reads what was signed. The refusal says whose it was as far as that
// can be read.
func readToken(v *envelope.Verified) (Token, *Refusal) {
	var d document
	if err := v.Decode(&d); err != nil {
		return Token{}, asRefusal(err, ErrBadField)
	}
	payload := v.Payload()
	token, err := d.token(payload)
	if err == nil {
		return token, nil
	}
	refusal := asRefusal(err, ErrBadField)
	if ValidTokenID(d.ID) && validName(d.Action, lower+"_", 64) {
		refusal.About = &About{Token: d.ID, SHA256: digestOf(payload), Action: d.Action}
	}
	return Token{}, refusal
}

// Message is the bytes that an approval signs, for a key that is not at hand as
// a PrivateKey, as in an ssh-agent.
func (o *Opened) Message() []byte { return envelope.Message(envelope.EAT, o.Payload) }

// Approve is an operator's signature over the same bytes as the hub's. Show
// Words of the token and its bytes before.
func (o *Opened) Approve(key envelope.PrivateKey) envelope.Signature {
	return envelope.Signature{Key: key.Public(), Sig: ed25519.Sign(key.Std(), o.Message())}
}

// Join returns the envelope with the signatures that o has and the approvals.
// One that does not verify is ErrBadSignature; a key counts once.
func (o *Opened) Join(approvals ...envelope.Signature) ([]byte, error) {
	signatures := slices.Clone(o.Signatures)
	message := o.Message()
	for _, a := range approvals {
		if a.Key.IsZero() || !ed25519.Verify(a.Key.Bytes(), message, a.Sig) {
			return nil, refuse(ErrBadSignature, "the approval of key %s is not of this token", a.Key.ID())
		}
		if !slices.ContainsFunc(signatures, func(s envelope.Signature) bool { return s.Key == a.Key }) {
			signatures = append(signatures, a)
		}
	}
	if len(signatures) > maxSignatures {
		return nil, refuse(ErrTooLarge, "%d signatures where %d are allowed", len(signatures), maxSignatures)
	}
	return envelope.JoinAll(envelope.EAT, o.Payload, signatures...), nil
}

// maxSignatures is how many an envelope may carry.
const maxSignatures = 16
