package envelope

import "encoding/base64"

// PAE is pae, for the DSSE vector.
var PAE = pae

// CheckSignature runs a signature over any message through the code that
// verifies those of envelopes.
func CheckSignature(key PublicKey, sig, message []byte) error {
	encoded := base64.StdEncoding.EncodeToString(sig)
	_, _, err := KeySet{Role: "test", Keys: []PublicKey{key}}.check([]signature{{Sig: encoded}}, message)
	return err
}
