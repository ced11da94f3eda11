package fuzz

import (
	"bytes"
	"strings"
	"testing"

	"picket.internal/envelope"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// FuzzEnrollment gives OpenEnroll the input as a payload that the new host has
// signed, and the reply's and the tokens' parsers the input as it is.
func FuzzEnrollment(f *testing.F) {
	key := fixedKey(1)
	request := wire.EnrollRequest{
		V:            1,
		Token:        "t_aaaaaaaaaaaaaaaaaaaaaaaaaa",
		Secret:       strings.Repeat("A", 43),
		Key:          key.Public(),
		Machine:      strings.Repeat("0f", 32),
		Name:         "web-1",
		OS:           "linux",
		Kernel:       "6.12.0",
		Architecture: "amd64",
		Version:      "0.1.0",
		Sent:         sent,
	}
	type whole wire.EnrollRequest // with the secret, which it keeps out of logs
	stranger := request
	stranger.Key = fixedKey(2).Public()
	pin, err := wire.PinOf(key.Public())
	if err != nil {
		f.Fatal(err)
	}
	reply := wire.EnrollReply{V: 1, Host: "h_aaaaaaaaaaaaaaaaaaaaaaaaaa", Hub: "u_aaaaaaaaaaaaaaaaaaaaaaaaaa", HubKey: key.Public(), Pins: []wire.Pin{pin}, State: wire.StateEnrolled}
	for _, seed := range []any{whole(request), whole(stranger), reply} {
		data, err := strictjson.Encode(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	token := wire.Token{Address: "127.0.0.1:7443", Hub: reply.Hub, ID: request.Token, Pins: reply.Pins, Secret: request.Secret}
	f.Add([]byte(token.String()))
	access := wire.AccessToken{Address: "127.0.0.1:7443", ID: request.Token, Pins: reply.Pins, Secret: request.Secret}
	f.Add([]byte(access.String()))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkRequest(t, data, key)
		checkReply(t, data)
		checkTokens(t, string(data))
	})
}

func checkRequest(t *testing.T, payload []byte, key envelope.PrivateKey) {
	t.Helper()
	r, err := wire.OpenEnroll(signed(envelope.Enroll, payload, key), key.Public())
	if err != nil {
		if r != nil || wire.ErrorID(err) == "" {
			t.Fatalf("refused with %v, handing out %v", err, r)
		}
		return
	}
	if r.Key != key.Public() {
		t.Fatalf("%q enrolls another's key", payload)
	}
	again, err := wire.SealEnroll(r, key)
	if err != nil {
		t.Fatalf("%q opens and cannot be sealed: %v", payload, err)
	}
	if canonicalTimes(t, payload) && !bytes.Equal(again, signed(envelope.Enroll, payload, key)) {
		t.Fatalf("%q sealed again is %s", payload, again)
	}
}

func checkReply(t *testing.T, data []byte) {
	t.Helper()
	r, err := wire.ParseEnrollReply(data)
	if err != nil {
		if r != nil {
			t.Fatalf("refused with %v, handing out %v", err, r)
		}
		return
	}
	encoded, err := r.Encode()
	if err != nil {
		t.Fatalf("%q parses and cannot be encoded: %v", data, err)
	}
	if canonical, err := strictjson.Canonical(data); err != nil || !bytes.Equal(canonical, encoded) {
		t.Fatalf("%q is encoded as %q: %v", data, encoded, err)
	}
}

func checkTokens(t *testing.T, s string) {
	t.Helper()
	if token, err := wire.ParseToken(s); err != nil && token != nil || err == nil && token.String() != strings.TrimSpace(s) {
		t.Fatalf("%q: %v, %v", s, token, err)
	}
	if token, err := wire.ParseAccessToken(s); err != nil && token != nil || err == nil && token.String() != strings.TrimSpace(s) {
		t.Fatalf("%q: %v, %v", s, token, err)
	}
}
