//go:build linux

package packagedb

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/digest"
)

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// databases are the files that stand for a whole database.
var databases = []string{dpkgDir + "/status", apkFiles[0], rpmDirs[0] + "/rpmdb.sqlite", rpmDirs[0] + "/Packages.db", rpmDirs[0] + "/Packages"}

func TestWhatIsNoDatabaseIsSaidAndBlocksNobody(t *testing.T) {
	for _, name := range databases {
		for what, make := range map[string]func(h host, path string) error{
			"fifo":   func(_ host, path string) error { return unix.Mkfifo(path, 0o600) },
			"folder": func(_ host, path string) error { return os.Mkdir(path, 0o700) },
			"device": func(_ host, path string) error { return os.Symlink("/dev/zero", path) },
			"self":   func(_ host, path string) error { return os.Symlink(path, path) },
			"1 TiB": func(h host, path string) error {
				h.put(name, "")
				return os.Truncate(path, 1<<40)
			},
		} {
			t.Run(what+" "+name, func(t *testing.T) {
				h := newHost(t)
				h.put(filepath.Dir(name)+"/.keep", "")
				if err := make(h, filepath.Join(h.root, name)); err != nil {
					t.Fatal(err)
				}
				var found []Package
				var problems []Problem
				bytes := allocated(func() { found, problems = h.db().Packages(t.Context(), 10) })
				if len(found) != 0 || len(problems) != 1 || !problems[0].Whole || problems[0].Cause != fact.LossUnreadable {
					t.Errorf("got %v, %+v", found, problems)
				}
				if bytes > 1<<20 {
					t.Errorf("allocated %d bytes", bytes)
				}
				h.put("usr/bin/own", "x")
				if v := h.vouch(h.db(), "usr/bin/own"); v.Verdict != fact.VouchUnknown {
					t.Errorf("verdict: %+v, want unknown", v)
				}
			})
		}
	}
}

func TestAnEndlessStatusIsReadInLittleMemory(t *testing.T) {
	for what, content := range map[string]string{
		"zeros":   strings.Repeat("\x00", 1<<16),
		"stanzas": "Package: a\nStatus: install ok config-files\nVersion: 1\n\n",
		"line":    "Description: " + strings.Repeat("x", 1<<20),
	} {
		t.Run(what, func(t *testing.T) {
			l := newLines(t.Context())
			r := &repeat{content: []byte(content), left: 1 << 30}
			bytes := allocated(func() {
				l.reset(r, maxStatus/8)
				parseStatus(l, nil, func(*stanza) {})
			})
			if l.close() == nil {
				t.Error("1 GiB was read to its end")
			}
			// What does not fit is left, not gathered.
			if limit := uint64(1 << 20); what != "stanzas" && bytes > limit {
				t.Errorf("allocated %d bytes, over %d", bytes, limit)
			}
		})
	}
}

// repeat is the same content again and again.
type repeat struct {
	content []byte
	at      int
	left    int64
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) {
		k := copy(p[n:], r.content[r.at:])
		r.at = (r.at + k) % len(r.content)
		n += k
	}
	r.left -= int64(n)
	return n, nil
}

func TestABadStanzaLosesNothingElse(t *testing.T) {
	good := func(name string) string { return "Package: " + name + "\nVersion: 1\n" + installed + "\n" }
	for _, c := range []struct {
		why, bad string
		count    int64
	}{
		{"a line of 100 MiB in a field that is not needed", "Package: c\nVersion: 1\n" + installed + "Description: " + strings.Repeat("x", 100<<20) + "\n\n", 0},
		{"a name of 1 MiB", "Package: " + strings.Repeat("x", 1<<20) + "\nVersion: 1\n" + installed + "\n", 1},
		{"no name", "Version: 1\n" + installed + "\n", 1},
		{"no version", "Package: c\n" + installed + "\n", 1},
		{"a line that is no field", "Package: c\nVersion: 1\nwhat is this\n" + installed + "\n", 1},
		{"only zeros", strings.Repeat("\x00", 500) + "\n\n", 1},
	} {
		t.Run(c.why, func(t *testing.T) {
			h := newHost(t)
			h.put(dpkgDir+"/status", good("a")+c.bad+good("b"))
			found, problems := h.db().Packages(t.Context(), 10)
			want := 3 - int(c.count)
			if len(found) != want || found[0].Name != "a" || found[1].Name != "b" {
				t.Errorf("got %v", found)
			}
			if c.count > 0 && (len(problems) != 1 || problems[0].Count != c.count || problems[0].Cause != fact.LossMalformed) {
				t.Errorf("problems %+v, want %d malformed", problems, c.count)
			}
		})
	}
}

