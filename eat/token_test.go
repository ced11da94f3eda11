package eat_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/envelope"
)

func TestTokenFields(t *testing.T) {
	bad := map[string]func(*eat.Token){
		"id: empty":                 func(t *eat.Token) { t.ID = "" },
		"id: lower case":            func(t *eat.Token) { t.ID = strings.ToLower(t.ID) },
		"id: a letter that is none": func(t *eat.Token) { t.ID = "01K3Z9V6W4Q2N8T1XEJ5B7RMCU" },
		"id: over 128 bits":         func(t *eat.Token) { t.ID = "8" + t.ID[1:] },
		"hub: none":                 func(t *eat.Token) { t.Hub = "" },
		"hub: a host":               func(t *eat.Token) { t.Hub = t.Host },
		"host: none":                func(t *eat.Token) { t.Host = "" },
		"host: all":                 func(t *eat.Token) { t.Host = "*" },
		"host: several":             func(t *eat.Token) { t.Host += "," + t.Host },
		"host: a second spelling":   func(t *eat.Token) { t.Host = t.Host[:len(t.Host)-1] + "f" },
		"boot: none":                func(t *eat.Token) { t.Boot = "" },
		"boot: no UUID":             func(t *eat.Token) { t.Boot = strings.Repeat("-", 36) },
		"args: none":                func(t *eat.Token) { t.Args = nil },
		"reason: none":              func(t *eat.Token) { t.Reason = "" },
		"reason: two lines":         func(t *eat.Token) { t.Reason = "a\nb" },
		"reason: an escape":         func(t *eat.Token) { t.Reason = "\x1b[2J" },
		"reason: long":              func(t *eat.Token) { t.Reason = strings.Repeat("a", 257) },
		"issued: none":              func(t *eat.Token) { t.Issued = time.Time{} },
		"issued: local":             func(t *eat.Token) { t.Issued = t.Issued.In(time.FixedZone("", 3600)) },
		"not_before: before issued": func(t *eat.Token) { t.NotBefore = t.Issued.Add(-1) },
		"expires: at not_before":    func(t *eat.Token) { t.Expires = t.NotBefore },
		"counter: 0":                func(t *eat.Token) { t.Counter = 0 },
		"policy: a path":            func(t *eat.Token) { t.Policy = "../x" },
	}
	for what, change := range bad {
		token := eattest.Token(eat.KillProcess{Process: process()})
		change(&token)
		_, err := eat.Sign(token, eattest.HubKey)
		name, _, _ := strings.Cut(what, ":")
		var r *eat.Refusal
		if !errors.As(err, &r) || r.ID != eat.ErrBadField.ID || !strings.HasPrefix(r.Detail, name+":") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// No byte of a signed token can be changed, left out or added so that it still
// counts, and what still counts after a change to the envelope is the same token.
func TestDeliveryIsNotMalleable(t *testing.T) {
	s := newScene(t)
	good := s.deliver()
	want, refusal := eat.Verify(good, s.in)
	if refusal != nil {
		t.Fatal(refusal)
	}
	try := func(what string, i int, data []byte) {
		v, refusal := eat.Verify(data, s.in)
		if (v == nil) == (refusal == nil) {
			t.Fatalf("%s byte %d: a token %t and %v", what, i, v != nil, refusal)
		}
		if v != nil && v.SHA256() != want.SHA256() {
			t.Errorf("%s byte %d gives another token", what, i)
		}
	}
	for i := range good {
		changed := bytes.Clone(good)
		changed[i] ^= 1 << (i % 7)
		try("changed", i, changed)
		if i%5 == 0 {
			try("without", i, append(bytes.Clone(good[:i]), good[i+1:]...))
		}
		if v, _ := eat.Verify(good[:i], s.in); v != nil {
			t.Errorf("truncated at %d, it is taken", i)
		}
	}
}

// Every byte of the payload is signed.
func TestPayloadIsSigned(t *testing.T) {
	s := newScene(t)
	sealed, err := eat.Sign(s.token, eattest.HubKey)
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := s.token.Encode()
	sig := signatureOf(sealed)
	for i := range payload {
		changed := bytes.Clone(payload)
		changed[i] ^= 1 << (i % 8)
		joined := envelope.Join(envelope.EAT, changed, eattest.HubKey.Public(), sig)
		if o, err := eat.Open(joined, eattest.HubKey.Public()); o != nil || !errors.Is(err, eat.ErrBadSignature) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
}

func TestThreat_W7_ReplayInAnotherSpelling(t *testing.T) {
	s := newScene(t)
	s.token.Reason = "why???>>>" // has both letters in which the alphabets differ
	first := s.deliver()
	v, refusal := eat.Verify(first, s.in)
	if refusal != nil {
		t.Fatal(refusal)
	}
	s.ledger.used[v.SHA256()], s.ledger.used[v.Token().ID] = v.Token().Action(), v.Token().Action()
	d, err := eat.ParseDelivery(first)
	if err != nil {
		t.Fatal(err)
	}
	again := map[string][]byte{
		"the same bytes":  d.Envelope,
		"URL-safe base64": urlSafe(d.Envelope),
		"a junk signature": bytes.Replace(d.Envelope, []byte(`"signatures":[`),
			[]byte(`"signatures":[{"keyid":"","sig":"`+base64.StdEncoding.EncodeToString(make([]byte, 64))+`"},`), 1),
		"a member more": bytes.Replace(d.Envelope, []byte(`{"payload"`), []byte(`{"n":1,"payload"`), 1),
	}
	for what, sealed := range again {
		if bytes.Equal(sealed, d.Envelope) != (what == "the same bytes") {
			t.Fatalf("%s: not what it says", what)
		}
		d := d
		d.Envelope = sealed
		data, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if v, refusal := eat.Verify(data, s.in); v != nil || !errors.Is(refusal, eat.ErrAlreadyUsed) {
			t.Errorf("%s: %v", what, refusal)
		}
	}
}

// urlSafe spells the payload with the other alphabet, which DSSE has readers take.
func urlSafe(sealed []byte) []byte {
	head, rest, _ := bytes.Cut(sealed, []byte(`"payload":"`))
	payload, tail, _ := bytes.Cut(rest, []byte(`"`))
	raw, _ := base64.StdEncoding.DecodeString(string(payload))
	return slices.Concat(head, []byte(`"payload":"`), []byte(base64.URLEncoding.EncodeToString(raw)), []byte(`"`), tail)
}

func TestApprovalsAreOfOneToken(t *testing.T) {
	token := eattest.Token(eat.Noop{})
	sealed, err := eat.Sign(token, eattest.HubKey)
	if err != nil {
		t.Fatal(err)
	}
	o, err := eat.Open(sealed, eattest.HubKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	token.Counter++
	other, err := eat.Sign(token, eattest.HubKey)
	if err != nil {
		t.Fatal(err)
	}
	o2, err := eat.Open(other, eattest.HubKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	if joined, err := o.Join(o2.Approve(eattest.AliceKey)); joined != nil || !errors.Is(err, eat.ErrBadSignature) {
		t.Errorf("an approval of another token is joined: %v", err)
	}
	joined, err := o.Join(o.Approve(eattest.AliceKey), o.Approve(eattest.AliceKey), o.Approve(eattest.BobKey))
	if err != nil {
		t.Fatal(err)
	}
	again, err := eat.Open(joined, eattest.HubKey.Public(), eattest.AliceKey.Public(), eattest.BobKey.Public())
	if err != nil || len(again.Signatures) != 3 || again.SHA256 != o.SHA256 {
		t.Errorf("%+v, %v", again, err)
	}
	var many []envelope.Signature
	for n := range byte(16) {
		many = append(many, o.Approve(eattest.Key(100+n)))
	}
	if joined, err := o.Join(many...); joined != nil || !errors.Is(err, eat.ErrTooLarge) {
		t.Errorf("17 signatures: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	sealed, err := eat.Sign(eattest.Token(eat.Noop{}), eattest.HubKey)
	if err != nil {
		t.Fatal(err)
	}
	if o, err := eat.Open(sealed, eattest.AliceKey.Public()); o != nil || !errors.Is(err, eat.ErrBadSignature) {
		t.Errorf("by another key: %v", err)
	}
	if o, err := eat.Open(sealed); o != nil || !errors.Is(err, eat.ErrBadSignature) {
		t.Errorf("by no key: %v", err)
	}
}
