package home_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket.internal/envelope"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/home"
	"picket.internal/wire"
)

func create(t *testing.T) *home.Home {
	t.Helper()
	h, err := home.Create(home.Dir(filepath.Join(t.TempDir(), "hub")), "127.0.0.1:7443", "off")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestCreateThenOpen(t *testing.T) {
	h := create(t)
	again, err := home.Open(h.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if again.Hub != h.Hub || again.Listen != "127.0.0.1:7443" || again.UI != "off" || again.TLS.Public() != h.TLS.Public() || again.Online.Public() != h.Online.Public() {
		t.Errorf("opened %+v, made %+v", again.Identity, h.Identity)
	}
	if len(h.Pins) != 2 || h.Pins[0] == h.Pins[1] {
		t.Errorf("pins are %v, want two different keys", h.Pins)
	}
	roles := map[envelope.PublicKey]bool{h.TLS.Public(): true, h.Online.Public(): true, h.EAT.Public(): true, h.Log.Public(): true}
	if len(roles) != 4 {
		t.Error("one key has two roles")
	}
	if len(h.Evidence) != 1 || len(again.Evidence) != 1 || !again.Evidence[0].Equal(h.Evidence[0]) {
		t.Error("the key of evidence is another, or none")
	}
	if again.EAT.Public() != h.EAT.Public() || again.Log.Public() != h.Log.Public() || !again.EATNotAfter.Equal(h.EATNotAfter) {
		t.Error("the keys for tokens and for the log are others")
	}
	err = filepath.WalkDir(string(h.Dir), func(path string, d os.DirEntry, walkErr error) error {
		if walkErr != nil {
			return walkErr
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := home.Create(h.Dir, "x:1", "off"); !errors.Is(err, fault.AlreadyExists) {
		t.Errorf("making it again: %v, want %v", err, fault.AlreadyExists)
	}
}

func TestOpeningWhatIsNotWhole(t *testing.T) {
	if _, err := home.Open(home.Dir(t.TempDir())); !errors.Is(err, fault.NotInitialised) {
		t.Errorf("an empty folder: %v, want %v", err, fault.NotInitialised)
	}
	for name, spoil := range map[string]func(dir string) error{
		"a key that others may read":             func(dir string) error { return os.Chmod(filepath.Join(dir, "keys/online.pem"), 0o644) },
		"no key for tokens":                      func(dir string) error { return os.Remove(filepath.Join(dir, "keys/eat.pem")) },
		"a key of evidence that others may read": func(dir string) error { return os.Chmod(filepath.Join(dir, "keys/evidence.pem"), 0o644) },
		"a key of evidence of another kind": func(dir string) error {
			return os.Rename(filepath.Join(dir, "keys/log.pem"), filepath.Join(dir, "keys/evidence.pem"))
		},
		"a key of evidence that is none": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "keys/evidence.pem"), []byte("x"), 0o600)
		},
		"no key of the log": func(dir string) error { return os.Remove(filepath.Join(dir, "keys/log.pem")) },
		"a missing key":     func(dir string) error { return os.Remove(filepath.Join(dir, "keys/tls-next.pem")) },
		"an identity with a mistake": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "hub.json"), []byte(`{"v":1,"v":2}`), 0o600)
		},
		"an identity of nobody": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "hub.json"), []byte(`{"v":1,"hub":"x","listen":"","ui":""}`), 0o600)
		},
		"an identity of a newer hub": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "hub.json"), []byte(`{"v":2,"hub":"u_aaaaaaaaaaaaaaaaaaaaaaaaaa","listen":"","ui":""}`), 0o600)
		},
		"an identity that says more": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "hub.json"), []byte(`{"v":1,"hub":"u_aaaaaaaaaaaaaaaaaaaaaaaaaa","listen":"","ui":"","x":1}`), 0o600)
		},
	} {
		h := create(t)
		if err := spoil(string(h.Dir)); err != nil {
			t.Fatal(err)
		}
		if got, err := home.Open(h.Dir); err == nil || got != nil {
			t.Errorf("%s: opened", name)
		} else if name == "a key that others may read" && (!errors.Is(err, envelope.ErrKeyExposed) || !strings.Contains(err.Error(), "chmod 600")) {
			t.Errorf("%s: %v, want %v and what to do", name, err, envelope.ErrKeyExposed)
		}
	}
}

func TestProfileFollowsTheAddress(t *testing.T) {
	h := create(t)
	token := &wire.AccessToken{Address: "127.0.0.1:0", ID: wire.NewTokenID(), Pins: h.Pins, Secret: wire.NewSecret()}
	if err := h.WriteProfile(token); err != nil {
		t.Fatal(err)
	}
	if err := h.UpdateProfile("127.0.0.1:4711"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(h.Dir.Profile())
	if err != nil {
		t.Fatal(err)
	}
	body := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(text)), `{"token":"`), `"}`)
	got, err := wire.ParseAccessToken(body)
	if err != nil || got.Address != "127.0.0.1:4711" || got.Secret != token.Secret || got.ID != token.ID {
		t.Errorf("profile is %+v, %v", got, err)
	}
	other := create(t) // the profile of one hub in the folder of another
	if err := os.WriteFile(other.Dir.Profile(), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := other.UpdateProfile("127.0.0.1:4712"); err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(other.Dir.Profile()); err != nil || string(kept) != string(text) {
		t.Error("a profile of another hub was changed")
	}
}

func TestLock(t *testing.T) {
	h := create(t)
	release, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Lock(); !errors.Is(err, fault.InUse) {
		t.Errorf("a second time: %v, want %v", err, fault.InUse)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	release, err = h.Lock()
	if err != nil {
		t.Fatalf("after it was let go of: %v", err)
	}
	release()
}

// A folder of an older hub has no key for evidence, and one that openssl made is
// as good as ours.
func TestTheKeyOfEvidence(t *testing.T) {
	h := create(t)
	path := filepath.Join(string(h.Dir), "keys", "evidence.pem")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if again, err := home.Open(h.Dir); err != nil || len(again.Evidence) != 0 {
		t.Errorf("without one: %v, %v", again.Evidence, err)
	}
	// In the form that openssl genpkey -algorithm X25519 prints.
	const made = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIHgAHlL9fhmXWYLgEGVXvKWLe6n6ZGNuVIp9jPyzfbZz\n-----END PRIVATE KEY-----\n"
	if err := os.WriteFile(path, []byte(made), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := home.Open(h.Dir); err != nil || len(again.Evidence) != 1 {
		t.Errorf("of openssl: %v", err)
	}
}
