package wire

import (
	"encoding/base64"
	"net"
	"strings"

	"picket.internal/strictjson"
)

// What tokens begin with, so that people and secret scanners know them.
const (
	tokenPrefix  = "pkt1."
	accessPrefix = "pka1."
)

// maxPins is how many TLS keys a token may pin: the one in use and those that
// may follow it.
const maxPins = 8

// Token lets one host enroll. Whoever holds it can do so: it is shown once.
type Token struct {
	// Address is where the hub listens, host:port.
	Address string `json:"address"`
	// Hub is the hub's id.
	Hub string `json:"hub"`
	// ID is the half of the token that may be seen.
	ID string `json:"id"`
	// Pins are the hub's TLS keys.
	Pins []Pin `json:"pins"`
	// Secret is the other half.
	Secret string `json:"secret"`
}

// ParseToken reads the text that String writes.
func ParseToken(s string) (*Token, error) {
	t := new(Token)
	if err := parseToken(s, tokenPrefix, t); err != nil {
		return nil, err
	}
	if err := checkToken(t.Address, t.ID, t.Secret, t.Pins); err != nil {
		return nil, err
	}
	if !ValidHubID(t.Hub) {
		return nil, fail(ErrToken, "malformed hub %.80q", t.Hub)
	}
	return t, nil
}

// String is the whole token, its secret included: for the one place that shows
// it to a person.
func (t *Token) String() string { return tokenText(tokenPrefix, (*bareToken)(t)) }

// MarshalText leaves the secret out of logs and of all else that writes a token
// without knowing what it is.
func (t *Token) MarshalText() ([]byte, error) { return []byte(tokenPrefix + "(" + t.ID + ")"), nil }

// bareToken is a Token that is written whole.
type bareToken Token

// AccessToken lets a person's program use the hub's API.
type AccessToken struct {
	// Address is where the hub listens, host:port.
	Address string `json:"address"`
	// ID is the half of the token that may be seen.
	ID string `json:"id"`
	// Pins are the hub's TLS keys.
	Pins []Pin `json:"pins"`
	// Secret is the other half.
	Secret string `json:"secret"`
}

// ParseAccessToken reads the text that String writes.
func ParseAccessToken(s string) (*AccessToken, error) {
	t := new(AccessToken)
	if err := parseToken(s, accessPrefix, t); err != nil {
		return nil, err
	}
	if err := checkToken(t.Address, t.ID, t.Secret, t.Pins); err != nil {
		return nil, err
	}
	return t, nil
}

// String is the whole token, its secret included.
func (t *AccessToken) String() string { return tokenText(accessPrefix, (*bareAccessToken)(t)) }

// MarshalText is as of Token.
func (t *AccessToken) MarshalText() ([]byte, error) {
	return []byte(accessPrefix + "(" + t.ID + ")"), nil
}

// bareAccessToken is an AccessToken that is written whole.
type bareAccessToken AccessToken

// Errors about tokens never quote them: they end up in terminals and tickets.
func parseToken(s, prefix string, into any) error {
	body, ok := strings.CutPrefix(strings.TrimSpace(s), prefix)
	if !ok {
		return fail(ErrToken, "malformed token: it must begin with %q", prefix)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || base64.RawURLEncoding.EncodedLen(len(raw)) != len(body) {
		return fail(ErrToken, "malformed token: it was not copied whole")
	}
	limits := strictjson.Limits{Bytes: 4 << 10, Canonical: true, IntegersOnly: true}
	if err := strictjson.Decode(raw, limits, into, nil); err != nil {
		return fail(ErrToken, "malformed token: it was not copied whole")
	}
	return nil
}

func checkToken(address, id, secret string, pins []Pin) error {
	host, port, err := net.SplitHostPort(address)
	c := checks{kind: ErrToken}
	c.that(err == nil && host != "" && port != "" && len(address) <= 300, "malformed address %.80q", address)
	c.that(validTokenID(id), "malformed id %.80q", id)
	c.that(validSecret(secret), "malformed secret")
	c.that(0 < len(pins) && len(pins) <= maxPins, "%d pins", len(pins))
	return c.err
}

// validSecret reports whether s has the form that NewSecret makes.
func validSecret(s string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(raw) == 32 && len(s) == 43
}

// tokenText cannot fail on strings and pins; what a caller put in that no token
// may hold shows as a text that does not parse.
func tokenText(prefix string, t any) string {
	raw, err := strictjson.Encode(t)
	if err != nil {
		return prefix
	}
	return prefix + base64.RawURLEncoding.EncodeToString(raw)
}
