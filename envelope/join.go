package envelope

import (
	"crypto/ed25519"
	"encoding/base64"
)

// Signature returns a copy of the signature that key made, nil where it made
// none: together with the payload it is all that needs to be kept.
func (v *Verified) Signature(key PublicKey) []byte {
	for i, k := range v.signedBy {
		if k == key {
			return append([]byte(nil), v.signatures[i]...)
		}
	}
	return nil
}

// Join puts a payload and a signature that were kept apart back into an
// envelope. It checks nothing and proves nothing: that is Verify's.
func Join(t Type, payload []byte, key PublicKey, sig []byte) []byte {
	return JoinAll(t, payload, Signature{Key: key, Sig: sig})
}

// Signature is a key with what it made over the Message of a statement.
type Signature struct {
	Key PublicKey
	Sig []byte
}

// JoinAll is Join for a statement that several keys have signed.
func JoinAll(t Type, payload []byte, signatures ...Signature) []byte {
	b := make([]byte, 0, base64.StdEncoding.EncodedLen(len(payload))+len(signatures)*(ed25519.SignatureSize*2+64)+256)
	b = appendHead(b, t, payload)
	for i, s := range signatures {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendSignature(b, s.Key, s.Sig)
	}
	return append(b, `]}`...)
}

// Message is what is signed: type and payload in DSSE's encoding. It is for
// keys that sign elsewhere, as in an ssh-agent; Sign does it for a PrivateKey.
func Message(t Type, payload []byte) []byte { return pae(t.Name, payload) }

// appendHead writes the envelope up to the first signature.
func appendHead(b []byte, t Type, payload []byte) []byte {
	b = append(b, `{"payload":"`...)
	b = base64.StdEncoding.AppendEncode(b, payload)
	b = append(b, `","payloadType":"`...)
	b = append(b, t.Name...) // ours, and needs no escapes
	return append(b, `","signatures":[`...)
}

func appendSignature(b []byte, key PublicKey, sig []byte) []byte {
	b = append(append(b, `{"keyid":"`...), key.ID()...)
	b = append(b, `","sig":"`...)
	b = base64.StdEncoding.AppendEncode(b, sig)
	return append(b, `"}`...)
}
