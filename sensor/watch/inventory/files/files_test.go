//go:build linux

package files_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/internal/testneed"
	"picket.internal/sensor/watch/inventory"
	"picket.internal/sensor/watch/inventory/files"
)

var _ inventory.Source = (*files.Source)(nil)

// tree is a folder of the test's making.
type tree struct {
	t    testing.TB
	root string
}

func newTree(t testing.TB) tree { return tree{t, t.TempDir()} }

func (r tree) at(name string) string { return filepath.Join(r.root, name) }

func (r tree) put(name, content string) {
	r.t.Helper()
	r.must(os.MkdirAll(filepath.Dir(r.at(name)), 0o755))
	r.must(os.WriteFile(r.at(name), []byte(content), 0o644))
}

func (r tree) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r tree) source(cfg files.Config) *files.Source {
	r.t.Helper()
	s, err := files.New(cfg)
	r.must(err)
	return s
}

func read(t testing.TB, s *files.Source) *inventory.Reading {
	t.Helper()
	r, err := s.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lines are a reading in short: name, type, first of the hash or its status.
func (r tree) lines(got *inventory.Reading) (lines []string) {
	for _, f := range got.Facts {
		b := f.File
		line := strings.TrimPrefix(strings.TrimPrefix(b.Path, r.root), "/") + " " + b.Type
		switch {
		case b.Hash != nil:
			line += " " + b.Hash.SHA256[:8]
		case b.HashStatus != "":
			line += " " + b.HashStatus
		case b.TargetPath != "":
			line += " " + b.TargetPath
		}
		lines = append(lines, line)
	}
	for _, g := range got.Gaps {
		lines = append(lines, fmt.Sprintf("! %s %d", g.Cause, g.Count))
	}
	return lines
}

func (r tree) check(s *files.Source, want ...string) *inventory.Reading {
	r.t.Helper()
	got := read(r.t, s)
	if diff := cmp.Diff(want, r.lines(got)); diff != "" {
		r.t.Errorf("(-want +got):\n%s", diff)
	}
	return got
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:8]
}

func TestTellsWhatAPathHolds(t *testing.T) {
	r := newTree(t)
	r.put("conf/a", "one")
	r.put("conf/sub/b", "two")
	r.put("conf/sub/skip.swp", "x")
	r.put("conf/cache/x", "x")
	r.must(os.Symlink("/etc/shadow", r.at("conf/link")))
	r.must(unix.Mkfifo(r.at("conf/pipe"), 0o600))
	r.put("alone", "three")

	flat := r.source(files.Config{Paths: []files.Path{{Path: r.at("conf")}, {Path: r.at("alone")}, {Path: r.at("missing")}, {Path: r.at("no/folder")}}})
	r.check(flat, "conf dir", "conf/a file "+hash("one"), "conf/cache dir", "conf/link symlink /etc/shadow", "conf/pipe fifo",
		"conf/sub dir", "alone file "+hash("three"))

	deep := r.source(files.Config{Paths: []files.Path{{Path: r.at("conf"), Recursive: true, Exclude: []string{"*.swp", r.at("conf/cache")}}}})
	r.check(deep, "conf dir", "conf/a file "+hash("one"), "conf/link symlink /etc/shadow", "conf/pipe fifo",
		"conf/sub dir", "conf/sub/b file "+hash("two"))
	if want := []string{r.at("conf"), r.at("conf/sub")}; !slices.Equal(deep.Watch(), want) {
		t.Errorf("watches %q, want %q", deep.Watch(), want)
	}

	// A link that is watched itself is told and not followed.
	link := r.source(files.Config{Paths: []files.Path{{Path: r.at("conf/link")}}})
	r.check(link, "conf/link symlink /etc/shadow")
}

