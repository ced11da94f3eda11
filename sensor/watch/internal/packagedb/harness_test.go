//go:build linux

package packagedb

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/fact"
)

var update = flag.Bool("update", false, "write the golden files")

// fixture is a file of testdata, unpacked.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err == nil {
		return data
	}
	packed, err := os.ReadFile(filepath.Join("testdata", name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if data, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	return data
}

// host is a root folder with the files that are put there.
type host struct {
	testing.TB
	root string
}

func newHost(t testing.TB) host { return host{TB: t, root: t.TempDir()} }

func (h host) put(name, content string) string {
	h.Helper()
	path := filepath.Join(h.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		h.Fatal(err)
	}
	return path
}

func (h host) link(to, name string) {
	h.Helper()
	path := filepath.Join(h.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		h.Fatal(err)
	}
}

// db is the host's databases without the pauses.
func (h host) db() *DB {
	db := Open(h.root)
	db.rest = func(time.Duration) {}
	db.run = func(f func()) { f() }
	return db
}

// vouch asks for a file that lies in the host's root at path.
func (h host) vouch(db *DB, path string) fact.Vouch {
	h.Helper()
	f, err := os.Open(filepath.Join(h.root, path))
	if err != nil {
		h.Fatal(err)
	}
	defer f.Close()
	return db.Vouch("/"+path, f)
}

// golden compares packages with testdata/golden/NAME.jsonl.
func golden(t *testing.T, name string, found []Package) {
	t.Helper()
	var got bytes.Buffer
	for _, p := range found {
		line, err := json.Marshal(&fact.Package{Name: p.Name, Version: p.Version, Architecture: p.Architecture, Type: p.Type})
		if err != nil {
			t.Fatal(err)
		}
		got.Write(append(line, '\n'))
	}
	path := filepath.Join("testdata", "golden", name+".jsonl")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("packages of %s (-want +got):\n%s", name, diff)
	}
}
