package envelope

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// maxKeyFile is more than any key file of ours needs.
const maxKeyFile = 4 << 10

// LoadPrivateKey reads a key file. It refuses one that anyone but the owner may
// read or write: such a key may be someone else's by now.
func LoadPrivateKey(path string) (PrivateKey, error) {
	f, err := os.Open(path)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("loading key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return PrivateKey{}, fmt.Errorf("loading key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return PrivateKey{}, fmt.Errorf("loading key: %w", fail(ErrKeyMalformed, "%s is no regular file", path))
	}
	// Windows keeps rights in access control lists, which these bits do not show.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return PrivateKey{}, fmt.Errorf("loading key: %w", fail(ErrKeyExposed, "others may use %s (mode %04o): chmod 600 %s", path, info.Mode().Perm(), path))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return PrivateKey{}, fmt.Errorf("loading key: %w", err)
	}
	if len(text) > maxKeyFile {
		return PrivateKey{}, fmt.Errorf("loading key: %w", fail(ErrKeyMalformed, "%s is over %d bytes", path, maxKeyFile))
	}
	key, err := ParsePrivateKey(text)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("loading key %s: %w", path, err)
	}
	return key, nil
}

// CreatePrivateKey makes a key and a new file for it, mode 0600, on disk before
// it returns. A file that exists is left alone and is an error.
//
// Order: openat(O_CREAT|O_EXCL, 0600), write, fsync(file), close, fsync(folder).
func CreatePrivateKey(path string) (PrivateKey, error) {
	key, err := GenerateKey()
	if err != nil {
		return PrivateKey{}, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("creating key: %w", err)
	}
	_, err = f.Write(key.MarshalPEM())
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		os.Remove(path) // half a key is of no use to anyone
		return PrivateKey{}, fmt.Errorf("creating key: %w", err)
	}
	return key, nil
}

// syncFolder makes a new name durable. Windows has no such call and needs none.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
