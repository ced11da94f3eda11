//go:build unix

package home

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"picket.internal/hub/internal/fault"
)

// Lock keeps a second hub from serving the folder. The kernel lets go of it
// when the process ends, however it ends.
func (h *Home) Lock() (release func() error, err error) {
	return lock(h.Dir.lock(), "another picket-hub serves "+strconv.Quote(string(h.Dir)))
}

// LockKeys keeps two changes of the folder's keys from each other. A hub that
// serves the folder is in nobody's way.
func LockKeys(dir Dir) (release func() error, err error) {
	return lock(dir.keysLock(), "another picket-hub changes the keys of "+strconv.Quote(string(dir)))
}

func lock(path, taken string) (release func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking %q: %w", path, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		pid, _ := os.ReadFile(path)
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fault.InUse.With("%s (pid %.20q)", taken, strings.TrimSpace(string(pid)))
		}
		return nil, fmt.Errorf("locking %q: %w", path, err)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil { // a full disk must not keep the hub from starting
		err = f.Truncate(0)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %q: %w", path, err)
	}
	return f.Close, nil
}
