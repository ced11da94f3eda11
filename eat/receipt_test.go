package eat_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/envelope"
)

func digest(payload []byte) string {
	sum := sha256.Sum256(payload)
	return hex.EncodeToString(sum[:])
}

func newReceipt() eat.Receipt {
	return eat.Receipt{
		V: 1, Host: eattest.HostID, Boot: eattest.BootID, Token: eattest.TokenID, TokenSHA256: strings.Repeat("0f", 32),
		Action: eat.ActionSuspendProcess, Outcome: eat.OutcomeDone, Effect: map[string]string{"process.state": "T (stopped)", "stopped": "3"},
		LeaseEnd: eattest.Now.Add(15 * time.Minute), Started: eattest.Now, Time: eattest.Now.Add(3 * time.Millisecond),
		Seq: 1, Prev: eat.FirstPrev, Wrapper: "0.1.0",
	}
}

func TestReceiptRoundTrip(t *testing.T) {
	first := newReceipt()
	sealed, sum, err := eat.SealReceipt(first, eattest.WrapperKey)
	if err != nil {
		t.Fatal(err)
	}
	got, again, err := eat.OpenReceipt(sealed, eattest.WrapperKey.Public())
	if err != nil || again != sum {
		t.Fatal(err, again, sum)
	}
	if diff := cmp.Diff(first, *got); diff != "" {
		t.Error(diff)
	}
	second := newReceipt()
	second.Seq, second.Prev = 2, sum
	if err := got.Follows(nil, ""); err != nil {
		t.Error(err)
	}
	if err := second.Follows(got, sum); err != nil {
		t.Error(err)
	}
}

type receiptCase struct {
	id, what string
	err      func(t *testing.T) error
}

func malformed(what string, change func(r *eat.Receipt)) receiptCase {
	return receiptCase{"receipt.malformed", what, func(*testing.T) error {
		r := newReceipt()
		change(&r)
		_, _, err := eat.SealReceipt(r, eattest.WrapperKey)
		return err
	}}
}

func opened(id, what string, sealed func(payload string) []byte) receiptCase {
	return receiptCase{id, what, func(t *testing.T) error {
		payload, err := newReceipt().Encode()
		if err != nil {
			t.Fatal(err)
		}
		r, sum, err := eat.OpenReceipt(sealed(string(payload)), eattest.WrapperKey.Public())
		if r != nil || sum != "" {
			t.Error("a receipt is handed out")
		}
		return err
	}}
}

func chained(what string, change func(second *eat.Receipt)) receiptCase {
	return receiptCase{"receipt.broken_chain", what, func(t *testing.T) error {
		first, second := newReceipt(), newReceipt()
		payload, _ := first.Encode()
		second.Seq, second.Prev = 2, digest(payload)
		change(&second)
		return second.Follows(&first, digest(payload))
	}}
}

var receiptRefusals = []receiptCase{
	malformed("host", func(r *eat.Receipt) { r.Host = "*" }),
	malformed("boot", func(r *eat.Receipt) { r.Boot = "" }),
	malformed("token", func(r *eat.Receipt) { r.Token = strings.ToLower(r.Token) }),
	malformed("digest", func(r *eat.Receipt) { r.TokenSHA256 = "" }),
	malformed("action", func(r *eat.Receipt) { r.Action = "../ls" }),
	malformed("outcome", func(r *eat.Receipt) { r.Outcome = "perhaps" }),
	malformed("refused without why", func(r *eat.Receipt) { r.Outcome = eat.OutcomeRefused }),
	malformed("done, and refused", func(r *eat.Receipt) { r.Refusal = "eat.expired" }),
	malformed("a refusal that is no id", func(r *eat.Receipt) { r.Outcome, r.Refusal = eat.OutcomeFailed, "no" }),
	malformed("two lines", func(r *eat.Receipt) { r.Detail = "a\nb" }),
	malformed("a long detail", func(r *eat.Receipt) { r.Detail = strings.Repeat("a", 1025) }),
	malformed("a long effect", func(r *eat.Receipt) { r.Effect["a"] = strings.Repeat("a", 1025) }),
	malformed("an effect that is no name", func(r *eat.Receipt) { r.Effect["A b"] = "" }),
	malformed("many effects", func(r *eat.Receipt) {
		for i := range 65 {
			r.Effect[strings.Repeat("a", i+1)] = ""
		}
	}),
	malformed("no time", func(r *eat.Receipt) { r.Time = time.Time{} }),
	malformed("local time", func(r *eat.Receipt) { r.Started = r.Started.In(time.FixedZone("", 3600)) }),
	malformed("before it began", func(r *eat.Receipt) { r.Time = r.Started.Add(-1) }),
	malformed("number 0", func(r *eat.Receipt) { r.Seq = 0 }),
	malformed("number 2 without one before", func(r *eat.Receipt) { r.Seq = 2 }),
	malformed("no version", func(r *eat.Receipt) { r.Wrapper = "" }),
	opened("receipt.malformed", "an empty detail, spelt out", func(p string) []byte {
		return signRaw(envelope.Receipt, strings.Replace(p, `"effect"`, `"detail":"","effect"`, 1), eattest.WrapperKey)
	}),
	opened("receipt.malformed", "another version", func(p string) []byte {
		return signRaw(envelope.Receipt, strings.Replace(p, `"v":1`, `"v":2`, 1), eattest.WrapperKey)
	}),
	opened("env.unknown_field", "more than there is", func(p string) []byte {
		return signRaw(envelope.Receipt, strings.Replace(p, `"wrapper"`, `"w":1,"wrapper"`, 1), eattest.WrapperKey)
	}),
	opened("env.wrong_payload_type", "as a token", func(p string) []byte { return signRaw(envelope.EAT, p, eattest.WrapperKey) }),
	opened("receipt.bad_signature", "the sensor's key", func(p string) []byte { return signRaw(envelope.Receipt, p, eattest.Key(1)) }),
	opened("receipt.bad_signature", "changed on the way", func(p string) []byte {
		sealed := signRaw(envelope.Receipt, p, eattest.WrapperKey)
		return envelope.Join(envelope.Receipt, []byte(strings.Replace(p, "done", "refused", 1)), eattest.WrapperKey.Public(), signatureOf(sealed))
	}),
	chained("one is missing", func(r *eat.Receipt) { r.Seq = 3 }),
	chained("one twice", func(r *eat.Receipt) { r.Seq = 1 }),
	chained("another before it", func(r *eat.Receipt) { r.Prev = strings.Repeat("00", 32) }),
	chained("of another host", func(r *eat.Receipt) { r.Host = "h_aibaeaqcaibaeaqcaibaeaqcai" }),
	{"receipt.broken_chain", "does not begin at 1", func(*testing.T) error {
		r := newReceipt()
		r.Seq = 2
		return r.Follows(nil, "")
	}},
}

func TestReceiptRefusals(t *testing.T) {
	for _, c := range receiptRefusals {
		var r *eat.Refusal
		if err := c.err(t); !errors.As(err, &r) || r.ID != c.id {
			t.Errorf("%s: %v, want %s", c.what, err, c.id)
		}
	}
}

func TestThreat_W15_ReceiptOfAnotherKey(t *testing.T) {
	sealed, _, err := eat.SealReceipt(newReceipt(), eattest.Key(1))
	if err != nil {
		t.Fatal(err)
	}
	if r, _, err := eat.OpenReceipt(sealed, eattest.WrapperKey.Public()); !errors.Is(err, eat.ErrReceiptSignature) || r != nil {
		t.Error(err)
	}
}
