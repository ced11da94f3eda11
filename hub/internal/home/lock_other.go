//go:build !unix

package home

import (
	"fmt"
	"os"
)

// Lock keeps a second hub from serving the folder, as far as the system lets
// it: an open file cannot be removed here.
func (h *Home) Lock() (release func() error, err error) { return lock(h.Dir.lock()) }

// LockKeys keeps two changes of the folder's keys from each other, likewise.
func LockKeys(dir Dir) (release func() error, err error) { return lock(dir.keysLock()) }

func lock(path string) (release func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking %q: %w", path, err)
	}
	return f.Close, nil
}
