package local

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"picket.internal/plant"
	"picket.internal/strictjson"
)

// Canary is a planted file that nobody has a reason to touch.
type Canary struct {
	ID      string    `json:"id"`
	Path    string    `json:"path"`
	Planted time.Time `json:"planted"`
	SHA256  string    `json:"sha256"`
}

// What the canaries are called.
const (
	canaryAWS  = "aws-credentials"
	canarySSH  = "ssh-private-key"
	canaryDump = "customer-database"
)

// canaryPlans are the canaries of one machine: where a thief looks first.
var canaryPlans = []struct {
	id   string
	path string // below DIR/canaries
	mode fs.FileMode
	kind string // of plant.Kinds
}{
	{canaryAWS, "aws/credentials", 0o600, "aws"},
	{canarySSH, "ssh/id_ed25519", 0o600, "ssh"},
	{canaryDump, "backup/customers.sql", 0o640, "dump"},
}

// plant makes the canaries that are missing and returns all of them. Files
// that are there already are left alone, whoever wrote them: a canary is
// never overwritten, and what it holds now is what it is watched for.
func (d Dir) plant(now time.Time) ([]Canary, error) {
	known, err := d.loadCanaries()
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(string(d))
	if err != nil {
		return nil, fmt.Errorf("planting canaries: %w", err)
	}
	defer root.Close()
	var canaries []Canary
	for _, p := range canaryPlans {
		c, ok := known[p.id]
		path := filepath.Join(filepath.Base(d.canaries()), p.path)
		content, fresh, err := plantOne(root, path, p.mode, now, p.kind)
		if err != nil {
			return nil, fmt.Errorf("planting canary %q: %w", p.id, err)
		}
		if fresh || !ok {
			c = Canary{ID: p.id, Planted: now.UTC(), SHA256: sum(content)}
		}
		c.Path = filepath.Join(string(d), path)
		canaries = append(canaries, c)
	}
	data, err := json.MarshalIndent(canaries, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing down canaries: %w", err)
	}
	return canaries, writeFile(d.canaryList(), append(data, '\n'))
}

// loadCanaries reads what earlier runs planted, by id.
func (d Dir) loadCanaries() (map[string]Canary, error) {
	data, err := os.ReadFile(d.canaryList())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading canaries: %w", err)
	}
	var list []Canary
	if err := strictjson.Decode(data, strictjson.Limits{}, &list, func(string) {}); err != nil {
		return nil, fmt.Errorf("reading canaries: malformed %q: %w; remove it, and the list is written anew", d.canaryList(), err)
	}
	known := make(map[string]Canary, len(list))
	for _, c := range list {
		known[c.ID] = c
	}
	return known, nil
}

// plantOne returns the content of the file at path, which it makes where it
// is missing. The root keeps every step below DIR, so that a symlink that
// somebody put there leads nowhere, and link(2) refuses a name that is taken.
func plantOne(root *os.Root, path string, mode fs.FileMode, now time.Time, kind string) (content []byte, fresh bool, err error) {
	switch info, err := root.Lstat(path); {
	case err == nil && info.Mode().IsRegular():
		content, err := root.ReadFile(path)
		return content, false, err
	case err == nil:
		return nil, false, fmt.Errorf("%q is not a regular file; remove it", filepath.Join(root.Name(), path))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, false, err
	}
	k, err := plant.KindOf(kind)
	if err != nil {
		return nil, false, err
	}
	content, age, err := k.Make(now)
	if err != nil {
		return nil, false, err
	}
	if err := root.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, false, err
	}
	defer root.Remove(canaryPart) // the second name, once the first is in place
	if err := writePart(root, mode, content, age); err != nil {
		return nil, false, err
	}
	return content, true, root.Link(canaryPart, path)
}

// canaryPart is what a canary is called while it is written. It lies outside
// the canary folder, where a crash would leave it for all to see.
const canaryPart = "canaries" + newSuffix

// writePart writes a file that looks as if it had been there since age. With
// both times equal, relatime (mount(8)) notes the next read in the access
// time, by which a touch can be found that no event told of.
func writePart(root *os.Root, mode fs.FileMode, content []byte, age time.Time) error {
	if err := root.Remove(canaryPart); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(canaryPart, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return root.Chtimes(canaryPart, age, age)
}

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}
