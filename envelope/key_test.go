package envelope_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket.internal/envelope"
	"picket.internal/strictjson"
)

// The one PKCS #8 encoding is the standard library's, both ways.
func TestPrivateKeyPEM(t *testing.T) {
	key := newKey(t)
	der, err := x509.MarshalPKCS8PrivateKey(key.Std())
	if err != nil {
		t.Fatal(err)
	}
	std := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if got := key.MarshalPEM(); !bytes.Equal(got, std) {
		t.Errorf("MarshalPEM = %s, want %s", got, std)
	}
	again, err := envelope.ParsePrivateKey(std)
	if err != nil || again.Public() != key.Public() || !bytes.Equal(again.Std(), key.Std()) {
		t.Errorf("ParsePrivateKey = %v, %v", again, err)
	}
	for name, text := range map[string]string{
		"empty":       "",
		"two blocks":  string(std) + string(std),
		"other type":  strings.ReplaceAll(string(std), "PRIVATE", "PUBLIC"),
		"a header":    strings.Replace(string(std), "-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1),
		"cut":         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der[:47]})),
		"another key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: append([]byte{0x30, 0x2f}, der[2:]...)})),
	} {
		if key, err := envelope.ParsePrivateKey([]byte(text)); !errors.Is(err, envelope.ErrKeyMalformed) || !key.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// However a key is printed, its secret is not.
func TestPrivateKeyNeverPrints(t *testing.T) {
	key := newKey(t)
	seed := key.Std().Seed()
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out := fmt.Sprintf(format, key) + fmt.Sprintf(format, &key) + fmt.Sprintf(format, struct{ K envelope.PrivateKey }{key})
		for _, secret := range []string{fmt.Sprintf("%x", seed[:4]), fmt.Sprintf("%d %d %d", seed[0], seed[1], seed[2]), string(seed[:4])} {
			if strings.Contains(out, secret) {
				t.Errorf("%s shows the secret: %s", format, out)
			}
		}
	}
}

func TestPublicKeyText(t *testing.T) {
	key := newKey(t).Public()
	text, err := key.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var again envelope.PublicKey
	if err := again.UnmarshalText(text); err != nil || again != key {
		t.Errorf("UnmarshalText = %v, %v", again, err)
	}
	type holder struct {
		Key envelope.PublicKey `json:"key"`
	}
	data, err := strictjson.Encode(holder{key})
	var h holder
	if err != nil || strictjson.Decode(data, strictjson.Limits{}, &h, nil) != nil || h.Key != key {
		t.Errorf("through JSON: %s, %v", data, err)
	}
	for _, bad := range []string{"", "x", string(text) + "\n", strings.TrimRight(string(text), "="), " " + string(text)} {
		if err := again.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("UnmarshalText(%q) was taken", bad)
		}
	}
	if _, err := (envelope.PublicKey{}).MarshalText(); err == nil {
		t.Error("no key was written")
	}
	if len(key.ID()) != 32 {
		t.Errorf("ID = %q", key.ID())
	}
	if imported, err := envelope.PublicKeyFromStd(ed25519.PublicKey(key.Bytes())); err != nil || imported != key {
		t.Error(err)
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.key")
	key, err := envelope.CreatePrivateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	loaded, err := envelope.LoadPrivateKey(path)
	if err != nil || loaded.Public() != key.Public() {
		t.Fatalf("LoadPrivateKey = %v, %v", loaded, err)
	}
	if _, err := envelope.CreatePrivateKey(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("creating over a key: %v", err)
	}
	if again, err := envelope.LoadPrivateKey(path); err != nil || again.Public() != key.Public() {
		t.Error("the key was written over")
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o610} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := envelope.LoadPrivateKey(path)
		if !errors.Is(err, envelope.ErrKeyExposed) || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

func TestKeyFileRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, path := range []string{
		write("empty", nil),
		write("huge", bytes.Repeat([]byte("x"), 1<<20)),
		dir,
	} {
		if key, err := envelope.LoadPrivateKey(path); !errors.Is(err, envelope.ErrKeyMalformed) || !key.IsZero() {
			t.Errorf("LoadPrivateKey(%s) = %v", path, err)
		}
	}
	if _, err := envelope.LoadPrivateKey(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := envelope.CreatePrivateKey(filepath.Join(dir, "no", "folder")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
