package wire_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// carry seals a fact in a batch, opens it as a hub does, and parses it.
func carry(t *testing.T, f *fact.Fact) *fact.Fact {
	t.Helper()
	key := newKey(t)
	raw, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	b := newBatch()
	b.Facts = []jsontext.Value{raw}
	sealed, _, err := wire.Seal(b, key)
	if err != nil {
		t.Fatal(err)
	}
	o, err := wire.Open(sealed, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(o.Facts[0], raw) {
		t.Errorf("the fact's bytes changed on the way: %s", o.Facts[0])
	}
	got, unknown, err := fact.Parse(o.Facts[0])
	if err != nil || len(unknown) != 0 {
		t.Fatalf("Parse: %q, %v", unknown, err)
	}
	return got
}

// signRaw signs a payload that Seal would refuse.
func signRaw(typ envelope.Type, payload string, key envelope.PrivateKey) []byte {
	message := fmt.Sprintf("DSSEv1 %d %s %d %s", len(typ.Name), typ.Name, len(payload), payload)
	return envelope.Join(typ, []byte(payload), key.Public(), ed25519.Sign(key.Std(), []byte(message)))
}

func TestThreat_F3_InvalidUTF8(t *testing.T) {
	for _, name := range []string{"\xff\xfe", "caf\xe9", "\xed\xa0\x80", "a\x00\xff"} {
		f := &fact.Fact{ID: "01K3Z9V6W4Q2N8T1XEJ5B7RMCD", Time: sent, Kind: fact.KindProcess, Host: fact.Host{ID: wire.NewHostID()}, Process: &fact.Process{}}
		f.Process.Executable, f.Process.ExecutableB64 = fact.Text([]byte(name))
		got := carry(t, f)
		exact, err := base64.StdEncoding.DecodeString(got.Process.ExecutableB64)
		if err != nil || string(exact) != name {
			t.Errorf("%q arrived as %q, %v", name, exact, err)
		}
	}
	if text, b64 := fact.Text([]byte("plain é")); text != "plain é" || b64 != "" {
		t.Errorf("Text of UTF-8 = %q, %q", text, b64)
	}

	key := newKey(t)
	sealed, _, err := wire.Seal(newBatch(), key)
	if err != nil {
		t.Fatal(err)
	}
	o, err := wire.Open(sealed, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	payload := string(o.Payload)
	for name, hostile := range map[string]string{
		"raw 0xFF":             "\xff",
		"an encoded surrogate": "\xed\xa0\x80",
		"an overlong slash":    "\xc0\xaf",
		"half a pair":          `\ud800`,
		"the other half":       `\udc00`,
		"halves swapped":       `\udc00\ud800`,
	} {
		data := signRaw(envelope.Batch, strings.Replace(payload, "metric\"", hostile+`"`, 1), key)
		if o, err := wire.Open(data, key.Public()); wire.ErrorID(err) != "env.invalid_utf8" || o != nil {
			t.Errorf("%s: %v, %v", name, o, err)
		}
	}
}

func TestThreat_F4_LargeIntegersStayExact(t *testing.T) {
	f := &fact.Fact{ID: "01K3Z9V6W4Q2N8T1XEJ5B7RMCD", Time: sent, Kind: fact.KindCanary, Host: fact.Host{ID: wire.NewHostID()}}
	f.File = &fact.File{Inode: 9007199254740993, Size: 1<<64 - 1}
	if got := carry(t, f); got.File.Inode != 9007199254740993 || got.File.Size != 1<<64-1 {
		t.Errorf("arrived as %+v", got.File)
	}
	raw, err := f.Encode()
	if err != nil || !bytes.Contains(raw, []byte(`"inode":"9007199254740993"`)) {
		t.Errorf("written as %s, %v", raw, err)
	}

	// In an action's statements no number but a plain integer exists.
	key := newKey(t)
	keys := envelope.KeySet{Role: "hub", Keys: []envelope.PublicKey{key.Public()}}
	for _, number := range []string{"9007199254740993", "-9007199254740992", "1e3", "1E3", "-0", "1.0", "0.5"} {
		v, err := envelope.Verify(signRaw(envelope.Ack, `{"seq":`+number+`}`, key), envelope.Ack, keys)
		if wire.ErrorID(err) != "env.number_not_canonical" || v != nil {
			t.Errorf("%s: %v", number, err)
		}
	}
	for _, number := range []string{"9007199254740991", "-9007199254740991", "0"} {
		if _, err := envelope.Verify(signRaw(envelope.Ack, `{"seq":`+number+`}`, key), envelope.Ack, keys); err != nil {
			t.Errorf("%s: %v", number, err)
		}
	}
	for _, inode := range []string{`"01"`, `"+1"`, `"1.0"`, `"1e3"`, `""`, `" 1"`, `"18446744073709551616"`} {
		data := `{"file":{"inode":` + inode + `},"host":{"id":"h"},"id":"x","kind":"canary","time":"2026-05-06T07:08:09Z"}`
		if f, _, err := fact.Parse([]byte(data)); !errors.Is(err, strictjson.ErrNumber) || f != nil {
			t.Errorf("inode %s: %v", inode, err)
		}
	}
}
