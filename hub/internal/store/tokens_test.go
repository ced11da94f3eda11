package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/store"
	"picket.internal/wire"
)

func TestSpendingTokens(t *testing.T) {
	b := newBench(t)
	two := b.token(2, time.Hour)
	for i, want := range []error{nil, nil, fault.TokenUsed} {
		if _, err := b.Enroll(t.Context(), b.request(two, newKey(t), string(rune('a'+i)))); !errors.Is(err, want) {
			t.Errorf("use %d: %v, want %v", i+1, err, want)
		}
	}
	short := b.token(1, time.Minute)
	b.clock.Add(time.Minute)
	if _, err := b.Enroll(t.Context(), b.request(short, newKey(t), "late")); !errors.Is(err, fault.TokenExpired) {
		t.Errorf("after its time: %v, want %v", err, fault.TokenExpired)
	}
	wrong := b.token(1, time.Hour)
	id := wrong.ID
	wrong.Secret = wire.NewSecret()
	if _, err := b.Enroll(t.Context(), b.request(wrong, newKey(t), "x")); !errors.Is(err, fault.TokenUnknown) {
		t.Errorf("with another secret: %v, want %v", err, fault.TokenUnknown)
	}
	var left int
	if err := b.Reader().QueryRow(`SELECT uses_left FROM enroll_tokens WHERE id = ?`, id).Scan(&left); err != nil || left != 1 {
		t.Errorf("%d uses left, %v; want 1", left, err)
	}
	hosts, err := b.Hosts(t.Context())
	if err != nil || len(hosts) != 2 {
		t.Errorf("%d hosts, %v; want 2", len(hosts), err)
	}
}

func TestKnownKeyWithAnotherToken(t *testing.T) {
	b := newBench(t)
	key := newKey(t)
	first, err := b.Enroll(t.Context(), b.request(b.token(1, time.Hour), key, "a"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Enroll(t.Context(), b.request(b.token(1, time.Hour), key, "a"))
	if err != nil || again.Host != first.Host || !again.Again {
		t.Errorf("the same key with another token: %+v, %v; want %s again", again, err, first.Host)
	}
	if err := b.SetHostState(t.Context(), first.Host, api.HostDisabled); err != nil {
		t.Fatal(err)
	}
	tok := b.token(1, time.Hour)
	if _, err := b.Enroll(t.Context(), b.request(tok, key, "a")); !errors.Is(err, fault.HostDisabled) {
		t.Errorf("a disabled key: %v, want %v", err, fault.HostDisabled)
	}
	if _, err := b.Enroll(t.Context(), b.request(tok, newKey(t), "b")); err != nil {
		t.Errorf("the token was spent on a host that is shut out: %v", err)
	}
}

func TestAuthorizing(t *testing.T) {
	b := newBench(t)
	tok := store.NewToken{ID: wire.NewTokenID(), Secret: wire.NewSecret()}
	if err := b.AddAccessToken(t.Context(), tok); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		id, secret string
		want       error
	}{
		"right":          {tok.ID, tok.Secret, nil},
		"wrong secret":   {tok.ID, wire.NewSecret(), api.ErrUnauthorized},
		"empty secret":   {tok.ID, "", api.ErrUnauthorized},
		"unknown id":     {wire.NewTokenID(), tok.Secret, api.ErrUnauthorized},
		"nothing":        {"", "", api.ErrUnauthorized},
		"its own digest": {tok.ID, strings.Repeat("\x00", 32), api.ErrUnauthorized},
	} {
		if err := b.Authorize(t.Context(), tt.id, tt.secret); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if _, err := b.Reader().Exec(`UPDATE access_tokens SET revoked = 1`); err == nil {
		t.Error("a reading connection has written")
	}
}

func TestHostStates(t *testing.T) {
	b := newBench(t)
	h := b.enroll("a")
	if err := b.SetHostState(t.Context(), "h_nobody", api.HostDisabled); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	if err := b.SetHostState(t.Context(), store.HubHost(b.opts.Hub), api.HostDisabled); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("the hub itself: %v", err)
	}
	if err := b.SetHostState(t.Context(), h.id, "hub"); !errors.Is(err, api.ErrMalformed) {
		t.Errorf("no state: %v", err)
	}
	for _, step := range []struct {
		state string
		want  error
	}{{api.HostDisabled, fault.HostDisabled}, {api.HostEnrolled, nil}} {
		if err := b.SetHostState(t.Context(), h.id, step.state); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Authenticate(t.Context(), h.key.Public()); !errors.Is(err, step.want) {
			t.Errorf("%s: %v, want %v", step.state, err, step.want)
		}
	}
	if _, err := b.Authenticate(t.Context(), b.opts.Key.Public()); !errors.Is(err, fault.HostUnknown) {
		t.Errorf("the hub's own key as a host's: %v, want %v", err, fault.HostUnknown)
	}
}

func TestSilenceIsToldOnce(t *testing.T) {
	b := newBench(t)
	h := b.enroll("a")
	h.send(h.facts.Fact())
	watched, err := b.WatchedHosts(t.Context())
	if err != nil || len(watched) != 1 || watched[0].Silent {
		t.Fatalf("watched %+v, %v", watched, err)
	}
	b.clock.Add(time.Minute)
	for range 3 {
		if err := b.MarkSilent(t.Context(), watched[0], time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	h.send(h.facts.Fact())
	h.send(h.facts.Fact())
	var got []string
	for _, f := range b.noticed(fact.KindFleet) {
		got = append(got, f.Fleet.Action)
	}
	if strings.Join(got, " ") != "enrolled silent returned" {
		t.Errorf("noticed %v", got)
	}
}
