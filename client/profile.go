package client

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"picket.internal/strictjson"
	"picket.internal/wire"
)

// profileName is the profile's file in its folder.
const profileName = "profile.json"

// maxProfile is far beyond what a token with all its pins takes.
const maxProfile = 16 << 10

// Profile is how a person's commands find the hub without being told.
type Profile struct {
	Token *wire.AccessToken
}

// profileFile is the profile as it is stored.
type profileFile struct {
	Token string `json:"token"`
}

// DefaultDir is where picket up keeps its state and so the profile:
// $PICKET_DIR, else $XDG_STATE_HOME/picket, else ~/.local/state/picket.
func DefaultDir() string {
	if dir := os.Getenv("PICKET_DIR"); dir != "" {
		return dir
	}
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "picket")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(".local", "state", "picket")
	}
	return filepath.Join(home, ".local", "state", "picket")
}

// LoadProfile reads the profile in dir. A file that others may read is
// refused: its token is a password.
func LoadProfile(dir string) (*Profile, error) {
	path := filepath.Join(dir, profileName)
	token, err := readProfile(path)
	if err == nil {
		return &Profile{Token: token}, nil
	}
	e := &Error{Doing: "reading profile", On: path, Err: err}
	var loose *looseError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Fix = "start Picket here with `picket up` (or `make up`), or name its folder with --dir DIR or PICKET_DIR"
	case errors.As(err, &loose):
		e.Fix = "run: chmod 600 " + path
	case errors.Is(err, fs.ErrPermission):
		e.Fix = "run this as the user who started Picket, or name another folder with --dir DIR"
	default:
		e.Fix = "remove it and start `picket up` again; it writes a new one"
	}
	return nil, e
}

// looseError is a secret that more people may read than should.
type looseError struct{ mode fs.FileMode }

func (e *looseError) Error() string {
	return fmt.Sprintf("others may read it (mode %04o), and it holds an access token", e.mode)
}

func readProfile(path string) (*wire.AccessToken, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, &looseError{mode}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxProfile+1))
	if err != nil {
		return nil, err
	}
	var stored profileFile
	if err := strictjson.Decode(data, strictjson.Limits{Bytes: maxProfile}, &stored, func(string) {}); err != nil {
		return nil, err
	}
	return wire.ParseAccessToken(stored.Token)
}

// Save writes the profile into dir, whole or not at all.
func (p *Profile) Save(dir string) error {
	data, err := strictjson.Encode(&profileFile{Token: p.Token.String()})
	if err != nil {
		return fmt.Errorf("encoding profile: %w", err)
	}
	f, err := os.CreateTemp(dir, profileName+".*") // 0600
	if err != nil {
		return fmt.Errorf("writing profile: %w", err)
	}
	defer os.Remove(f.Name()) // fails once it is renamed, as it should
	_, err = f.Write(append(data, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing profile: %w", err)
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, profileName)); err != nil {
		return fmt.Errorf("writing profile: %w", err)
	}
	return nil
}
