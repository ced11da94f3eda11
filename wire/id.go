package wire

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// idEncoding is lower-case base32: safe in paths, shell words and speech.
var idEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// randomBytes returns n random bytes. crypto/rand ends the program rather than
// fail.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// NewHostID makes the identifier of a host, "h_" and 26 characters.
func NewHostID() string { return "h_" + idEncoding.EncodeToString(randomBytes(16)) }

// NewHubID makes the identifier of a hub, "u_" and 26 characters.
func NewHubID() string { return "u_" + idEncoding.EncodeToString(randomBytes(16)) }

// NewTokenID makes the public half of a token, "t_" and 26 characters.
func NewTokenID() string { return "t_" + idEncoding.EncodeToString(randomBytes(16)) }

// NewSecret makes the secret half of a token: 256 random bits in base64url.
func NewSecret() string { return base64.RawURLEncoding.EncodeToString(randomBytes(32)) }

// NewSession makes the identifier of one run of a sensor, 32 hexadecimal digits.
func NewSession() string { return hex.EncodeToString(randomBytes(16)) }

// ValidHostID reports whether s has the form that NewHostID makes.
func ValidHostID(s string) bool { return validID(s, "h_") }

// ValidHubID reports whether s has the form that NewHubID makes.
func ValidHubID(s string) bool { return validID(s, "u_") }

// validTokenID reports whether s has the form that NewTokenID makes.
func validTokenID(s string) bool { return validID(s, "t_") }

func validID(s, prefix string) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || len(rest) != 26 {
		return false
	}
	// 26 characters hold 130 bits: the last two must be zero, or one id would
	// have four spellings.
	raw, err := idEncoding.DecodeString(rest)
	return err == nil && idEncoding.EncodeToString(raw) == rest
}