func TestTellsAllOfAFile(t *testing.T) {
	testneed.Root(t)
	r := newTree(t)
	r.put("tool", "program")
	path := r.at("tool")
	r.must(os.Chown(path, 0, 4))
	r.must(unix.Chmod(path, 0o4755))
	at := time.Date(2026, 5, 1, 12, 0, 0, 5000, time.UTC)
	r.must(os.Chtimes(path, at, at))
	r.must(unix.Setxattr(path, "user.note", []byte("x"), 0))
	// struct vfs_cap_data of revision 2: CAP_NET_RAW (13) permitted.
	r.must(unix.Setxattr(path, "security.capability", []byte("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 0))
	r.put("etc/passwd", "boss:x:0:0::/:\n")
	r.put("etc/group", "adm:x:4:\n")
	got := read(t, r.source(files.Config{Etc: r.at("etc"), Paths: []files.Path{{Path: path}}}))
	sum := sha256.Sum256([]byte("program"))
	want := []*fact.Fact{{Kind: fact.KindFile, File: &fact.File{
		Type: "file", Path: path, Size: 7, Mode: "4755", UID: "0", GID: "4", Owner: "boss", Group: "adm", MTime: "2026-05-01T12:00:00.000005Z",
		Hash: &fact.Hash{SHA256: hex.EncodeToString(sum[:])}, HashStatus: fact.HashOK, Capabilities: []string{"CAP_NET_RAW"}, Watch: path,
		Xattrs: []string{"security.capability=" + got.Facts[0].File.Xattrs[0][len("security.capability="):], "user.note=2d711642b726b044"},
	}}}
	if diff := cmp.Diff(want, got.Facts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestUnchangedFileIsNotReadAgain: reading a file sets its access time.
func TestUnchangedFileIsNotReadAgain(t *testing.T) {
	r := newTree(t)
	r.put("a", "content")
	path := r.at("a")
	cfg := files.Config{Paths: []files.Path{{Path: path}}, Budget: 7}
	cfg.Now(func() time.Time { return time.Now().Add(time.Hour) }) // long after it was written
	s := r.source(cfg)
	r.check(s, "a file "+hash("content"))
	if n := s.Opened(); n != 1 {
		t.Errorf("opened %d files, want 1", n)
	}
	for range 3 {
		r.check(s, "a file "+hash("content"))
	}
	if n := s.Opened(); n != 1 {
		t.Errorf("an unchanged file was opened %d times", n)
	}
	r.must(os.Chmod(path, 0o600))
	r.check(s, "a file "+hash("content"))
	if n := s.Opened(); n != 2 {
		t.Errorf("a changed file was opened %d times, want twice", n)
	}
}

// TestYoungFileIsReadAgain: within one tick of the file system's clock a file
// can change and keep its times.
func TestYoungFileIsReadAgain(t *testing.T) {
	r := newTree(t)
	r.put("a", "content")
	s := r.source(files.Config{Paths: []files.Path{{Path: r.at("a")}}})
	r.check(s, "a file "+hash("content"))
	r.check(s, "a file "+hash("content"))
	if n := s.Opened(); n != 2 {
		t.Errorf("a file just written was opened %d times, want twice", n)
	}
}

func TestBounds(t *testing.T) {
	r := newTree(t)
	for i := range 10 {
		r.put(fmt.Sprintf("many/%d", i), "x")
	}
	r.put("big", strings.Repeat("x", 2000))
	r.must(os.Truncate(r.at("big"), 1<<40))
	r.put("first", strings.Repeat("1", 600))
	r.put("second", strings.Repeat("2", 600))
	deep := strings.Repeat("d/", 40) + "f"
	r.put(deep, "x")
	at := func(names ...string) (all []files.Path) {
		for _, n := range names {
			all = append(all, files.Path{Path: r.at(n), MaxFiles: 4})
		}
		return all
	}
	r.check(r.source(files.Config{Paths: at("many")}), "many dir", "many/0 file "+hash("x"), "many/1 file "+hash("x"), "many/2 file "+hash("x"), "! inventory_cut 7")
	r.check(r.source(files.Config{Paths: at("big")}), "big file too_large")

	cfg := files.Config{Paths: at("first", "second"), Budget: 1000}
	cfg.Now(func() time.Time { return time.Now().Add(time.Hour) })
	budget := r.source(cfg)
	one, two := hash(strings.Repeat("1", 600)), hash(strings.Repeat("2", 600))
	r.check(budget, "first file "+one, "second file deferred")
	r.check(budget, "first file "+one, "second file "+two)

	got := read(t, r.source(files.Config{Paths: []files.Path{{Path: r.at("d"), Recursive: true}}}))
	if len(got.Facts) != 33 || len(got.Gaps) != 1 || got.Gaps[0].Cause != fact.LossInventory {
		t.Errorf("%d facts, gaps %+v of folders 40 deep", len(got.Facts), got.Gaps)
	}
}

func TestParseCapabilities(t *testing.T) {
	for _, c := range []struct {
		name, data, want string
		bad              bool
	}{
		{"revision 1", "\x01\x00\x00\x01\x00\x20\x00\x00\x00\x00\x00\x00", "CAP_NET_RAW", false},
		{"revision 2, of the second word", "\x00\x00\x00\x02\x01\x00\x00\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00", "CAP_CHOWN CAP_BPF", false},
		{"revision 3, with its root", "\x00\x00\x00\x03\x00\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xe8\x03\x00\x00", "CAP_SYS_ADMIN", false},
		{"one of a newer kernel", "\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00", "CAP_63", false},
		{"inheritable only", "\x00\x00\x00\x02\x00\x00\x00\x00\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "", false},
		{"empty", "", "", true},
		{"cut", "\x00\x00\x00\x02\x00\x20", "", true},
		{"revision 9", "\x00\x00\x00\x09\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "", true},
	} {
		got, err := files.ParseCapabilities([]byte(c.data))
		if strings.Join(got, " ") != c.want || (err != nil) != c.bad {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

func TestDefaultsAreRead(t *testing.T) {
	s, err := files.New(files.Config{})
	if err != nil {
		t.Fatal(err)
	}
	first := read(t, s)
	if len(first.Facts) < 20 {
		t.Errorf("%d files of an installed system", len(first.Facts))
	}
	opened := s.Opened()
	read(t, s)
	if again := s.Opened() - opened; again > opened/10 {
		t.Errorf("the second reading opened %d of %d files", again, opened)
	}
}

func BenchmarkRead(b *testing.B) {
	s, err := files.New(files.Config{})
	if err != nil {
		b.Fatal(err)
	}
	read(b, s)
	b.ReportAllocs()
	for b.Loop() {
		read(b, s)
	}
}
