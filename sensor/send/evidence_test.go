package send

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"picket.internal/eat/eattest"
)

// carrying runs one token whose wrapper prints a receipt and then chunks, and
// returns the desk that saw it.
func carrying(t *testing.T, chunks []string, load func(n int) (reply, error)) *desk {
	t.Helper()
	d := &desk{t: t, answer: once(eattest.NewHub(t).Deliver(t, tokenNow(), 0)), chunks: chunks, load: load}
	receipt := receiptOf(t, nil)
	d.act = func(context.Context, []byte) ([][]byte, error) { return [][]byte{receipt}, nil }
	d.work(eattest.Trust(t), 10*time.Minute)
	if len(d.returned) != 1 || len(d.facts) != 0 {
		t.Errorf("%d receipts came back, told %+v", len(d.returned), d.facts)
	}
	return d
}

// TestEvidenceIsCarried: every chunk goes to the hub as it was printed, in its
// order, and again until the hub has it.
func TestEvidenceIsCarried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunks := []string{`{"chunk":0}`, `{"chunk":1}`, `{"chunk":2}`}
		d := carrying(t, chunks, func(n int) (reply, error) {
			switch n {
			case 0:
				return reply{status: statusUnavailable}, nil // its receipt is not there yet
			case 2:
				return reply{}, errors.New("cut off")
			}
			return reply{status: statusNoContent}, nil
		})
		if want := []string{chunks[0], chunks[0], chunks[1], chunks[1], chunks[2]}; !slices.Equal(d.carried, want) {
			t.Errorf("carried %q, want %q", d.carried, want)
		}
	})
}

// TestEvidenceThatIsNotWanted: one refusal for good, or a hub that is gone for
// minutes, ends it, and the receipt came back all the same.
func TestEvidenceThatIsNotWanted(t *testing.T) {
	for name, c := range map[string]struct {
		load        func(int) (reply, error)
		least, most int
	}{
		"an older hub":          {func(int) (reply, error) { return reply{status: 404}, nil }, 1, 1},
		"another host's":        {func(int) (reply, error) { return reply{status: statusUnprocessable}, nil }, 1, 1},
		"there already":         {func(int) (reply, error) { return reply{status: statusConflict}, nil }, 1, 1},
		"a hub without storage": {func(int) (reply, error) { return reply{status: statusUnavailable}, nil }, 5, 50},
		"a hub that is gone":    {func(int) (reply, error) { return reply{}, errors.New("no route") }, 5, 50},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := carrying(t, []string{`{"chunk":0}`, `{"chunk":1}`}, c.load)
				if n := len(d.carried); n < c.least || n > c.most || slices.Contains(d.carried, `{"chunk":1}`) {
					t.Errorf("tried %d times, want %d to %d: %q", n, c.least, c.most, d.carried)
				}
			})
		})
	}
}

// TestFewBundlesAtOnce: what is on its way is bounded, and so is what of it is held.
func TestFewBundlesAtOnce(t *testing.T) {
	d := &desk{t: t}
	o := newOrders(OrdersConfig{Identity: &Identity{Addresses: []string{"hub.test:7443"}}, Launch: d.launch, Report: d}, d, d, d)
	var under []*parcel
	for range maxParcels {
		p := o.parcel(t.Context())
		if !p.carry(nil, []byte(`{"chunk":0}`)) {
			t.Fatalf("parcel %d was refused: %s", len(under), p.why)
		}
		under = append(under, p)
	}
	if p := o.parcel(t.Context()); p.carry(nil, []byte(`{"chunk":0}`)) || !strings.Contains(p.why, "as many") {
		t.Error("one more was taken")
	}
	under[0].end()
	if p := o.parcel(t.Context()); !p.carry(nil, []byte(`{"chunk":0}`)) {
		t.Errorf("there was room: %s", p.why)
	}
}
