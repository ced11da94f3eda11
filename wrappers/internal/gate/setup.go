//go:build linux

package gate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"picket.internal/envelope"
	"picket.internal/strictjson"
	"picket.internal/wrappers/internal/action"
)

// publicKeyFile is where the public half of the wrapper's key lies for everyone.
const publicKeyFile = "etc/picket/wrapper.pub"

// Setup makes what a gate needs to begin: its folder, its key, and the state of
// a host that has seen nothing yet. What is there stays: a second time it only
// writes the public key again. Opening never makes any of this, so that the loss
// of it is an error.
func Setup(root string) (public envelope.PublicKey, err error) {
	if err := os.Mkdir(action.Root{Dir: root}.State(), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return public, err
	}
	state, err := openFolder(root, action.StateDir)
	if err != nil {
		return public, err
	}
	defer state.f.Close()
	key, err := readKey(state)
	if errors.Is(err, os.ErrNotExist) {
		if key, err = envelope.GenerateKey(); err == nil {
			err = state.create(keyFile, key.MarshalPEM())
		}
	}
	if err != nil {
		return public, err
	}
	first, err := strictjson.Encode(memory{V: 1})
	if err == nil {
		err = state.create(memoryFile, first)
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return public, err
	}
	return key.Public(), publish(root, key.Public())
}

// readKey reads the key that receipts are signed with, which nobody but root may
// be able to read.
func readKey(state folder) (envelope.PrivateKey, error) {
	f, err := state.open(keyFile)
	if err != nil {
		return envelope.PrivateKey{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = action.Refuse("trust.bad_owner", "%s can be read by others: chmod 0600 %s", f.Name(), f.Name())
	}
	if err != nil {
		return envelope.PrivateKey{}, err
	}
	data, err := action.Read(f, 4<<10)
	if err != nil {
		return envelope.PrivateKey{}, err
	}
	key, err := envelope.ParsePrivateKey(data)
	if err != nil {
		return envelope.PrivateKey{}, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return key, nil
}

func publish(root string, key envelope.PublicKey) error {
	etc, err := openFolder(root, filepath.Dir(publicKeyFile))
	if err != nil {
		return err
	}
	defer etc.f.Close()
	if err := etc.replace(filepath.Base(publicKeyFile), []byte(key.String()+"\n")); err != nil {
		return err
	}
	if err := unix.Fchmodat(int(etc.f.Fd()), filepath.Base(publicKeyFile), 0o644, 0); err != nil {
		return fmt.Errorf("chmod /%s: %w", publicKeyFile, err)
	}
	return nil
}
