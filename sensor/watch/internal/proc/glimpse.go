//go:build linux

package proc

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Glimpse reads what names a process, the most telling first, for a process
// that may end at any moment. Complete reads the rest.
func (d *Dir) Glimpse() (*Reading, error) {
	var buf [1024]byte
	s, err := d.Stat(buf[:])
	if err != nil {
		return nil, err
	}
	r := &Reading{PID: d.PID, Stat: s, Pin: NoPin}
	if !s.Kernel() && !s.Ended() {
		r.readImage(d)
	}
	r.readStatus(d)
	return r, nil
}

// Complete adds to a glimpse what can still be read. Arguments that no look
// afterwards confirms to be of the glimpse's image are left out; Unreadable says
// args:exec where the process executes another one by then. It may wait for the process: only a goroutine that nobody waits for may call it.
func (d *Dir) Complete(r *Reading) {
	if r.Kernel() || r.Ended() {
		return
	}
	var buf [MaxArgBytes + 1]byte
	n, err := d.fs.file(d.fd, "cmdline", buf[:])
	if err == nil {
		r.Args, r.ArgsCut = ParseArgs(append([]byte(nil), buf[:n]...), n > MaxArgBytes)
	}
	r.note("args", gone(err))
	switch after, err := d.Stat(buf[:]); {
	case r.Ending(): // it executes nothing any more
	case err != nil:
		r.Args, r.ArgsCut = nil, false // nothing confirms that they are the glimpse's
	case !after.SameImage(&r.Stat):
		r.Args, r.ArgsCut = nil, false
		r.Unreadable = append(r.Unreadable, "args:exec")
	}
	r.Cwd, err = d.Cwd()
	r.note("cwd", err)
	if r.Container, r.Unit, err = d.Cgroup(); err != nil {
		r.note("cgroup", err)
	}
}

// Pin is an image that is held on to, so that it can still be read when its
// process is gone. Taking one never asks a server or a FUSE daemon.
type Pin struct{ fd int }

// NoPin holds on to nothing.
var NoPin = Pin{-1}

// Held tells whether it holds on to something.
func (p Pin) Held() bool { return p.fd >= 0 }

// PinExe holds on to the image that the process runs.
func (d *Dir) PinExe() (Pin, error) {
	fd, err := unix.Openat(d.fd, "exe", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return NoPin, gone(err)
	}
	return Pin{fd}, nil
}

// Open opens the image for reading. Callers ask Slow before.
func (p Pin) Open() (*os.File, error) {
	fd, err := unix.Open("/proc/self/fd/"+strconv.Itoa(p.fd), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "exe"), nil
}

// Close lets go of the image.
func (p Pin) Close() {
	if p.fd >= 0 {
		unix.Close(p.fd)
	}
}

// Descriptors appends the numbers of the process's open descriptors; buf is
// read into.
func (d *Dir) Descriptors(fds []int32, buf []byte) ([]int32, error) {
	fd, err := unix.Openat(d.fd, "fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fds, gone(err)
	}
	defer unix.Close(fd)
	n, err := unix.Getdents(fd, buf)
	if err != nil {
		return fds, gone(err)
	}
	return parseNumbers(fds, buf[:max(n, 0)], 0), nil
}

// Leader is the process that a thread belongs to.
func (d *Dir) Leader() (int32, error) {
	var buf [512]byte
	n, err := d.fs.file(d.fd, "status", buf[:])
	if err != nil {
		return 0, gone(err)
	}
	return parseLeader(buf[:n])
}
