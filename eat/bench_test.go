package eat_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/envelope"
)

// BenchmarkVerify is what a wrapper spends on a decision: a token with an
// operator's signature, in a log of a few records.
func BenchmarkVerify(b *testing.B) {
	data, in := benchDelivery(b, nil)
	for b.Loop() {
		if _, refusal := eat.Verify(data, in); refusal != nil {
			b.Fatal(refusal)
		}
	}
}

// BenchmarkVerifyHostile is the most that somebody without a key can make it
// cost: as many signatures as there may be, tried with as many keys.
func BenchmarkVerifyHostile(b *testing.B) {
	junk := fmt.Sprintf(`{"sig":"%s"}`, base64.StdEncoding.EncodeToString(make([]byte, 64)))
	data, in := benchDelivery(b, func(d *eat.Delivery) {
		head, _, _ := strings.Cut(string(d.Envelope), `"signatures":[`)
		d.Envelope = []byte(head + `"signatures":[` + junk + strings.Repeat(","+junk, 15) + "]}")
	})
	for n := range byte(30) {
		in.Trust.Operators = append(in.Trust.Operators, eat.Operator{Name: fmt.Sprintf("operator-%d", n), Key: eattest.Key(100 + n).Public()})
	}
	for b.Loop() {
		if _, refusal := eat.Verify(data, in); refusal == nil || refusal.ID != eat.ErrBadSignature.ID {
			b.Fatal(refusal)
		}
	}
}

func benchDelivery(b *testing.B, change func(*eat.Delivery)) ([]byte, eat.Input) {
	b.Helper()
	policy := eat.DefaultPolicy()
	hub := eattest.NewHub(b)
	in := eat.Input{
		Now: eattest.Now, HostID: eattest.HostID, BootID: eattest.BootID, Trust: eattest.Trust(b), Policy: &policy,
		Seen: hub.Tree(b), Ledger: &ledger{used: map[string]string{}},
	}
	d := hub.Issue(b, eattest.Token(eat.KillProcess{Process: process()}), in.Seen.N, []envelope.PrivateKey{eattest.AliceKey}...)
	if change != nil {
		change(&d)
	}
	data, err := d.Encode()
	if err != nil {
		b.Fatal(err)
	}
	return data, in
}
