package dossier_test

import (
	"os"
	"strings"
	"testing"

	"picket.internal/api"
	"picket.internal/dossier"
	"picket.internal/eat"
)

// kept is a dossier as a hub wrote it once, with the trust store of its day.
func kept(t *testing.T) (data []byte, keys dossier.Keys) {
	t.Helper()
	data, err := os.ReadFile("testdata/alert.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/trust.json")
	if err != nil {
		t.Fatal(err)
	}
	trust, err := eat.ParseTrust(text)
	if err != nil {
		t.Fatal(err)
	}
	return data, dossier.Keys{Trust: trust}
}

// A dossier is kept for years. One that verified must go on to: where the engine
// has changed what a version is, or what a rule gives, this test says so.
func TestAKeptDossierStillVerifies(t *testing.T) {
	data, keys := kept(t)
	d, err := dossier.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, c := range dossier.Check(d, keys) {
		if c.Verdict == dossier.False {
			t.Errorf("%s: %s", c.Claim, c.Detail)
		}
		if c.Verdict == dossier.OK {
			shown++
		}
	}
	if shown != 11 {
		t.Errorf("%d claims are shown, want 11", shown)
	}
}

func TestParseRefuses(t *testing.T) {
	data, _ := kept(t)
	text := string(data)
	for name, c := range map[string]struct{ text, want string }{
		"nothing":        {"", "json.syntax"},
		"another format": {strings.Replace(text, api.DossierFormat, "picket.dossier.v2", 1), `the format is "picket.dossier.v2"`},
		"no format":      {strings.Replace(text, `"format":"`+api.DossierFormat+`",`, "", 1), `no member "format"`},
		"two formats":    {strings.Replace(text, `"format"`, `"format":"x","format"`, 1), "json.duplicate"},
		"too many":       {strings.Replace(text, `"batches":[`, `"batches":[`+strings.Repeat(`{"host":"h","received":"2026-01-01T00:00:00Z","envelope":""},`, api.MaxDossierBatches), 1), "batches where 256 are allowed"},
		"too deep":       {strings.Replace(text, `"facts":[{`, `"facts":[`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`,{`, 1), "json."},
		"half of it":     {text[:len(text)/2], "json.syntax"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := dossier.Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// The trust store of another hub shows nothing of this one.
func TestAnotherHubsKeysShowNothing(t *testing.T) {
	data, keys := kept(t)
	d, err := dossier.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	other := *keys.Trust
	other.Log = strings.Replace(other.Log, other.Log[len(other.Log)-8:], "AAAAAAA=", 1)
	other.HubKeys = nil
	for _, c := range dossier.Check(d, dossier.Keys{Trust: &other}) {
		if c.Verdict == dossier.OK && c.Claim != "hub" && c.Claim != "signatures" {
			t.Errorf("%s is shown: %s", c.Claim, c.Detail)
		}
	}
}
