package fuzz

import (
	"os"
	"slices"
	"testing"

	"picket.internal/dossier"
	"picket.internal/eat"
	"picket.internal/eat/eattest"
)

// FuzzDossier gives Parse and Check the input as an alert that somebody hands
// over, by a trust store that has signed none of it. Nothing may be called shown
// that only that store could show, whatever keys and rules the input brings.
func FuzzDossier(f *testing.F) {
	seed, err := os.ReadFile("../dossier/testdata/alert.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"format":"picket.dossier.v1"}`))
	text, err := os.ReadFile("../dossier/testdata/trust.json")
	if err != nil {
		f.Fatal(err)
	}
	trust, err := eat.ParseTrust(text)
	if err != nil {
		f.Fatal(err)
	}
	if trust.Log, err = eat.LogVerifier("picket.internal/log/"+trust.Hub, eattest.HubKey.Public()); err != nil {
		f.Fatal(err)
	}
	trust.HubKeys = []eat.HubKey{{Key: eattest.HubKey.Public(), NotAfter: trust.HubKeys[0].NotAfter}}
	byTrust := []string{"log", "host key", "hub key", "wrapper key", "facts", "rule", "evaluation", "token", "approval", "receipt"}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := dossier.Parse(data)
		if err != nil {
			return
		}
		claims := dossier.Check(d, dossier.Keys{Trust: trust})
		for _, c := range claims {
			if c.Verdict == dossier.OK && slices.Contains(byTrust, c.Claim) {
				t.Fatalf("%s is shown by keys that signed nothing: %s", c.Claim, c.Detail)
			}
		}
		if dossier.Holds(claims) {
			t.Fatal("nothing is false, without a checkpoint that the log's key has signed")
		}
	})
}
