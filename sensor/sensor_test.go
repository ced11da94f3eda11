package sensor_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"picket.internal/sensor"
	"picket.internal/sensor/eventlog"
	"picket.internal/sensor/send"
)

// TestRunNeedsAnIdentity: creating and loading are different calls.
func TestRunNeedsAnIdentity(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	cfg := sensor.Config{StateDir: dir}
	var log *eventlog.Logger
	if err := sensor.Run(t.Context(), cfg, log); !errors.Is(err, send.ErrNotEnrolled) {
		t.Errorf("without a folder: got %v, want %v", err, send.ErrNotEnrolled)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder was made")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := sensor.Run(t.Context(), cfg, log); !errors.Is(err, send.ErrNotEnrolled) {
		t.Errorf("with an empty folder: got %v, want %v", err, send.ErrNotEnrolled)
	}
	if _, err := os.Stat(filepath.Join(dir, "host.key")); err == nil {
		t.Error("a key was made")
	}
}
