package envelope_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"filippo.io/edwards25519"

	"picket.internal/envelope"
)

func TestThreat_F1_PayloadTypeConfusion(t *testing.T) {
	host := newKey(t)
	// The bytes would be a fine payload of the other type, and the key is right.
	data := signAnything(envelope.Batch, `{}`, host)
	refused(t, data, envelope.Enroll, of(host), envelope.ErrWrongPayloadType)

	for _, name := range []string{
		strings.Replace(action.Name, "a", "A", 1),
		strings.ToUpper(action.Name),
		action.Name + " ",
		" " + action.Name,
		action.Name + "\x00",
		action.Name[:len(action.Name)-1],
		"",
	} {
		alike := envelope.Type{Name: "x", MaxPayload: 4096}
		data := strings.Replace(string(signAnything(alike, `{}`, host)), `"payloadType":"x"`, `"payloadType":`+quote(name), 1)
		refused(t, []byte(data), action, of(host), envelope.ErrWrongPayloadType)
	}

	// The type decides before anything else: no signature is looked at.
	refused(t, []byte(`{"payload":"?","payloadType":"x","signatures":[]}`), action, of(host), envelope.ErrWrongPayloadType)

	// A type that was swapped after signing does not verify.
	swapped := strings.Replace(string(data), envelope.Batch.Name, action.Name, 1)
	refused(t, []byte(swapped), action, of(host), envelope.ErrBadSignature)
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, "\x00", `\u0000`) + `"` }

func TestThreat_F2_DuplicateOrFoldedNames(t *testing.T) {
	key := newKey(t)
	type statement struct {
		Action string `json:"action"`
		Host   string `json:"host,omitempty"`
	}
	for payload, want := range map[string]error{
		`{"action":"a","action":"b"}`:      envelope.ErrDuplicateKey,
		`{"action":"a","\u0061ction":"b"}`: envelope.ErrDuplicateKey,
		`{"ACTION":"b","action":"a"}`:      envelope.ErrUnknownField,
		`{"action":"a","hoſt":"b"}`:        envelope.ErrUnknownField, // U+017F, which folds to s
		`{"action":"a","extra":1}`:         envelope.ErrUnknownField,
		`{"action":null}`:                  envelope.ErrMissingField,
		`{}`:                               envelope.ErrMissingField,
		`null`:                             envelope.ErrMissingField,
	} {
		got := statement{Action: "before"}
		v, err := envelope.Verify(signAnything(action, payload, key), action, of(key))
		if err == nil {
			err = v.Decode(&got)
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", payload, err, want)
		}
		if got != (statement{Action: "before"}) {
			t.Errorf("%s: stored %+v", payload, got)
		}
	}
}

func TestThreat_F5_BombsAndTrailingDocuments(t *testing.T) {
	key := newKey(t)
	bomb := strings.Repeat("[", 10_000)
	for name, data := range map[string][]byte{
		"in place of an envelope": []byte(bomb),
		"beside the payload":      []byte(`{"x":` + bomb),
		"as the payload":          signAnything(envelope.Batch, bomb, key),
		"in the payload":          signAnything(envelope.Batch, `{"facts":`+bomb, key),
	} {
		want := envelope.ErrTooDeep
		if data[0] == '[' {
			want = envelope.ErrMalformed // refused at the first byte
		}
		refused(t, data, envelope.Batch, of(key), want)
		elapsed, allocated := cost(func() { envelope.Verify(data, envelope.Batch, of(key)) })
		if elapsed > 5*time.Millisecond || allocated > 1<<20 {
			t.Errorf("%s: refusing took %v and %d bytes", name, elapsed, allocated)
		}
	}
	good := signAnything(action, `{}`, key)
	refused(t, append(good, good...), action, of(key), envelope.ErrTrailingData)
	refused(t, signAnything(action, `{}{}`, key), action, of(key), envelope.ErrTrailingData)

	// At the cap and one byte over.
	fits := `"` + strings.Repeat("x", action.MaxPayload-2) + `"`
	if _, err := envelope.Verify(signAnything(action, fits, key), action, of(key)); err != nil {
		t.Errorf("at the cap: %v", err)
	}
	refused(t, signAnything(action, `"x`+fits[1:], key), action, of(key), envelope.ErrTooLarge)
}

// cost is the least of a few runs: the machine may be busy with other tests.
func cost(f func()) (elapsed time.Duration, allocated uint64) {
	elapsed, allocated = time.Hour, 1<<62
	for range 10 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		f()
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		elapsed, allocated = min(elapsed, took), min(allocated, after.TotalAlloc-before.TotalAlloc)
	}
	return elapsed, allocated
}

func TestThreat_F6_VerifyOneActOnAnother(t *testing.T) {
	key := newKey(t)
	canonical := `{"action":"a","n":1}`
	if _, err := envelope.Verify(signAnything(action, canonical, key), action, of(key)); err != nil {
		t.Fatal(err)
	}
	for _, same := range []string{
		`{"action":"a", "n":1}`,
		`{"n":1,"action":"a"}`,
		`{"action":"\u0061","n":1}`,
		`{"\u0061ction":"a","n":1}`,
		canonical + "\n",
	} {
		refused(t, signAnything(action, same, key), action, of(key), envelope.ErrNotCanonical)
	}
	t.Run("only Verify makes a Verified", onlyVerifyMakesVerified)
}

