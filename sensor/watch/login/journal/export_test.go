//go:build linux

package journal

import "os"

// Rewind goes to the beginning of the open file.
func (fl *Follower) Rewind() { fl.at, fl.again = cursor{}, false }

// Open follows a file that is open already, from its beginning.
func Open(f *os.File, programs []string) (*Follower, error) {
	file, err := openFile(f)
	if err != nil {
		return nil, err
	}
	return &Follower{open: f, file: file, programs: programs, known: make(map[uint64]verdict)}, nil
}
