package plant

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"picket.internal/strictjson"
)

// Planted is a canary as it was when it was planted.
type Planted struct {
	ID      string    `json:"id"`
	Type    string    `json:"type"`
	Path    string    `json:"path"`
	Planted time.Time `json:"planted"`
	SHA256  string    `json:"sha256"`
	Size    int64     `json:"size"`
	Device  uint64    `json:"device,string"`
	Inode   uint64    `json:"inode,string"`
}

// Manifest is what was planted on this host. Its file is for root alone: who
// reads it knows what not to touch.
type Manifest struct {
	Canaries []Planted `json:"canaries"`
}

// maxFile is more than a manifest, or a sensor's configuration, of 10,000
// canaries takes.
const maxFile = 16 << 20

// Load reads a manifest; one that is not there is empty.
func Load(path string) (*Manifest, error) {
	m := new(Manifest)
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading manifest: %w", err)
	}
	if err := strictjson.Decode(data, strictjson.Limits{Bytes: maxFile}, m, nil); err != nil {
		return nil, fmt.Errorf("malformed manifest %q: %w", path, err)
	}
	return m, nil
}

// Save writes the manifest so that only its owner may read it.
func (m *Manifest) Save(path string) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("writing manifest: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("writing manifest: %w", err)
	}
	return replaceFile(path, append(data, '\n'), nil)
}

// free is an id that no canary has: the type, or with a number behind it.
func (m *Manifest) free(kind string, taken func(string) bool) string {
	for n := 1; ; n++ {
		id := kind
		if n > 1 {
			id = fmt.Sprintf("%s-%d", kind, n)
		}
		if !taken(id) && !slices.ContainsFunc(m.Canaries, func(p Planted) bool { return p.ID == id }) {
			return id
		}
	}
}

// Plant plants a canary and writes it into the manifest. Taken tells which ids
// are in use besides; nil means none.
func (m *Manifest) Plant(k Kind, path string, now time.Time, taken func(id string) bool) (Planted, error) {
	if taken == nil {
		taken = func(string) bool { return false }
	}
	p, err := place(k, path, now)
	if err != nil {
		return Planted{}, fmt.Errorf("planting %s canary at %q: %w", k.Type, path, err)
	}
	p.ID, p.Type, p.Planted = m.free(k.Type, taken), k.Type, now.UTC()
	m.Canaries = append(m.Canaries, p)
	return p, nil
}

// Remove takes a canary away, if it is still what was planted or with force,
// and out of the manifest. The error is ErrGone where somebody else took it
// away, and it is out of the manifest all the same.
func (m *Manifest) Remove(id string, force bool) error {
	i := slices.IndexFunc(m.Canaries, func(p Planted) bool { return p.ID == id })
	if i < 0 {
		return fmt.Errorf("there is no canary %q in the manifest; picket canary list shows them", id)
	}
	p := m.Canaries[i]
	err := takeAway(p, force)
	if err == nil || errors.Is(err, ErrGone) {
		m.Canaries = slices.Delete(m.Canaries, i, i+1)
	}
	if err != nil {
		return fmt.Errorf("removing canary %q at %q: %w", id, p.Path, err)
	}
	return nil
}

// State is what became of a planted canary, found without opening it: "ok",
// "changed" or "gone".
func (p Planted) State() string { return state(p) }

// readFile reads a file of limited size.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%q is larger than %d bytes", path, maxFile)
	}
	return data, err
}

// replaceFile replaces a file in one step. With old it keeps the owner and the
// mode of the old one, else only its owner may read it.
func replaceFile(path string, data []byte, old fs.FileInfo) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	defer os.Remove(f.Name()) // gone already where all went well
	_, err = f.Write(data)
	if old != nil {
		err = errors.Join(err, keepOwner(f, old), f.Chmod(old.Mode().Perm()))
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}