func TestThreat_F7_WeakKeys(t *testing.T) {
	zeros, ones := strings.Repeat("00", 30), strings.Repeat("ff", 30)
	order8a := "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03"
	order8b := "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc"
	for vector, want := range map[string]error{
		"01" + zeros + "00": envelope.ErrKeyLowOrder,
		"ec" + ones + "7f":  envelope.ErrKeyLowOrder,
		"00" + zeros + "00": envelope.ErrKeyLowOrder,
		"00" + zeros + "80": envelope.ErrKeyLowOrder,
		order8a + "7a":      envelope.ErrKeyLowOrder,
		order8a + "fa":      envelope.ErrKeyLowOrder,
		order8b + "05":      envelope.ErrKeyLowOrder,
		order8b + "85":      envelope.ErrKeyLowOrder,
		"01" + zeros + "80": envelope.ErrKeyNotCanonical,
		"ec" + ones + "ff":  envelope.ErrKeyNotCanonical,
		"ee" + ones + "7f":  envelope.ErrKeyNotCanonical,
		"ed" + ones + "7f":  envelope.ErrKeyNotCanonical,
		"02" + zeros + "00": envelope.ErrKeyNotCanonical, // no point of the curve
		"":                  envelope.ErrKeyLength,
		zeros + "00":        envelope.ErrKeyLength,
		zeros + "000000":    envelope.ErrKeyLength,
	} {
		raw := unhex(t, vector)
		if key, err := envelope.ParsePublicKey(raw); !errors.Is(err, want) || !key.IsZero() {
			t.Errorf("ParsePublicKey(%s) = %v, %v, want %v", vector, key, err, want)
		}
		var key envelope.PublicKey
		if err := key.UnmarshalText([]byte(base64.StdEncoding.EncodeToString(raw))); !errors.Is(err, want) || !key.IsZero() {
			t.Errorf("UnmarshalText(%s) = %v, want %v", vector, err, want)
		}
	}
	t.Run("the list is whole", func(t *testing.T) {
		point, err := new(edwards25519.Point).SetBytes(unhex(t, order8a+"7a"))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for p := new(edwards25519.Point).Set(point); len(seen) < 9; p.Add(p, point) {
			encoded := hex.EncodeToString(p.Bytes())
			if seen[encoded] {
				break
			}
			seen[encoded] = true
			if _, err := envelope.ParsePublicKey(p.Bytes()); !errors.Is(err, envelope.ErrKeyLowOrder) {
				t.Errorf("%s: %v", encoded, err)
			}
		}
		if len(seen) != 8 {
			t.Errorf("%d points of small order", len(seen))
		}
	})
	t.Run("why it matters", func(t *testing.T) {
		identity := unhex(t, "01"+zeros+"00")
		forged := append(append([]byte{}, identity...), make([]byte, 32)...)
		if !ed25519.Verify(identity, []byte("anything"), forged) {
			t.Log("crypto/ed25519 refuses it by now")
		}
		// The zero key in a set must not open the door that ParsePublicKey closed.
		data := envelope.Join(action, []byte(`{}`), envelope.PublicKey{}, forged)
		refused(t, data, action, envelope.KeySet{Keys: []envelope.PublicKey{{}}}, envelope.ErrUnknownKey)
	})
}

func TestThreat_F8_ThresholdByKeyNotByKeyID(t *testing.T) {
	a, b, outsider := newKey(t), newKey(t), newKey(t)
	payload := []byte(`{"action":"isolate"}`)
	two := of(a, b)
	two.Threshold = 2

	// One key under two ids, two spellings of its signature, and listed twice.
	sigA := base64.StdEncoding.EncodeToString(signature(action.Name, payload, a))
	head, _, _ := strings.Cut(string(signAnything(action, string(payload), a)), `[`)
	twice := []byte(head + `[{"keyid":"k1","sig":"` + sigA + `"},{"keyid":"` + b.Public().ID() + `","sig":"` + sigA + `"}]}`)
	refused(t, twice, action, two, envelope.ErrThresholdNotMet)
	if _, err := envelope.Verify(twice, action, two); !strings.Contains(err.Error(), "have 1, need 2") {
		t.Errorf("the refusal does not count: %v", err)
	}
	listedTwice := of(a, a)
	listedTwice.Threshold = 2
	refused(t, twice, action, listedTwice, envelope.ErrThresholdNotMet)

	// A second signature by a key without the role.
	stranger, err := envelope.Sign(action, payload, a, outsider)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, stranger, action, two, envelope.ErrThresholdNotMet)

	// A threshold below one is no way to need nothing.
	none := []byte(head + `[]}`)
	refused(t, none, action, envelope.KeySet{Keys: two.Keys}, envelope.ErrBadSignature)
	refused(t, twice, action, envelope.KeySet{Keys: two.Keys, Threshold: -1}, envelope.ErrThresholdNotMet)
	refused(t, twice, action, envelope.KeySet{}, envelope.ErrUnknownKey)

	// Both keys, under ids that say the wrong thing: accepted.
	both, err := envelope.Sign(action, payload, a, b)
	if err != nil {
		t.Fatal(err)
	}
	swapped := strings.NewReplacer(a.Public().ID(), b.Public().ID(), b.Public().ID(), "nobody").Replace(string(both))
	v, err := envelope.Verify([]byte(swapped), action, two)
	if err != nil || len(v.SignedBy()) != 2 {
		t.Errorf("both keys signed: %v", err)
	}
}
