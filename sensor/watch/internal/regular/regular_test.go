//go:build linux

package regular_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"picket.internal/sensor/watch/internal/regular"
)

func TestOpensOnlyFiles(t *testing.T) {
	dir := t.TempDir()
	fifo, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := errors.Join(unix.Mkfifo(fifo, 0o644), os.Symlink(fifo, link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo, link, "/dev/null", "/dev/zero"} {
		if f, _, err := regular.Open(path); !errors.Is(err, regular.ErrNotRegular) {
			t.Errorf("%s: %v, %v", path, f, err)
		}
	}
	if _, _, err := regular.Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestReadIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("12345"), 0o644); err != nil {
		t.Fatal(err)
	}
	if data, st, err := regular.Read(path, 5); err != nil || string(data) != "12345" || st.Size != 5 {
		t.Errorf("got %q, %v", data, err)
	}
	if data, _, err := regular.Read(path, 4); !errors.Is(err, regular.ErrTooLarge) || data != nil {
		t.Errorf("got %q, %v of a file over the bound", data, err)
	}
}
