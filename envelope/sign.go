package envelope

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"

	"picket.internal/strictjson"
)

// Sign returns the envelope of payload, signed by each of keys. The payload
// must be what Verify will accept: canonical and within the bounds of t.
func Sign(t Type, payload []byte, keys ...PrivateKey) ([]byte, error) {
	if len(keys) == 0 || len(keys) > maxSignatures {
		return nil, fmt.Errorf("internal error: signing with %d keys", len(keys))
	}
	if err := strictjson.Check(payload, t.limits()); err != nil {
		return nil, fromJSON(err)
	}
	message := pae(t.Name, payload)
	b := make([]byte, 0, base64.StdEncoding.EncodedLen(len(payload))+len(keys)*160+128)
	b = appendHead(b, t, payload)
	for i, k := range keys {
		if k.IsZero() {
			return nil, errors.New("internal error: signing with no key")
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = appendSignature(b, k.Public(), ed25519.Sign(k.key, message))
	}
	return append(b, `]}`...), nil
}
