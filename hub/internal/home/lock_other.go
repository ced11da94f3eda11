//go:build !unix

package home

import (
	"fmt"
	"os"
)

// Lock keeps a second hub from serving the folder, as far as the system lets
// it: an open file cannot be removed here.
func (h *Home) Lock() (release func() error, err error) {
	f, err := os.OpenFile(h.Dir.lock(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking %q: %w", string(h.Dir), err)
	}
	return f.Close, nil
}
