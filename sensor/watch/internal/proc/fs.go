//go:build linux

package proc

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/sensor/watch/internal/patience"
)

// ErrGone says that the process ended.
var ErrGone = errors.New("process is gone")

const (
	// argsPatience is how long a process may keep us waiting for its
	// arguments: they lie in its own memory, and a process whose memory map
	// is locked keeps every reader waiting.
	argsPatience = 500 * time.Millisecond
	// maxWaiting is how many such reads may be left behind.
	maxWaiting = 16
)

// FS is a mounted proc file system.
type FS struct {
	fd      int
	root    string
	gate    *patience.Gate
	mounts  mounts
	memfd   func() (dev uint64, ok bool)
	own     sync.Once
	lastCap sync.Once
	last    int  // capability that the kernel knows
	isOwn   bool // it lists the processes of the sensor's own pid namespace
}

// Open opens the proc file system at root; "" means /proc.
func Open(root string) (*FS, error) {
	if root == "" {
		root = "/proc"
	}
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening proc: %w", &os.PathError{Op: "open", Path: root, Err: err})
	}
	return &FS{fd: fd, root: root, gate: patience.NewGate(maxWaiting), memfd: sync.OnceValues(memfdDevice)}, nil
}

// Close lets go of the file system.
func (fs *FS) Close() error { return unix.Close(fs.fd) }

// Waiting is how many reads of arguments have not come back.
func (fs *FS) Waiting() int64 { return fs.gate.Lost() }

// Pids appends the process ids that there are to pids; buf is read into and
// should hold 32 KiB.
func (fs *FS) Pids(pids []int32, buf []byte) ([]int32, error) {
	fd, err := unix.Openat(fs.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return pids, fmt.Errorf("listing processes: %w", err)
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Getdents(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return pids, fmt.Errorf("listing processes: %w", err)
		}
		if n <= 0 {
			return pids, nil
		}
		pids = parsePids(pids, buf[:n])
	}
}

// Own tells whether the file system lists the processes of the sensor's own
// pid namespace.
func (fs *FS) Own() bool {
	fs.own.Do(func() {
		var buf [32]byte
		n, err := unix.Readlinkat(fs.fd, "self", buf[:])
		fs.isOwn = err == nil && string(buf[:n]) == strconv.Itoa(os.Getpid())
	})
	return fs.isOwn
}

// Activity is what changes whenever a process or a thread begins or ends: the
// id given out last, and how many there are. ok is false where it cannot be
// had, or is not about the processes that this file system lists.
func (fs *FS) Activity() (a Activity, ok bool) {
	if !fs.Own() {
		return Activity{}, false
	}
	var buf [128]byte
	n, err := fs.file(fs.fd, "loadavg", buf[:])
	if err != nil {
		return Activity{}, false
	}
	return parseActivity(buf[:n])
}

// Peek looks at a process by its number, in two calls and without opening it:
// the status of its image, and the owner of its folder. Nothing says that both
// are of one process; who sees a difference opens it and looks again.
func (fs *FS) Peek(pid int32) (im Image, owner uint32, imErr, err error) {
	name := strconv.Itoa(int(pid))
	var st unix.Statx_t
	if err := unix.Statx(fs.fd, name, unix.AT_STATX_DONT_SYNC, unix.STATX_UID, &st); err != nil {
		return Image{}, 0, nil, gone(err)
	}
	im, imErr = statImage(fs.fd, name+"/exe")
	return im, st.Uid, imErr, nil
}

// File reads a file of the proc file system into buf and returns what fits.
func (fs *FS) File(name string, buf []byte) ([]byte, error) {
	n, err := fs.file(fs.fd, name, buf)
	return buf[:n], err
}

// file reads what fits into buf.
func (fs *FS) file(dir int, name string, buf []byte) (int, error) {
	// O_NONBLOCK: on a fixture, or under a hostile mount, this may be a FIFO.
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	for n := 0; n < len(buf); {
		k, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, err
		}
		if k <= 0 {
			return n, nil
		}
		n += k
	}
	return len(buf), nil
}

// short reads a file that the kernel gives whole to one read, where it fits.
func (fs *FS) short(dir int, name string, buf []byte) (int, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		return max(n, 0), err
	}
}

// Dir opens a process. ErrGone says that there is none.
func (fs *FS) Dir(pid int32) (*Dir, error) {
	fd, err := unix.Openat(fs.fd, strconv.Itoa(int(pid)), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, gone(err)
	}
	return &Dir{PID: pid, fd: fd, fs: fs}, nil
}

// gone turns the kernel's words for a process that ended into ErrGone.
func gone(err error) error {
	if err == unix.ENOENT || err == unix.ESRCH {
		return ErrGone
	}
	return err
}
