package eat_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/envelope"
)

func TestTrustRoundTrip(t *testing.T) {
	want := eattest.Trust(t)
	want.Revoked = []string{eattest.Key(99).Public().ID()}
	data, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := eat.ParseTrust(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b envelope.PublicKey) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestTrustIsStrict(t *testing.T) {
	good, err := eattest.Trust(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	alice, bob, hub := eattest.AliceKey.Public().String(), eattest.BobKey.Public().String(), eattest.HubKey.Public().String()
	weakLog, err := note.NewEd25519VerifierKey("log", append([]byte{1}, make([]byte, 31)...))
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string][2]string{
		"another version":          {`"v": 1`, `"v": 2`},
		"no hub":                   {eattest.HubID, "*"},
		"an unknown member":        {`"v": 1`, `"v": 1, "any": true`},
		"an operator's key twice":  {bob, alice},
		"the hub's as an operator": {bob, hub},
		"the hub's as the log's":   {vkey(t, eattest.LogKey), vkey(t, eattest.HubKey)},
		"a name twice":             {`"bob"`, `"alice"`},
		"a name that is none":      {`"bob"`, `"b b"`},
		"a weak key":               {hub, base64.StdEncoding.EncodeToString(append([]byte{1}, make([]byte, 31)...))},
		"a weak log":               {vkey(t, eattest.LogKey), weakLog},
		"a log that is none":       {vkey(t, eattest.LogKey), "log"},
		"no end":                   {`"not_after"`, `"not_before"`},
		"a revoked name":           {`"v": 1`, `"v": 1, "revoked": ["alice"]`},
	} {
		text := strings.Replace(string(good), change[0], change[1], 1)
		if text == string(good) {
			t.Fatalf("%s: nothing changed", what)
		}
		if trust, err := eat.ParseTrust([]byte(text)); trust != nil || !errors.Is(err, eat.ErrTrust) {
			t.Errorf("%s: %v", what, err)
		}
	}
	many := eattest.Trust(t)
	for n := range byte(9) {
		many.HubKeys = append(many.HubKeys, eat.HubKey{Key: eattest.Key(100 + n).Public(), NotAfter: time.Now().UTC()})
	}
	if err := many.Validate(); !errors.Is(err, eat.ErrTrust) {
		t.Errorf("10 keys of the hub: %v", err)
	}
	many.HubKeys = nil
	if err := many.Validate(); !errors.Is(err, eat.ErrTrust) {
		t.Errorf("no key of the hub: %v", err)
	}
}

func vkey(t *testing.T, key envelope.PrivateKey) string {
	t.Helper()
	out, err := eat.LogVerifier(eattest.LogName, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return out
}
