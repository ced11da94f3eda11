package wire_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"picket.internal/envelope"
	"picket.internal/wire"
)

var keysByValue = cmpopts.EquateComparable(envelope.PublicKey{})

func newRequest() *wire.EnrollRequest {
	return &wire.EnrollRequest{
		Token:        wire.NewTokenID(),
		Secret:       wire.NewSecret(),
		Machine:      strings.Repeat("0f", 32),
		Name:         "web-1",
		OS:           "linux",
		Kernel:       "6.12.0",
		Architecture: "amd64",
		Version:      "0.1.0",
		Sent:         sent,
	}
}

func TestEnroll(t *testing.T) {
	key := newKey(t)
	r := newRequest()
	data, err := wire.SealEnroll(r, key)
	if err != nil {
		t.Fatal(err)
	}
	got, err := wire.OpenEnroll(data, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	r.V, r.Key = 1, key.Public()
	if diff := cmp.Diff(r, got, keysByValue); diff != "" {
		t.Error(diff)
	}
}

// Nobody enrolls a key that they have not proved, on the connection and over the
// request.
func TestEnrollNeedsTheKeyItself(t *testing.T) {
	key, other := newKey(t), newKey(t)
	data, err := wire.SealEnroll(newRequest(), key)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := wire.OpenEnroll(data, other.Public()); wire.ErrorID(err) != "env.unknown_key" || r != nil {
		t.Errorf("over another's connection: %v", err)
	}
	r := newRequest()
	r.V, r.Key = 1, key.Public()
	if r, err := wire.OpenEnroll(signAnything(t, envelope.Enroll, r, other), other.Public()); !errors.Is(err, wire.ErrEnrollKey) || r != nil {
		t.Errorf("for another's key: %v", err)
	}
}

func TestEnrollRefused(t *testing.T) {
	for name, change := range map[string]func(*wire.EnrollRequest){
		"token":        func(r *wire.EnrollRequest) { r.Token = "t_" },
		"secret":       func(r *wire.EnrollRequest) { r.Secret = "secret" },
		"machine":      func(r *wire.EnrollRequest) { r.Machine = "" },
		"name":         func(r *wire.EnrollRequest) { r.Name = strings.Repeat("x", 256) },
		"os":           func(r *wire.EnrollRequest) { r.OS = "" },
		"kernel":       func(r *wire.EnrollRequest) { r.Kernel = "" },
		"architecture": func(r *wire.EnrollRequest) { r.Architecture = "" },
		"version":      func(r *wire.EnrollRequest) { r.Version = "" },
	} {
		key := newKey(t)
		r := newRequest()
		change(r)
		if data, err := wire.SealEnroll(r, key); !errors.Is(err, wire.ErrEnroll) || data != nil {
			t.Errorf("%s: SealEnroll = %v", name, err)
		}
		r.V, r.Key = 1, key.Public()
		if got, err := wire.OpenEnroll(signAnything(t, envelope.Enroll, r, key), key.Public()); !errors.Is(err, wire.ErrEnroll) || got != nil {
			t.Errorf("%s: OpenEnroll = %v", name, err)
		}
	}
}

func TestEnrollReply(t *testing.T) {
	hub := newKey(t)
	reply := &wire.EnrollReply{Host: wire.NewHostID(), Hub: wire.NewHubID(), HubKey: hub.Public(), Pins: []wire.Pin{pinOf(t, hub)}, State: wire.StatePending}
	data, err := reply.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := wire.ParseEnrollReply(data)
	if err != nil {
		t.Fatal(err)
	}
	reply.V = 1
	if diff := cmp.Diff(reply, got, keysByValue); diff != "" {
		t.Error(diff)
	}
	for name, change := range map[string]func(string) string{
		"version": func(s string) string { return strings.Replace(s, `"v":1`, `"v":2`, 1) },
		"state":   func(s string) string { return strings.Replace(s, "pending", "approved", 1) },
		"no pins": func(s string) string { return strings.Replace(s, `"`+pinOf(t, hub).String()+`"`, "", 1) },
		"host":    func(s string) string { return strings.Replace(s, `"h_`, `"x_`, 1) },
		"unknown": func(s string) string { return strings.Replace(s, `{`, `{"a":1,`, 1) },
		"cut":     func(s string) string { return s[:len(s)-1] },
	} {
		if got, err := wire.ParseEnrollReply([]byte(change(string(data)))); err == nil || got != nil {
			t.Errorf("%s: taken", name)
		}
	}
	reply.HubKey = envelope.PublicKey{}
	if _, err := reply.Encode(); err == nil {
		t.Error("a reply without a key was written")
	}
}
