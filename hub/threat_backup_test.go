package hub_test

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"picket.internal/envelope"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
)

// TestThreat_H11_ABackupHoldsNoKey looks for the bytes of every key of the hub,
// in each way that they could have been written, in the database and in a
// backup of it.
func TestThreat_H11_ABackupHoldsNoKey(t *testing.T) {
	h := hubtest.New(t, nil)
	h.Enroll().MustSend()
	// Also of the keys that come later, and of the lists that name them.
	for _, role := range []string{"token", "log", "evidence"} {
		if _, err := hub.AddKey(h.Dir, role, 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, role := range []string{"token", "tls"} {
		if _, err := hub.UseKey(t.Context(), h.Dir, role, false); err != nil {
			t.Fatal(err)
		}
	}
	h.Restart()
	out := filepath.Join(t.TempDir(), "backup.db")
	if err := hub.Backup(t.Context(), h.Dir, out); err != nil { // beside the running hub
		t.Fatal(err)
	}
	if err := hub.Backup(t.Context(), h.Dir, out); err == nil {
		t.Error("a backup overwrote another")
	}
	info, err := os.Stat(out)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup has mode %v, %v", info.Mode(), err)
	}
	h.Stop()
	var texts [][]byte
	for _, name := range []string{out, filepath.Join(h.Dir, "hub.db")} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	keys, err := filepath.Glob(filepath.Join(h.Dir, "keys", "*.pem"))
	if err != nil || len(keys) != 9 {
		t.Fatalf("keys are %v, %v", keys, err)
	}
	for _, path := range keys {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		seed := block.Bytes[len(block.Bytes)-32:] // where PKCS #8 ends, of Ed25519 and X25519 alike
		if key, err := envelope.LoadPrivateKey(path); err == nil && !bytes.Equal(key.Std().Seed(), seed) {
			t.Fatalf("%s does not end with its seed, so the search proves nothing", path)
		}
		body := bytes.Split(text, []byte("\n"))[1]
		for i, text := range texts {
			if bytes.Contains(text, seed) || bytes.Contains(text, body) {
				t.Errorf("text %d holds %s", i, filepath.Base(path))
			}
		}
	}
	// The search finds what is there: the online key's public half is.
	online, err := envelope.LoadPrivateKey(filepath.Join(h.Dir, "keys", "online.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		if !bytes.Contains(text, online.Public().Bytes()) {
			t.Errorf("text %d does not hold the public half of the online key, so the search proves nothing", i)
		}
	}
}
