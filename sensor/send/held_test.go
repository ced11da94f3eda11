package send

import (
	"errors"
	"testing"
	"time"

	"picket.internal/envelope"
	"picket.internal/wire"
)

func key(t *testing.T) envelope.PrivateKey {
	t.Helper()
	k, err := envelope.CreatePrivateKey(t.TempDir() + "/key")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// What the hub says that it holds counts only under the hub's key, for this
// host, this session and the kind that was asked about.
func TestThreat_F1_HeldOfSomethingElseIsNoOrder(t *testing.T) {
	hub, thief := key(t), key(t)
	id := &Identity{Host: wire.NewHostID(), Hub: wire.NewHubID(), HubKey: hub.Public()}
	session := wire.NewSession()
	good := wire.Held{Hub: id.Hub, Host: id.Host, Session: session, Kind: "package", Fresh: true, At: time.Now().UTC()}
	pairs := []wire.HeldPair{{1, 2, 3, 15: 9}}
	seal := func(h wire.Held, key envelope.PrivateKey) []byte {
		sealed, err := wire.SealHeld(&h, pairs, key)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	o, err := orderOf(seal(good, hub), id, session, "package", hub.Public())
	if err != nil || string(o.Of) != "package" || !o.Fresh || len(o.Held) != 1 || o.Held[0].Key != [8]byte{1, 2, 3} || o.Held[0].State != [8]byte{7: 9} {
		t.Fatalf("the honest one: %+v, %v", o, err)
	}
	if _, err := orderOf(seal(good, thief), id, session, "package", hub.Public()); err == nil {
		t.Error("another key's word is taken")
	}
	for what, change := range map[string]func(*wire.Held){
		"hub":     func(h *wire.Held) { h.Hub = wire.NewHubID() },
		"host":    func(h *wire.Held) { h.Host = wire.NewHostID() },
		"session": func(h *wire.Held) { h.Session = wire.NewSession() },
		"kind":    func(h *wire.Held) { h.Kind = "user" },
	} {
		h := good
		change(&h)
		if _, err := orderOf(seal(h, hub), id, session, "package", hub.Public()); !errors.Is(err, wire.ErrHeldMismatch) {
			t.Errorf("another %s: %v", what, err)
		}
	}
}

// However often a hub asks, and for however many kinds, the sender asks back
// only so often.
func TestThreat_T8_AskingHubIsBounded(t *testing.T) {
	var r resync
	now := time.Now()
	asked := 0
	for range 600 { // a minute of acknowledgements
		r.asked([]string{"package", "package"})
		for r.next(now) != "" {
			asked++
		}
		now = now.Add(100 * time.Millisecond)
	}
	if asked != 6 {
		t.Errorf("asked back %d times in a minute, want 6", asked)
	}
	for i := range 1000 {
		r.asked([]string{"kind_" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))})
		r.next(now)
	}
	if len(r.last) > maxKinds {
		t.Errorf("%d kinds are remembered", len(r.last))
	}
}
