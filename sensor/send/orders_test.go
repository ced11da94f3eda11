package send

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/sensor/send/launch"
	"picket.internal/wire"
)

// desk is a hub's side of orders, a wrapper and a sink in one, without network.
type desk struct {
	t     *testing.T
	start time.Time

	mu       sync.Mutex
	polls    []time.Duration            // when each question came, since the start
	answer   func(n int) (reply, error) // to the n-th question; nil means to wait and say 204
	returned []string                   // the bodies of receipts
	take     func(n int) (reply, error) // what becomes of the n-th; nil means that they are taken
	launched []string                   // the deliveries that the wrapper got, empty ones too
	act      func(ctx context.Context, delivery []byte) ([][]byte, error)
	probe    error // what comes of asking a wrapper for its receipts
	facts    []*fact.Fact

	chunks  []string                   // what the wrapper prints behind its receipts
	carried []string                   // what of it came to the hub
	load    func(n int) (reply, error) // what becomes of the n-th; nil means that it is taken
}

func (d *desk) post(ctx context.Context, _, path string, body []byte, _ bool) (reply, error) {
	if path == wire.PathReceipts {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.returned = append(d.returned, string(body))
		if d.take != nil {
			return d.take(len(d.returned) - 1)
		}
		return reply{status: statusOK, body: []byte(`{"v":1,"seq":"1"}`)}, nil
	}
	if path == wire.PathEvidence {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.carried = append(d.carried, string(body))
		if d.load != nil {
			return d.load(len(d.carried) - 1)
		}
		return reply{status: statusNoContent}, nil
	}
	if q, err := wire.ParseOrders(body); err != nil || q.Host != eattest.HostID || q.Boot != eattest.BootID {
		d.t.Errorf("asked with %s (%v)", body, err)
	}
	d.mu.Lock()
	n, answer := len(d.polls), d.answer
	d.polls = append(d.polls, time.Since(d.start))
	d.mu.Unlock()
	if answer != nil {
		if r, err := answer(n); err != nil || r.status != 0 {
			return r, err
		}
	}
	select {
	case <-time.After(wire.OrdersWait):
		return reply{status: statusNoContent}, nil
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
}

func (d *desk) close() {}

func (d *desk) Emit(f *fact.Fact) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.facts = append(d.facts, f)
}

func (d *desk) launch(ctx context.Context, delivery []byte, carry launch.Carry) ([][]byte, error) {
	d.mu.Lock()
	d.launched = append(d.launched, string(delivery))
	act, probe, chunks := d.act, d.probe, d.chunks
	d.mu.Unlock()
	if len(delivery) == 0 && probe != nil {
		return nil, probe
	}
	if act == nil || len(delivery) == 0 { // a wrapper that has no receipts yet
		return nil, nil
	}
	printed, err := act(ctx, delivery)
	for i, chunk := range chunks {
		if i > 0 {
			printed = nil
		}
		if !carry(printed, []byte(chunk)) {
			break
		}
	}
	if len(chunks) > 0 {
		printed = nil
	}
	return printed, err
}

// acted are the deliveries that were launched.
func (d *desk) acted() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(d.launched), func(s string) bool { return s == "" })
}

// work runs orders for a while of the bubble's time.
func (d *desk) work(trust *eat.TrustStore, during time.Duration) {
	d.start = time.Now()
	o := newOrders(OrdersConfig{
		Identity: &Identity{Host: eattest.HostID, Hub: eattest.HubID, Addresses: []string{"hub.test:7443"}},
		Version:  "test", Boot: eattest.BootID, Launch: d.launch, Report: d,
		Trust:      func() (*eat.TrustStore, error) { return trust, nil },
		WrapperKey: func() (envelope.PublicKey, error) { return eattest.WrapperKey.Public(), nil },
	}, d, d, d)
	ctx, stop := context.WithTimeout(d.t.Context(), during)
	defer stop()
	if err := o.Run(ctx); err != nil {
		d.t.Error(err)
	}
}

// tokenNow is a token that holds now.
func tokenNow() eat.Token {
	t := eattest.Token(eat.Noop{})
	now := time.Now().UTC()
	t.Issued, t.NotBefore, t.Expires = now, now, now.Add(5*time.Minute)
	return t
}

func once(delivery []byte) func(int) (reply, error) {
	return func(n int) (reply, error) {
		if n == 0 {
			return reply{status: statusOK, body: delivery}, nil
		}
		return reply{}, nil
	}
}

