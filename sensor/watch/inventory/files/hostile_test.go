//go:build linux

package files_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/inventory/files"
)

// TestHostileNames: whatever a file is called, what is told of it fits a fact
// and names it exactly.
func TestHostileNames(t *testing.T) {
	r := newTree(t)
	names := []string{"\x1b]52;c;x\x07", "a\nb", "\xff\xfe", strings.Repeat("\x01", 255), "picket (deleted)", "..."}
	for _, name := range names {
		r.put("d/"+name, "x")
	}
	r.must(os.Symlink(strings.Repeat("\x02", 4000), r.at("d/link")))
	got := read(t, r.source(files.Config{Paths: []files.Path{{Path: r.at("d")}}}))
	if len(got.Facts) != 1+len(names)+1 || len(got.Gaps) != 0 {
		t.Fatalf("%d facts, gaps %+v", len(got.Facts), got.Gaps)
	}
	keys := make(map[string]bool)
	for _, f := range got.Facts {
		f.ID, f.Host.ID, f.Time = "01ARZ3NDEKTSV4RRFFQ69G5FAV", "h_x", time.Now()
		if _, err := f.Encode(); err != nil {
			t.Error(err)
		}
		e, ok, err := f.Entity()
		if err != nil || !ok || keys[e.Key] {
			t.Errorf("%q: entity %q, %v, %v", f.File.Path, e.Key, ok, err)
		}
		keys[e.Key] = true
	}
}

// TestPathTooLongToBeTold: it is counted and not cut into another's name.
func TestPathTooLongToBeTold(t *testing.T) {
	r := newTree(t)
	dir := r.at("deep")
	r.must(os.Mkdir(dir, 0o755))
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	r.must(err)
	defer func() { unix.Close(fd) }()
	name := strings.Repeat("\x01", 200)
	for range 5 {
		r.must(unix.Mkdirat(fd, name, 0o755))
		next, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		r.must(err)
		unix.Close(fd)
		fd = next
	}
	got := read(t, r.source(files.Config{Paths: []files.Path{{Path: dir, Recursive: true}}}))
	if len(got.Facts) == 0 || len(got.Facts) > 5 || len(got.Gaps) != 1 || got.Gaps[0].Cause != fact.LossInventory {
		t.Errorf("%d facts, gaps %+v", len(got.Facts), got.Gaps)
	}
}

// TestLinkSwappedInIsNotFollowed: a file becomes a link to a secret
// and back, as fast as can be, while it is read.
func TestLinkSwappedInIsNotFollowed(t *testing.T) {
	r := newTree(t)
	r.put("secret", "the secret")
	r.put("d/file", "harmless")
	r.must(os.Symlink(r.at("secret"), r.at("link")))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, r.at("link"), unix.AT_FDCWD, r.at("d/file"), unix.RENAME_EXCHANGE)
			}
		}
	}()
	s := r.source(files.Config{Paths: []files.Path{{Path: r.at("d"), Recursive: true}}})
	for range 2000 {
		for _, f := range read(t, s).Facts {
			if h := f.File.Hash; h != nil && h.SHA256[:8] != hash("harmless") {
				t.Fatalf("%s told as %s: it led out of its folder", f.File.Path, f.File.Type)
			}
		}
	}
	close(stop)
	<-done
}

// TestThreat_S6_SlowFilesystemIsNotTouched: what lies behind a server or a
// program is counted, and neither opened nor asked for its status.
func TestThreat_S6_SlowFilesystemIsNotTouched(t *testing.T) {
	r := newTree(t)
	r.put("d/net/a", "x")
	r.put("d/b", "y")
	r.put("proc/self/mountinfo", fmt.Sprintf("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / %s rw - fuse.sshfs x rw\n", r.at("d/net")))
	s := r.source(files.Config{Proc: r.at("proc"), Paths: []files.Path{{Path: r.at("d"), Recursive: true}}})
	r.check(s, "d dir", "d/b file "+hash("y"), "! unreadable 1")
	s = r.source(files.Config{Proc: r.at("proc"), Paths: []files.Path{{Path: r.at("d/net/a")}}})
	r.check(s, "! unreadable 1")
}
