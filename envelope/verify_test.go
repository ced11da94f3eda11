package envelope_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/envelope"
)

// action is a small type with a bound that tests can reach.
var action = envelope.Type{Name: "application/vnd.picket.test.v1+json", MaxPayload: 4096}

func newKey(t testing.TB) envelope.PrivateKey {
	t.Helper()
	key, err := envelope.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func of(keys ...envelope.PrivateKey) envelope.KeySet {
	set := envelope.KeySet{Role: "test"}
	for _, k := range keys {
		set.Keys = append(set.Keys, k.Public())
	}
	return set
}

// signature signs any bytes at all, by a PAE of its own.
func signature(typ string, payload []byte, key envelope.PrivateKey) []byte {
	message := fmt.Sprintf("DSSEv1 %d %s %d %s", len(typ), typ, len(payload), payload)
	return ed25519.Sign(key.Std(), []byte(message))
}

// signAnything makes a validly signed envelope of what Sign would refuse.
func signAnything(typ envelope.Type, payload string, key envelope.PrivateKey) []byte {
	return envelope.Join(typ, []byte(payload), key.Public(), signature(typ.Name, []byte(payload), key))
}

// refused checks that nothing came of an envelope, and why.
func refused(t *testing.T, data []byte, typ envelope.Type, keys envelope.KeySet, want error) {
	t.Helper()
	v, err := envelope.Verify(data, typ, keys)
	if !errors.Is(err, want) {
		t.Errorf("Verify(%.120q) = %v, want %v", data, err, want)
	}
	if v != nil {
		t.Errorf("Verify(%.120q) gave out %q", data, v.Payload())
	}
}

func TestSignVerify(t *testing.T) {
	key := newKey(t)
	payload := []byte(`{"action":"noop","n":1}`)
	data, err := envelope.Sign(action, payload, key)
	if err != nil {
		t.Fatal(err)
	}
	if again := signAnything(action, string(payload), key); !bytes.Equal(data, again) {
		t.Errorf("Sign = %s, want %s", data, again)
	}
	v, err := envelope.Verify(data, action, of(newKey(t), key))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(v.Payload(), payload) || v.Type() != action {
		t.Errorf("payload %q, type %v", v.Payload(), v.Type())
	}
	if diff := cmp.Diff([]string{key.Public().ID()}, ids(v.SignedBy())); diff != "" {
		t.Error(diff)
	}
	if joined := envelope.Join(action, v.Payload(), key.Public(), v.Signature(key.Public())); !bytes.Equal(joined, data) {
		t.Errorf("Join = %s, want %s", joined, data)
	}
	if sig := v.Signature(newKey(t).Public()); sig != nil {
		t.Errorf("the signature of a key that did not sign: %x", sig)
	}
	var into struct {
		Action string `json:"action"`
		N      int    `json:"n"`
	}
	if err := v.Decode(&into); err != nil || into.Action != "noop" || into.N != 1 {
		t.Errorf("Decode = %+v, %v", into, err)
	}
}

func ids(keys []envelope.PublicKey) (out []string) {
	for _, k := range keys {
		out = append(out, k.ID())
	}
	return out
}

// What is handed out is the caller's own: changing it changes nothing.
func TestVerifiedCannotBeChanged(t *testing.T) {
	key := newKey(t)
	v, err := envelope.Verify(signAnything(action, `{"action":"a"}`, key), action, of(key))
	if err != nil {
		t.Fatal(err)
	}
	clear(v.Payload())
	clear(v.SignedBy())
	clear(v.Signature(key.Public()))
	if string(v.Payload()) != `{"action":"a"}` || v.SignedBy()[0] != key.Public() || len(bytes.Trim(v.Signature(key.Public()), "\x00")) == 0 {
		t.Error("a caller reached into a Verified")
	}
}

// Each way in which an envelope can be wrong has an id of its own.
func TestVerifyRefuses(t *testing.T) {
	key, other := newKey(t), newKey(t)
	good := string(signAnything(action, `{"action":"a"}`, key))
	sig := base64.StdEncoding.EncodeToString(signature(action.Name, []byte(`{"action":"a"}`), key))
	deep := strings.Repeat("[", 17) + strings.Repeat("]", 17)
	for _, test := range []struct {
		name string
		data string
		want error
	}{
		{"empty", "", envelope.ErrMalformed},
		{"no JSON", "DSSEv1", envelope.ErrMalformed},
		{"cut", good[:len(good)-1], envelope.ErrMalformed},
		{"null", "null", envelope.ErrMissingField},
		{"an array", "[]", envelope.ErrMalformed},
		{"no payload", strings.Replace(good, `"payload":`, `"payloads":`, 1), envelope.ErrMissingField},
		{"no type", strings.Replace(good, `"payloadType":`, `"PayloadType":`, 1), envelope.ErrMissingField},
		{"no signatures", strings.Replace(good, `"signatures":`, `"sigs":`, 1), envelope.ErrMissingField},
		{"no sig", strings.Replace(good, `"sig":`, `"signature":`, 1), envelope.ErrMissingField},
		{"two payloads", strings.Replace(good, `{"payload":`, `{"payload":"e30=","payload":`, 1), envelope.ErrDuplicateKey},
		{"invalid UTF-8", strings.Replace(good, `{`, "{\"\xff\":1,", 1), envelope.ErrInvalidUTF8},
		{"two documents", good + good, envelope.ErrTrailingData},
		{"nested too deep", strings.Replace(good, `{`, `{"x":`+deep+`,`, 1), envelope.ErrTooDeep},
		{"too large", good + strings.Repeat(" ", 64<<10), envelope.ErrTooLarge},
		{"base64 without padding", strings.Replace(good, `=","payloadType`, `","payloadType`, 1), envelope.ErrMalformed},
		{"base64 with a line break", strings.Replace(good, `"payload":"`, `"payload":"\n`, 1), envelope.ErrMalformed},
		{"base64 of two alphabets", strings.Replace(good, `"payload":"`, `"payload":"-+-+`, 1), envelope.ErrMalformed},
		{"no signature", strings.Replace(good, `[{`, `[],"x":[{`, 1), envelope.ErrBadSignature},
		{"17 signatures", strings.Replace(good, `[{`, `[`+strings.Repeat(`{"sig":""},`, 16)+`{`, 1), envelope.ErrMalformed},
		{"short signature", strings.Replace(good, sig, "AAAA", 1), envelope.ErrBadSignature},
		{"another payload", strings.Replace(good, `"payload":"eyJhY3Rpb24iOiJhIn0="`, `"payload":"eyJhY3Rpb24iOiJiIn0="`, 1), envelope.ErrBadSignature},
		{"another key", string(signAnything(action, `{"action":"a"}`, other)), envelope.ErrUnknownKey},
		{"payload not JSON", string(signAnything(action, `x`, key)), envelope.ErrMalformed},
		{"payload too large", string(signAnything(action, `"`+strings.Repeat("x", 4095)+`"`, key)), envelope.ErrTooLarge},
		{"payload too deep", string(signAnything(action, deep, key)), envelope.ErrTooDeep},
		{"payload of two documents", string(signAnything(action, `{}{}`, key)), envelope.ErrTrailingData},
		{"payload with a name twice", string(signAnything(action, `{"a":1,"a":1}`, key)), envelope.ErrDuplicateKey},
		{"payload with invalid UTF-8", string(signAnything(action, "\"\xff\"", key)), envelope.ErrInvalidUTF8},
		{"payload with a float", string(signAnything(action, `{"a":0.5}`, key)), envelope.ErrNumber},
		{"payload not canonical", string(signAnything(action, `{"b":1,"a":1}`, key)), envelope.ErrNotCanonical},
	} {
		t.Run(test.name, func(t *testing.T) { refused(t, []byte(test.data), action, of(key), test.want) })
	}
}

// What DSSE lets other writers do.
func TestVerifyTolerates(t *testing.T) {
	key := newKey(t)
	payload := `{"action":"` + strings.Repeat("?>", 8) + `a"}`
	good := string(signAnything(action, payload, key))
	sig := base64.StdEncoding.EncodeToString(signature(action.Name, []byte(payload), key))
	url := base64.URLEncoding.EncodeToString([]byte(payload))
	for _, test := range []struct{ name, data string }{
		{"an unknown member", strings.Replace(good, `{"payload":`, `{"x":[null,1.5],"payload":`, 1)},
		{"white space", " " + strings.ReplaceAll(good, ",", " ,\n")},
		{"the URL alphabet", strings.Replace(good, base64.StdEncoding.EncodeToString([]byte(payload)), url, 1)},
		{"no key id", strings.Replace(good, key.Public().ID(), "", 1)},
		{"a wrong key id", strings.Replace(good, key.Public().ID(), "someone else", 1)},
		{"signatures that do not count", strings.Replace(good, `[{`, `[{"sig":"?"},{"keyid":"`+key.Public().ID()+`","sig":"AAAA"},{`, 1)},
		{"the same signature twice", strings.Replace(good, `[{`, `[{"sig":"`+sig+`"},{`, 1)},
	} {
		v, err := envelope.Verify([]byte(test.data), action, of(key))
		if err != nil || string(v.Payload()) != payload || len(v.SignedBy()) != 1 {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if url == base64.StdEncoding.EncodeToString([]byte(payload)) {
		t.Error("the two alphabets do not differ here")
	}
}

func TestSignRefuses(t *testing.T) {
	key := newKey(t)
	for payload, want := range map[string]error{
		`{"b":1,"a":1}`:                       envelope.ErrNotCanonical,
		`{"a":0.5}`:                           envelope.ErrNumber,
		``:                                    envelope.ErrMalformed,
		`"` + strings.Repeat("x", 4095) + `"`: envelope.ErrTooLarge,
	} {
		if data, err := envelope.Sign(action, []byte(payload), key); !errors.Is(err, want) || data != nil {
			t.Errorf("Sign(%.40q) = %.40q, %v, want %v", payload, data, err, want)
		}
	}
	if data, err := envelope.Sign(action, []byte(`{}`)); err == nil || data != nil {
		t.Error("Sign without a key")
	}
	if data, err := envelope.Sign(action, []byte(`{}`), envelope.PrivateKey{}); err == nil || data != nil {
		t.Error("Sign with the zero key")
	}
}

func TestHint(t *testing.T) {
	key := newKey(t)
	typ, keyIDs, err := envelope.Hint(signAnything(action, `{}`, key))
	if err != nil || typ != action.Name || len(keyIDs) != 1 || keyIDs[0] != key.Public().ID() {
		t.Errorf("Hint = %q, %q, %v", typ, keyIDs, err)
	}
	if _, _, err := envelope.Hint([]byte("{}")); !errors.Is(err, envelope.ErrMissingField) {
		t.Error(err)
	}
}