// TestOrdersThatAreNotLaunched: what is not the hub's word for this host, now,
// starts no program, and the hub is told why.
func TestOrdersThatAreNotLaunched(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*eat.Token)
		raw    func(delivery []byte) []byte
		signer envelope.PrivateKey // instead of the hub
		revoke bool
		want   string
		about  bool // the fact names the token
	}{
		"another host": {change: func(t *eat.Token) { t.Host = "h_" + strings.Repeat("a", 26) }, want: "eat.wrong_host", about: true},
		"another hub":  {change: func(t *eat.Token) { t.Hub = "u_" + strings.Repeat("a", 26) }, want: "eat.wrong_hub", about: true},
		"another boot": {change: func(t *eat.Token) { t.Boot = "00000000-0000-0000-0000-000000000000" }, want: "eat.wrong_boot", about: true},
		"over": {change: func(t *eat.Token) {
			t.Issued, t.NotBefore, t.Expires = t.Issued.Add(-time.Hour), t.NotBefore.Add(-time.Hour), t.Issued
		}, want: "eat.expired", about: true},
		"not yet": {change: func(t *eat.Token) {
			t.NotBefore, t.Expires = t.Issued.Add(time.Hour), t.Issued.Add(2*time.Hour)
		}, want: "eat.not_yet", about: true},
		"signed by a stranger":    {signer: eattest.Key(42), want: "eat.bad_signature"},
		"signed by an operator":   {signer: eattest.AliceKey, want: "eat.bad_signature"},
		"signed by a revoked key": {revoke: true, want: "eat.bad_signature"},
		"no delivery":             {raw: func([]byte) []byte { return []byte("{}") }, want: "eat.bad_delivery"},
		"nothing":                 {raw: func([]byte) []byte { return nil }, want: "eat.bad_delivery"},
		"too long":                {raw: func([]byte) []byte { return bytes.Repeat([]byte(" "), eat.MaxDelivery+1) }, want: "eat.too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				token := tokenNow()
				if c.change != nil {
					c.change(&token)
				}
				hub := eattest.NewHub(t)
				delivery := hub.Deliver(t, token, 0)
				if !c.signer.IsZero() {
					sealed, err := eat.Sign(token, c.signer)
					if err != nil {
						t.Fatal(err)
					}
					if delivery, err = hub.Prove(t, sealed, 0, 0).Encode(); err != nil {
						t.Fatal(err)
					}
				}
				if c.raw != nil {
					delivery = c.raw(delivery)
				}
				trust := eattest.Trust(t)
				if c.revoke {
					trust.Revoked = []string{eattest.HubKey.Public().ID()}
				}
				d := &desk{t: t, answer: once(delivery)}
				d.work(trust, time.Minute)
				if got := d.acted(); len(got) != 0 {
					t.Errorf("launched %q", got)
				}
				if len(d.facts) != 1 || d.facts[0].Receipt.Action != fact.ReceiptRefused || d.facts[0].Receipt.ErrorID != c.want {
					t.Fatalf("told %+v, want %s", d.facts, c.want)
				}
				if r := d.facts[0].Receipt; c.about != (r.TokenID == eattest.TokenID && r.TokenAction == eat.ActionNoop) {
					t.Errorf("told %+v", r)
				}
			})
		})
	}
}

func receiptOf(t *testing.T, change func(*eat.Receipt)) []byte {
	t.Helper()
	now := time.Now().UTC()
	r := eat.Receipt{
		Host: eattest.HostID, Boot: eattest.BootID, Token: eattest.TokenID, TokenSHA256: eat.FirstPrev, Action: eat.ActionNoop,
		Outcome: eat.OutcomeDone, Started: now, Time: now, Seq: 1, Prev: eat.FirstPrev, Wrapper: "test",
	}
	if change != nil {
		change(&r)
	}
	sealed, _, err := eat.SealReceipt(r, eattest.WrapperKey)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// TestReceiptsAreSentUntilTheHubHasThem: a receipt goes again, in the same
// bytes, until the hub answers for it, and orders come meanwhile.
func TestReceiptsAreSentUntilTheHubHasThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delivery := eattest.NewHub(t).Deliver(t, tokenNow(), 0)
		receipt := receiptOf(t, nil)
		d := &desk{t: t, answer: once(delivery)}
		d.act = func(context.Context, []byte) ([][]byte, error) { return [][]byte{receipt, receipt}, nil }
		d.take = func(n int) (reply, error) {
			switch n {
			case 0:
				return reply{}, errors.New("cut off")
			case 1:
				return reply{status: statusUnavailable}, nil
			}
			return reply{status: statusOK, body: []byte(`{"v":1,"seq":"1"}`)}, nil
		}
		d.work(eattest.Trust(t), 2*time.Minute)
		if got := d.acted(); len(got) != 1 || got[0] != string(delivery) {
			t.Fatalf("launched %d times", len(got))
		}
		want := string(receipt) + "\n"
		if len(d.returned) != 3 || slices.ContainsFunc(d.returned, func(s string) bool { return s != want }) {
			t.Errorf("sent %d times: %q", len(d.returned), d.returned)
		}
		if len(d.facts) != 0 || len(d.polls) < 4 {
			t.Errorf("%d polls, facts %+v", len(d.polls), d.facts)
		}
	})
}

