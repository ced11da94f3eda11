package wire_test

import (
	"testing"
	"time"

	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/wire"
)

func TestHeldHoldsWhatAHostMayHave(t *testing.T) {
	key, err := envelope.CreatePrivateKey(t.TempDir() + "/key")
	if err != nil {
		t.Fatal(err)
	}
	h := &wire.Held{Hub: wire.NewHubID(), Host: wire.NewHostID(), Session: wire.NewSession(), Kind: "ssh_key", At: time.Now().UTC()}
	for _, n := range []int{0, 1, 511, 512, 513, fact.MaxEntities} {
		pairs := make([]wire.HeldPair, n)
		for i := range pairs {
			pairs[i] = wire.HeldPair{byte(i), byte(i >> 8), byte(i >> 16), 15: 1}
		}
		sealed, err := wire.SealHeld(h, pairs, key)
		if err != nil {
			t.Fatalf("%d entities: %v", n, err)
		}
		if len(sealed) > 2<<20-64<<10 {
			t.Errorf("%d entities take %d bytes", n, len(sealed))
		}
		_, got, err := wire.OpenHeld(sealed, key.Public())
		if err != nil || len(got) != n || n > 0 && got[n-1] != pairs[n-1] {
			t.Errorf("%d entities: %d come back, %v", n, len(got), err)
		}
	}
	if _, err := wire.SealHeld(h, make([]wire.HeldPair, fact.MaxEntities+513), key); err == nil {
		t.Error("more than a host may have was sealed")
	}
	h.Kind = "../x"
	if _, err := wire.SealHeld(h, nil, key); err == nil {
		t.Error("an odd kind was sealed")
	}
}
