package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Dir is the folder in which one hub and one sensor live.
//
//	DIR/lock            held while a command runs here; names its pid
//	DIR/profile.json    how client commands reach the hub
//	DIR/hub/            the hub's own folder
//	DIR/sensor/         the sensor's key, state and configuration
//	DIR/canaries/       the planted files
//	DIR/canaries.json   which canaries were planted, and where
//	DIR/logs/           what hub and sensor wrote to standard error
type Dir string

// newSuffix marks a folder that is still being made. It gets its real name
// when it is complete, so that a crash leaves either nothing or all of it.
const newSuffix = ".new"

func (d Dir) lock() string         { return filepath.Join(string(d), "lock") }
func (d Dir) hub() string          { return filepath.Join(string(d), "hub") }
func (d Dir) sensor() string       { return filepath.Join(string(d), "sensor") }
func (d Dir) canaries() string     { return filepath.Join(string(d), "canaries") }
func (d Dir) canaryList() string   { return filepath.Join(string(d), "canaries.json") }
func (d Dir) logs() string         { return filepath.Join(string(d), "logs") }
func (d Dir) log(of string) string { return filepath.Join(d.logs(), of+".log") }

// prepare makes the folder, or checks that an existing one is ours to use,
// and returns it with an absolute path.
func (d Dir) prepare() (Dir, error) {
	abs, err := filepath.Abs(string(d))
	if err != nil {
		return "", fmt.Errorf("finding %q: %w", string(d), err)
	}
	d = Dir(abs)
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return "", fmt.Errorf("making %q: %w", abs, err)
	}
	if err := d.check(); err != nil {
		return "", err
	}
	for _, sub := range []string{d.canaries(), d.logs()} {
		if err := os.Mkdir(sub, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("making %q: %w", sub, err)
		}
	}
	return d, nil
}

// check refuses a folder that others may change, because whoever changes it
// decides what is run and believed here, and a folder of somebody's own
// files, because Picket's would get lost among them.
func (d Dir) check() error {
	info, err := os.Stat(string(d))
	if err != nil {
		return fmt.Errorf("looking at %q: %w", string(d), err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%q may be changed by others; run chmod go-w %s, or choose another --dir", string(d), quoteArg(string(d)))
	}
	if uid, ok := ownerOf(info); ok && uid != os.Geteuid() {
		return fmt.Errorf("%q belongs to user %d, not to you; choose another --dir", string(d), uid)
	}
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return fmt.Errorf("reading %q: %w", string(d), err)
	}
	for _, e := range entries {
		if ours(e.Name()) {
			return nil
		}
	}
	if len(entries) > 0 {
		return fmt.Errorf("%q holds files that picket did not make; choose an empty folder with --dir", string(d))
	}
	return nil
}

// ours tells whether an entry of a Dir is one that picket makes there.
func ours(name string) bool {
	switch strings.TrimSuffix(name, newSuffix) {
	case "lock", "profile.json", "hub", "sensor", "canaries", "canaries.json", "logs":
		return true
	}
	return false
}

// complete makes a folder in one step: make fills a new one beside it, which
// then gets the real name. A folder that has the name already is left as it
// is, and what a crash left half made is made anew.
func complete(dir string, make func(dir string) error) error {
	switch _, err := os.Lstat(dir); {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("looking at %q: %w", dir, err)
	}
	half := dir + newSuffix
	if err := os.RemoveAll(half); err != nil {
		return fmt.Errorf("removing half-made %q: %w", half, err)
	}
	if err := make(half); err != nil {
		return err
	}
	if err := os.Rename(half, dir); err != nil {
		return fmt.Errorf("completing %q: %w", dir, err)
	}
	return syncDir(filepath.Dir(dir))
}

// writeFile replaces a file in one step, so that a crash leaves the old one
// or the new one: write beside, fsync, rename, fsync the folder.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	defer os.Remove(f.Name()) // gone already where all went well
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing %q: %w", dir, err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("syncing %q: %w", dir, err)
	}
	return nil
}

// quoteArg writes a path so that it can be pasted into a shell.
func quoteArg(s string) string {
	plain := strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+,:@%=", r))
	}) < 0
	if plain && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
