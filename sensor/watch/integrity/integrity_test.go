//go:build linux

package integrity_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/integrity"
)

func hash(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// sensor is a made-up sensor: a file at a path, and the image that runs.
func sensor(t *testing.T) (c *integrity.Collector, path, running string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "picket-sensor")
	running = path + ".running"
	write(t, path, "build 1")
	if err := os.Link(path, running); err != nil { // the same file, as right after its start
		t.Fatal(err)
	}
	cfg := integrity.Config{Path: path, Version: "v1"}
	cfg.Running(running)
	c, err := integrity.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, path, running
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, f *fact.Fact, disk, running, failure string) {
	t.Helper()
	b := f.Binary
	if f.Kind != fact.KindBinary || b.Action != fact.BinaryHeartbeat || b.Version != "v1" {
		t.Errorf("told as %s %+v", f.Kind, b)
	}
	got := func(h *fact.Hash) string {
		if h == nil {
			return ""
		}
		return h.SHA256
	}
	if h := got(b.Hash); h != disk {
		t.Errorf("the file's hash is %q, want %q", h, disk)
	}
	var image *fact.Hash
	if b.Running != nil {
		image = b.Running.Hash
	}
	if h := got(image); h != running {
		t.Errorf("the running image's hash is %q, want %q", h, running)
	}
	if !strings.Contains(b.Error, failure) || (failure == "") != (b.Error == "") {
		t.Errorf("error %q, want one of %q", b.Error, failure)
	}
}

func TestEveryBeatReadsAnew(t *testing.T) {
	c, path, running := sensor(t)
	check(t, c.Beat(), hash("build 1"), hash("build 1"), "")

	// Replaced: what runs is still the old image.
	write(t, path+".new", "build 2")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	check(t, c.Beat(), hash("build 2"), hash("build 1"), "")

	// Written to in place, and its times put back: nothing but the content tells.
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	write(t, path, "BUILD 2")
	times := []unix.Timespec{st.Atim, st.Mtim}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, times, 0); err != nil {
		t.Fatal(err)
	}
	check(t, c.Beat(), hash("BUILD 2"), hash("build 1"), "")

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	check(t, c.Beat(), "", hash("build 1"), "hashing the file: ENOENT")
	if err := os.Remove(running); err != nil {
		t.Fatal(err)
	}
	check(t, c.Beat(), "", "", "hashing the running image: ENOENT")
}

func TestOddThingsAtThePath(t *testing.T) {
	for name, c := range map[string]struct {
		put     func(path string) error
		failure string
	}{
		"a FIFO":     {func(p string) error { return unix.Mkfifo(p, 0o755) }, "not a regular file"},
		"a folder":   {func(p string) error { return os.Mkdir(p, 0o755) }, "not a regular file"},
		"a device":   {func(p string) error { return os.Symlink("/dev/zero", p) }, "not a regular file"},
		"a loop":     {func(p string) error { return os.Symlink(p, p) }, "ELOOP"},
		"a terabyte": {func(p string) error { return sparse(p, 1<<40) }, "over the bound"},
	} {
		t.Run(name, func(t *testing.T) {
			col, path, _ := sensor(t)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := c.put(path); err != nil {
				t.Fatal(err)
			}
			check(t, col.Beat(), "", hash("build 1"), c.failure)
		})
	}
}

func sparse(path string, size int64) error {
	if err := os.WriteFile(path, nil, 0o755); err != nil {
		return err
	}
	return os.Truncate(path, size)
}

func TestOwnExecutable(t *testing.T) {
	c, err := integrity.New(integrity.Config{Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	f := c.Beat()
	check(t, f, hash(string(self)), hash(string(self)), "")
	if exe, _ := os.Executable(); f.Binary.Path != exe {
		t.Errorf("path %q, want %q", f.Binary.Path, exe)
	}
}

type count struct{ n int }

func (c *count) Emit(*fact.Fact) { c.n++ }

func TestBeats(t *testing.T) {
	c, _, _ := sensor(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Second)
		defer cancel()
		var n count
		if err := c.Run(ctx, &n); err != nil {
			t.Error(err)
		}
		if n.n != 5 {
			t.Errorf("%d facts in a minute, want one at once and four more", n.n)
		}
	})
}
