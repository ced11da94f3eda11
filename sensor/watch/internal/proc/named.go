//go:build linux

package proc

import (
	"os"
	"path"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/sensor/watch/internal/digest"
	"picket.internal/sensor/watch/internal/patience"
)

// lookupPatience is how long a name may take to be looked up that the kernel
// does not have at hand.
const lookupPatience = 100 * time.Millisecond

// File is a regular file that a process can name, found as the process would
// find it. It is held on to, but not yet open for reading.
type File struct {
	Image
	held *os.File
}

// Close lets go of the file.
func (f *File) Close() { f.held.Close() }

// Open opens the file for reading. Callers ask Slow before.
func (f *File) Open() (*os.File, error) {
	return os.OpenFile("/proc/self/fd/"+strconv.Itoa(int(f.held.Fd())), os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
}

// Find finds the regular file that name means to the process: from its root,
// or from its current directory, the text of which is cwd.
func (d *Dir) Find(name, cwd string) (*File, error) {
	if name == "" || len(name) > 4096 {
		return nil, unix.ENOENT
	}
	if name[0] != '/' {
		if f, err := d.find("cwd", name, unix.RESOLVE_BENEATH); err != unix.EXDEV {
			return f, err
		}
		name = path.Join(cwd, name) // it leads out of the directory
	}
	return d.find("root", name, unix.RESOLVE_IN_ROOT)
}

func (d *Dir) find(base, name string, resolve uint64) (*File, error) {
	dir, err := unix.Openat(d.fd, base, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, gone(err)
	}
	from := os.NewFile(uintptr(dir), base)
	resolve |= unix.RESOLVE_NO_MAGICLINKS
	fd, err := openPath(from, name, resolve|resolveCached)
	if err == unix.EAGAIN {
		fd, err = d.fs.wait(from, name, resolve)
	} else {
		from.Close()
	}
	if err != nil {
		return nil, err
	}
	var st unix.Statx_t
	err = unix.Statx(int(fd.Fd()), "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = unix.EINVAL
	}
	if err != nil {
		fd.Close()
		return nil, err
	}
	return &File{Image: Image{File: digest.KeyOfStatx(&st), Links: st.Nlink, Mount: st.Mnt_id}, held: fd}, nil
}

// wait looks a name up that may have to be asked of a server, and not for
// long. What comes too late is closed when it is collected.
func (fs *FS) wait(from *os.File, name string, resolve uint64) (*os.File, error) {
	type answer struct {
		fd  *os.File
		err error
	}
	a, ok := patience.Do(fs.gate, lookupPatience, func() answer {
		defer from.Close()
		fd, err := openPath(from, name, resolve)
		return answer{fd, err}
	})
	if !ok {
		return nil, unix.ETIMEDOUT
	}
	return a.fd, a.err
}

func openPath(from *os.File, name string, resolve uint64) (*os.File, error) {
	fd, err := unix.Openat2(int(from.Fd()), name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: resolve})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}