// TestOneOrderOneWrapper: a token that the hub gives again while its wrapper
// runs starts no second one, and does not make the sensor ask in a rush.
func TestOneOrderOneWrapper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delivery := eattest.NewHub(t).Deliver(t, tokenNow(), 0)
		d := &desk{t: t, answer: func(int) (reply, error) { return reply{status: statusOK, body: delivery}, nil }}
		d.act = func(ctx context.Context, _ []byte) ([][]byte, error) {
			<-ctx.Done()
			return nil, &launch.Error{ID: "launch.timeout", Detail: "for the test"}
		}
		d.work(eattest.Trust(t), time.Minute)
		if got := d.acted(); len(got) != 1 {
			t.Errorf("launched %d times", len(got))
		}
		if len(d.polls) > 20 {
			t.Errorf("asked %d times in a minute", len(d.polls))
		}
		if len(d.facts) != 1 || d.facts[0].Receipt.Action != fact.ReceiptFailed || d.facts[0].Receipt.ErrorID != "launch.timeout" {
			t.Errorf("told %+v", d.facts)
		}
	})
}

// TestQuestionsForOrders: the sensor asks again at once after a long wait, and
// ever more slowly where the hub fails or answers without one.
func TestQuestionsForOrders(t *testing.T) {
	for name, c := range map[string]struct {
		answer      func(int) (reply, error)
		least, most int // questions in ten minutes
	}{
		"a long poll":        {nil, 24, 25},
		"a hub that is gone": {func(int) (reply, error) { return reply{}, errors.New("no route") }, 20, 80},
		"a hub that is old":  {func(int) (reply, error) { return reply{status: 404}, nil }, 20, 80},
		"answers at once":    {func(int) (reply, error) { return reply{status: statusNoContent}, nil }, 20, 80},
		"redirects":          {func(int) (reply, error) { return reply{status: 302}, nil }, 20, 80},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &desk{t: t, answer: c.answer}
				d.work(eattest.Trust(t), 10*time.Minute)
				if n := len(d.polls); n < c.least || n > c.most {
					t.Errorf("asked %d times, want %d to %d", n, c.least, c.most)
				}
				if len(d.facts) != 0 {
					t.Errorf("told %+v", d.facts)
				}
			})
		})
	}
}

// TestTheEndOfALeaseIsCollected: root's timer ends a lease, and its receipt is
// asked for soon after, though no order comes.
func TestTheEndOfALeaseIsCollected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delivery := eattest.NewHub(t).Deliver(t, tokenNow(), 0)
		end := time.Now().UTC().Add(10 * time.Minute)
		held := receiptOf(t, func(r *eat.Receipt) { r.LeaseEnd, r.Effect = end, map[string]string{eat.EffectLogSize: "7"} })
		d := &desk{t: t, answer: once(delivery)}
		d.act = func(context.Context, []byte) ([][]byte, error) { return [][]byte{held}, nil }
		d.work(eattest.Trust(t), time.Hour)
		if got := fmt.Sprint(len(d.launched), len(d.acted())); got != "3 1" {
			t.Errorf("launched, and for a token: %s; want one for the start, one for the token, one for the lease", got)
		}
	})
}

// TestThreat_W1_AHostOnWhichNobodyCanActSaysSo: before any order comes.
func TestThreat_W1_AHostOnWhichNobodyCanActSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{t: t, probe: &launch.Error{ID: "priv.nnp_set", Detail: "for the test"}}
		d.work(eattest.Trust(t), time.Hour)
		if len(d.facts) != 1 || d.facts[0].Sensor == nil || d.facts[0].Sensor.Action != fact.SensorDegraded || !strings.Contains(d.facts[0].Sensor.Reason, "priv.nnp_set") {
			t.Errorf("told %+v", d.facts)
		}
	})
}