func TestAStatusThatWasCutOffKeepsWhatItHas(t *testing.T) {
	h := newHost(t)
	h.put(dpkgDir+"/status", "Package: a\nVersion: 1\n"+installed+"\nPackage: b\nStatus: install ok inst")
	found, _ := h.db().Packages(t.Context(), 10)
	if len(found) != 1 || found[0].Name != "a" {
		t.Errorf("got %v", found)
	}
}

func TestNamesThatAreNotUTF8(t *testing.T) {
	h := newHost(t)
	h.put(dpkgDir+"/status", "Package: a\xff\nVersion: 1\xfe\n"+installed)
	found, _ := h.db().Packages(t.Context(), 10)
	if len(found) != 1 || found[0].Name != "a\uFFFD" || found[0].Version != "1\uFFFD" {
		t.Errorf("got %+q", found)
	}
}

// A circle in a database ends, and what was read before it stays.
func TestCirclesEnd(t *testing.T) {
	for name, c := range map[string]struct{ file, place string }{
		"bdb":    {"centos8.Packages", rpmDirs[0] + "/Packages"},
		"sqlite": {"fedora35.rpmdb.sqlite", rpmDirs[0] + "/rpmdb.sqlite"},
		"ndb":    {"sle15.Packages.db", rpmDirs[0] + "/Packages.db"},
	} {
		t.Run(name, func(t *testing.T) {
			data := fixture(t, c.file)
			// Every number that leads to a page leads to the same one.
			for i := 4096; i+20 < len(data); i += 4096 {
				switch name {
				case "bdb":
					copy(data[i+16:], []byte{byte(i / 4096), 0, 0, 0})
				case "sqlite":
					copy(data[i:], []byte{0, 0, 0, byte(i/4096 + 1)})
				}
			}
			if name == "ndb" {
				for i := 48; i < 4096; i += 16 {
					copy(data[i:], data[32:48])
				}
			}
			h := newHost(t)
			h.put(c.place, string(data))
			bytes := allocated(func() { h.db().Packages(t.Context(), 1000) })
			if bytes > 16<<20 {
				t.Errorf("allocated %d bytes", bytes)
			}
		})
	}
}

func TestACancelledReadingStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h := newHost(t)
	h.put(dpkgDir+"/status", strings.Repeat("Package: a\nVersion: 1\n"+installed+"\n", 5000))
	h.put(rpmDirs[0]+"/rpmdb.sqlite", string(fixture(t, "fedora35.rpmdb.sqlite")))
	_, problems := h.db().Packages(ctx, 100_000)
	if len(problems) != 2 || problems[0].Cause != fact.LossTimeout || problems[1].Cause != fact.LossTimeout {
		t.Errorf("problems %+v", problems)
	}
}

// A file that changes while its digest is taken has none.
func TestAFileThatChangesMeanwhileIsUnknown(t *testing.T) {
	h := debian(t)
	f, err := os.OpenFile(filepath.Join(h.root, "usr/bin/ls"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, _ := status(f)
	q := &question{place: place{"/usr/bin/ls", digest.KeyOf(&st)}, file: f}
	if _, err := f.WriteString("another content of it"); err != nil {
		t.Fatal(err)
	}
	if sum := q.sum("md5", time.Now().Add(time.Minute)); sum != nil {
		t.Errorf("got %x", sum)
	}
}

func TestThreat_S14_ANewlineInAPackagesNameStaysOneRecord(t *testing.T) {
	name := "evil\nPackage: other"
	blob := headerOf(map[uint32]string{tagName: name, tagVersion: "1", tagRelease: "2", tagArch: "noarch"})
	h, err := parseHeader(blob)
	if err != nil {
		t.Fatal(err)
	}
	p, ok := h.identity()
	if !ok || p.Name != name || p.Version != "1-2" {
		t.Errorf("got %+q", p)
	}
	if bytes.Count(blob, []byte("evil")) != 1 {
		t.Error("the header holds it more than once")
	}
}
