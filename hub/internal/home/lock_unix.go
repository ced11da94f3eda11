//go:build unix

package home

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"picket.internal/hub/internal/fault"
)

// Lock keeps a second hub from serving the folder. The kernel lets go of it
// when the process ends, however it ends.
func (h *Home) Lock() (release func() error, err error) {
	f, err := os.OpenFile(h.Dir.lock(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking %q: %w", string(h.Dir), err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		pid, _ := os.ReadFile(h.Dir.lock())
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fault.InUse.With("another picket-hub serves %q (pid %.20q)", string(h.Dir), strings.TrimSpace(string(pid)))
		}
		return nil, fmt.Errorf("locking %q: %w", string(h.Dir), err)
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
		return nil, fmt.Errorf("locking %q: %w", string(h.Dir), err)
	}
	return f.Close, nil
}
