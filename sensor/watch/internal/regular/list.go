//go:build linux

package regular

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// List returns the entries of the folder at path in no order, at most max of
// them; more says that there are others.
func List(path string, max int) (entries []os.DirEntry, more bool, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	for len(entries) <= max {
		some, err := f.ReadDir(min(max+1-len(entries), 1024))
		entries = append(entries, some...)
		if errors.Is(err, io.EOF) || (err == nil && len(some) == 0) {
			return entries, false, nil
		}
		if err != nil {
			return entries, false, err
		}
	}
	return entries[:max], true, nil
}
