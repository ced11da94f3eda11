//go:build linux

// Package regular opens what should be a regular file on a host where it may
// be anything: a FIFO that never answers, a device, a file of any size. It
// must never block in open and never read more than it was told.
package regular

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrNotRegular says that a path leads to something other than a file.
var ErrNotRegular = errors.New("not a regular file")

// ErrTooLarge says that a file is over the size that was asked for.
var ErrTooLarge = errors.New("file too large")

// Open opens the regular file at path and returns its status with it.
func Open(path string) (*os.File, *unix.Stat_t, error) {
	// O_NONBLOCK keeps a FIFO without a writer from holding us in open.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, nil, &os.PathError{Op: "fstat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return nil, nil, fmt.Errorf("%q: %w", path, ErrNotRegular)
	}
	return os.NewFile(uintptr(fd), path), &st, nil
}

// Read returns the content of the regular file at path, at most max bytes.
func Read(path string, max int64) ([]byte, *unix.Stat_t, error) {
	f, st, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, nil, err
	}
	if int64(len(data)) > max {
		return nil, nil, fmt.Errorf("%q: over %d bytes: %w", path, max, ErrTooLarge)
	}
	return data, st, nil
}
