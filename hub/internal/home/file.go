package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"picket.internal/strictjson"
	"picket.internal/wire"
)

// WriteNew writes a file that must not be there yet, for its owner only, and
// returns once it is on the disk.
//
// Order: openat(O_CREAT|O_EXCL, 0600), write, fsync(file), close, fsync(folder).
func WriteNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(path)
		return err
	}
	return syncDir(filepath.Dir(path))
}

// replace writes a file anew in one step: a crash leaves the old one or the new
// one. Order: write beside, fsync, rename, fsync(folder).
func replace(path string, data []byte) error {
	beside := path + ".new"
	if err := os.Remove(beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := WriteNew(beside, data); err != nil {
		return err
	}
	if err := os.Rename(beside, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// profile is profile.json, as client commands read it.
type profile struct {
	Token string `json:"token"`
}

// WriteProfile leaves an access token in the folder.
func (h *Home) WriteProfile(t *wire.AccessToken) error {
	text, err := strictjson.Encode(profile{t.String()})
	if err == nil {
		err = WriteNew(h.Dir.Profile(), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("writing profile: %w", err)
	}
	return nil
}

// UpdateProfile makes the folder's profile name the address at which the hub
// really listens, and the TLS keys that it has now. A folder without one, or with
// one for another hub, is left alone: a person put it there.
func (h *Home) UpdateProfile(address string) error {
	text, err := os.ReadFile(h.Dir.Profile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading profile: %w", err)
	}
	var p profile
	if err := strictjson.Decode(text, strictjson.Limits{Bytes: 16 << 10}, &p, func(string) {}); err != nil {
		return fmt.Errorf("malformed %q: %w", h.Dir.Profile(), err)
	}
	t, err := wire.ParseAccessToken(p.Token)
	if err != nil {
		return fmt.Errorf("malformed %q: %w", h.Dir.Profile(), err)
	}
	if len(t.Pins) == 0 || !h.knows(t.Pins[0]) || t.Address == address && slices.Equal(t.Pins, h.Pins) {
		return nil
	}
	t.Address, t.Pins = address, h.Pins
	if text, err = strictjson.Encode(profile{t.String()}); err == nil {
		err = replace(h.Dir.Profile(), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("writing profile: %w", err)
	}
	return nil
}
