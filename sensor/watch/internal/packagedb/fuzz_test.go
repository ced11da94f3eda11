//go:build linux

package packagedb

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"
)

// headerOf makes a header of strings.
func headerOf(tags map[uint32]string) []byte {
	var index, data []byte
	for tag, value := range tags {
		for _, n := range []uint32{tag, typeString, uint32(len(data)), 1} {
			index = binary.BigEndian.AppendUint32(index, n)
		}
		data = append(append(data, value...), 0)
	}
	blob := binary.BigEndian.AppendUint32(nil, uint32(len(tags)))
	blob = binary.BigEndian.AppendUint32(blob, uint32(len(data)))
	return append(append(blob, index...), data...)
}

// sound says what holds of every package that comes out of anything.
func sound(t *testing.T, p Package) {
	t.Helper()
	for _, s := range []string{p.Name, p.Version, p.Architecture} {
		if !utf8.ValidString(s) || len(s) > 8*maxText {
			t.Fatalf("%q of %d bytes", s, len(s))
		}
	}
	if p.Name == "" || p.Version == "" {
		t.Fatalf("a package without a name or version: %+v", p)
	}
}

// reads says what holds of a database of any content: it is read in bounded
// time and memory, to sound packages, twice the same.
func reads(t *testing.T, name string, data []byte, more ...[]byte) {
	t.Helper()
	root := t.TempDir()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, log := range more {
		if err := os.WriteFile(path+"-wal", log, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	first, _ := Open(root).Packages(t.Context(), 1000)
	if took := time.Since(began); took > 5*time.Second {
		t.Fatalf("took %v for %d bytes", took, len(data))
	}
	again, _ := Open(root).Packages(t.Context(), 1000)
	if len(first) != len(again) {
		t.Fatalf("%d packages, then %d", len(first), len(again))
	}
	for _, p := range first {
		sound(t, p)
	}
	p := newPass(t.Context(), root)
	for _, path := range []string{"/usr/bin/bash", "/bin/hostname", "/bin/busybox", "/"} {
		p.ask(path)
	}
	p.run()
	for _, target := range p.targets {
		for _, c := range target.claims {
			if c.sum != nil && (c.vouch.Algorithm == "" || newHash(c.vouch.Algorithm).Size() != len(c.sum)) {
				t.Fatalf("a digest of %d bytes by %q", len(c.sum), c.vouch.Algorithm)
			}
		}
	}
}

func FuzzDpkgStatus(f *testing.F) {
	f.Add(fixture(f, "debian-12.status")[:4000])
	f.Add([]byte("Package: a\nStatus: install ok installed\nVersion: 1\nConffiles:\n /etc/a 00 obsolete\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) { reads(t, dpkgDir+"/status", data) })
}

func FuzzApkInstalled(f *testing.F) {
	f.Add(fixture(f, "alpine.installed"))
	f.Fuzz(func(t *testing.T, data []byte) { reads(t, apkFiles[0], data) })
}

func FuzzRpmHeader(f *testing.F) {
	f.Add(headerOf(map[uint32]string{tagName: "a", tagVersion: "1", tagRelease: "2"}))
	h := newHost(f)
	h.put(rpmDirs[0]+"/Packages", string(fixture(f, "centos7.Packages")))
	packages, err := openFile(f.Context(), filepath.Join(h.root, rpmDirs[0], "Packages"))
	if err != nil {
		f.Fatal(err)
	}
	if err := readBDB(packages, func(blob []byte) { f.Add(append([]byte(nil), blob...)) }); err != nil {
		f.Fatal(err)
	}
	packages.close()
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parseHeader(data)
		if err != nil {
			return
		}
		if p, ok := h.identity(); ok {
			sound(t, p)
		}
		p := newPass(t.Context(), "/nonexistent")
		target := p.ask("/bin/hostname")
		p.header(h)
		for _, c := range target.claims {
			if c.sum != nil && newHash(c.vouch.Algorithm).Size() != len(c.sum) {
				t.Fatalf("a digest of %d bytes by %q", len(c.sum), c.vouch.Algorithm)
			}
		}
	})
}

func FuzzRpmBDB(f *testing.F) {
	f.Add(fixture(f, "centos8.Packages")[:16<<10])
	f.Fuzz(func(t *testing.T, data []byte) { reads(t, rpmDirs[0]+"/Packages", data) })
}

func FuzzRpmNDB(f *testing.F) {
	f.Add(fixture(f, "sle15.Packages.db")[:16<<10])
	f.Fuzz(func(t *testing.T, data []byte) { reads(t, rpmDirs[0]+"/Packages.db", data) })
}

func FuzzRpmSQLite(f *testing.F) {
	f.Add(fixture(f, "mariner2-wal.rpmdb.sqlite")[:16<<10], fixture(f, "mariner2-wal.rpmdb.sqlite-wal")[:16<<10])
	f.Fuzz(func(t *testing.T, data, log []byte) { reads(t, rpmDirs[0]+"/rpmdb.sqlite", data, log) })
}
