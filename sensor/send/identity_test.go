package send_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket.internal/envelope"
	"picket.internal/sensor/send"
)

// enrolledState is a state folder with a whole identity.
func enrolledState(t *testing.T) string {
	t.Helper()
	hub, _ := newTestHub(t)
	hub.start()
	dir := stateDir(t)
	if _, _, err := enrollIn(t, dir, hub.token()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestIdentityRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, dir string)
		is    error  // what the error matches, or
		says  string // what it says
	}{
		{"a folder that is not there", func(t *testing.T, dir string) { remove(t, dir) }, send.ErrNotEnrolled, ""},
		{"a folder without an identity", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "identity.json")) }, send.ErrNotEnrolled, ""},
		{"a file for a folder", func(t *testing.T, dir string) { remove(t, dir); write(t, dir, "", 0o600) }, nil, "is no folder"},
		{"a folder that others may change", func(t *testing.T, dir string) { chmod(t, dir, 0o770) }, send.ErrStateExposed, ""},
		{"a key that others may read", func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "host.key"), 0o644) }, envelope.ErrKeyExposed, ""},
		{"no key", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "host.key")) }, os.ErrNotExist, ""},
		{"another key", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "host.key"), string(mustKey(t).MarshalPEM()), 0o600)
		}, nil, "is not the key that was enrolled"},
		{"half an identity", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "identity.json"), `{"v":1,`, 0o600) }, nil, "malformed"},
		{"one of another version", func(t *testing.T, dir string) {
			path := filepath.Join(dir, "identity.json")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, strings.Replace(string(data), `"v":1`, `"v":2`, 1), 0o600)
		}, nil, "malformed"},
		{"one that is too large", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "identity.json"), strings.Repeat(" ", 1<<20)+"{}", 0o600)
		}, nil, "json.too_large"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := enrolledState(t)
			tt.spoil(t, dir)
			state, err := send.OpenState(dir)
			if err == nil {
				defer state.Close()
				_, err = state.Identity()
			}
			if err == nil {
				t.Fatal("an identity was loaded")
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %v", err, tt.is)
			}
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want words about %q", err, tt.says)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// TestThreat_T6_OneProcessHoldsAnIdentity: two sensors on one state folder
// would look to the hub like a copied host.
func TestThreat_T6_OneProcessHoldsAnIdentity(t *testing.T) {
	dir := enrolledState(t)
	first, err := send.OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := send.OpenState(dir); !errors.Is(err, send.ErrStateInUse) {
		t.Errorf("a second process got %v, want %v", err, send.ErrStateInUse)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := send.OpenState(dir)
	if err != nil {
		t.Fatalf("after the first let go: %v", err)
	}
	second.Close()
}
