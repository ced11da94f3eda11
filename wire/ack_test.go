package wire_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/wire"
)

func TestAck(t *testing.T) {
	host, hub := newKey(t), newKey(t)
	b := newBatch()
	_, digest, err := wire.Seal(b, host)
	if err != nil {
		t.Fatal(err)
	}
	a := &wire.Ack{Hub: b.Hub, Host: b.Host, Session: b.Session, Seq: b.Seq, Digest: digest, At: sent,
		Refused: []wire.Refused{{Index: 3, Error: "json.type: a\nb" + strings.Repeat("x", 500)}}}
	data, err := wire.SealAck(a, hub)
	if err != nil {
		t.Fatal(err)
	}
	got, err := wire.OpenAck(data, hub.Public())
	if err != nil {
		t.Fatal(err)
	}
	want := *a
	want.V, want.Refused = 1, []wire.Refused{{Index: 3, Error: "json.type: a?b" + strings.Repeat("x", 146)}}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Error(diff)
	}
	if err := got.Confirms(b, digest); err != nil {
		t.Error(err)
	}
	if _, err := wire.OpenAck(data, host.Public()); wire.ErrorID(err) != "env.unknown_key" {
		t.Errorf("signed by another: %v", err)
	}
}

// An acknowledgement of one batch is none of another.
func TestAckConfirmsOnlyItsBatch(t *testing.T) {
	b := newBatch()
	digest := strings.Repeat("d", 64)
	good := wire.Ack{Hub: b.Hub, Host: b.Host, Session: b.Session, Seq: b.Seq, Digest: digest}
	for name, change := range map[string]func(*wire.Ack){
		"hub":     func(a *wire.Ack) { a.Hub = wire.NewHubID() },
		"host":    func(a *wire.Ack) { a.Host = wire.NewHostID() },
		"session": func(a *wire.Ack) { a.Session = wire.NewSession() },
		"seq":     func(a *wire.Ack) { a.Seq++ },
		"digest":  func(a *wire.Ack) { a.Digest = strings.Repeat("e", 64) },
	} {
		a := good
		change(&a)
		if err := a.Confirms(b, digest); !errors.Is(err, wire.ErrAckMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The largest acknowledgement there can be fits its bound.
func TestAckOfAllRefused(t *testing.T) {
	hub := newKey(t)
	b := newBatch()
	a := &wire.Ack{Hub: b.Hub, Host: b.Host, Session: b.Session, Seq: 1<<53 - 1, Digest: wire.FirstPrev, At: sent}
	for i := range wire.MaxFacts {
		a.Refused = append(a.Refused, wire.Refused{Index: i, Error: strings.Repeat(`"`, 500)})
	}
	data, err := wire.SealAck(a, hub)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := wire.OpenAck(data, hub.Public()); err != nil || len(got.Refused) != wire.MaxFacts {
		t.Error(err)
	}
	a.Refused = append(a.Refused, wire.Refused{})
	if _, err := wire.SealAck(a, hub); !errors.Is(err, wire.ErrAck) {
		t.Errorf("one more: %v", err)
	}
}

func TestAckRefused(t *testing.T) {
	b := newBatch()
	good := wire.Ack{Hub: b.Hub, Host: b.Host, Session: b.Session, Seq: 1, Digest: wire.FirstPrev, At: sent}
	for name, change := range map[string]func(*wire.Ack){
		"hub":     func(a *wire.Ack) { a.Hub = "" },
		"host":    func(a *wire.Ack) { a.Host = "" },
		"session": func(a *wire.Ack) { a.Session = "" },
		"seq":     func(a *wire.Ack) { a.Seq = 0 },
		"digest":  func(a *wire.Ack) { a.Digest = "" },
		"index":   func(a *wire.Ack) { a.Refused = []wire.Refused{{Index: -1}} },
	} {
		a := good
		change(&a)
		if data, err := wire.SealAck(&a, newKey(t)); !errors.Is(err, wire.ErrAck) || data != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
