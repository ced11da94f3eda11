//go:build linux

package proc

import (
	"os"

	"golang.org/x/sys/unix"

	"picket.internal/sensor/watch/internal/digest"
	"picket.internal/sensor/watch/internal/patience"
)

// Dir is one process, for good: should its number be given to another one,
// the Dir answers ErrGone.
type Dir struct {
	PID int32
	fd  int
	fs  *FS

	hold bool
}

// Hold makes readings hold on to the image of the process, for hashing that
// begins when it is gone. Whoever reads then has to release the reading.
func (d *Dir) Hold() { d.hold = true }

// Close lets go of the process.
func (d *Dir) Close() { unix.Close(d.fd) }

// Stat reads what the kernel keeps of the process. buf should hold 1 KiB.
func (d *Dir) Stat(buf []byte) (Stat, error) {
	n, err := d.fs.short(d.fd, "stat", buf)
	if err != nil {
		return Stat{}, gone(err)
	}
	return ParseStat(buf[:n])
}

// IDs reads the owners of the process.
func (d *Dir) IDs() (IDs, error) {
	var buf [1024]byte // the lines that matter are among the first ten
	n, err := d.fs.short(d.fd, "status", buf[:])
	if err != nil {
		return IDs{}, gone(err)
	}
	return ParseIDs(buf[:n])
}

// Cgroup reads the container and the unit that the process is in.
func (d *Dir) Cgroup() (container, unit string, err error) {
	var buf [8192]byte
	n, err := d.fs.file(d.fd, "cgroup", buf[:])
	if err != nil {
		return "", "", gone(err)
	}
	container, unit = ParseCgroup(buf[:n])
	return container, unit, nil
}

// Args reads the arguments, but does not wait long for them: they lie in the
// memory of the process. The error is then unix.ETIMEDOUT.
func (d *Dir) Args() (args [][]byte, cut bool, err error) {
	type answer struct {
		data []byte
		err  error
	}
	fd, err := unix.Openat(d.fd, "cmdline", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, false, gone(err)
	}
	a, ok := patience.Do(d.fs.gate, argsPatience, func() answer {
		defer unix.Close(fd) // whoever reads it last lets go of it
		buf := make([]byte, MaxArgBytes+1)
		n, err := readAll(fd, buf)
		return answer{buf[:n], err}
	})
	if !ok {
		return nil, false, unix.ETIMEDOUT
	}
	if a.err != nil {
		return nil, false, gone(a.err)
	}
	args, cut = ParseArgs(a.data, len(a.data) > MaxArgBytes)
	return args, cut, nil
}

// Image is the file that a process runs, as the kernel's link to it tells.
type Image struct {
	Text  string     // the link's text, raw bytes
	File  digest.Key // the file behind the link
	Links uint32     // its names in the file system
	Mount uint64     // the mount it was opened through, 0 where the kernel does not say
}

// Exe reads what the process runs. Kernel threads and processes that ended
// have none: the error is ErrGone then.
func (d *Dir) Exe() (Image, error) {
	var buf [4096]byte
	n, err := unix.Readlinkat(d.fd, "exe", buf[:])
	if err != nil {
		return Image{}, gone(err)
	}
	im, err := d.ExeFile()
	im.Text = string(buf[:n])
	return im, err
}

// ExeFile is Exe without the text.
func (d *Dir) ExeFile() (Image, error) { return statImage(d.fd, "exe") }

func statImage(dir int, name string) (Image, error) {
	var st unix.Statx_t
	// Not to wait for a server or a FUSE daemon: their files are told by the
	// attributes that the kernel has at hand.
	err := unix.Statx(dir, name, unix.AT_STATX_DONT_SYNC, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &st)
	if err != nil {
		return Image{}, gone(err)
	}
	im := Image{File: digest.KeyOfStatx(&st), Links: st.Nlink}
	if st.Mask&unix.STATX_MNT_ID != 0 {
		im.Mount = st.Mnt_id
	}
	return im, nil
}

// OpenExe opens the image that the process runs. Callers ask Slow first.
func (d *Dir) OpenExe() (*os.File, error) {
	fd, err := unix.Openat(d.fd, "exe", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, gone(err)
	}
	return os.NewFile(uintptr(fd), "exe"), nil
}

// Cwd reads the current directory's path, raw bytes.
func (d *Dir) Cwd() (string, error) {
	var buf [4096]byte
	n, err := unix.Readlinkat(d.fd, "cwd", buf[:])
	if err != nil {
		return "", gone(err)
	}
	return string(buf[:n]), nil
}

// Owner is the owner of the process's folder: its effective user, or root
// where the process may not be looked into by its own user. One call instead
// of the eight times dearer status.
func (d *Dir) Owner() (uint32, error) {
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		return 0, gone(err)
	}
	return st.Uid, nil
}

// Target is the file behind a descriptor of the process, "fd/3" or so. The
// error is ErrGone where there is no such descriptor.
func (d *Dir) Target(fd string) (dev, inode uint64, err error) {
	var st unix.Statx_t
	if err := unix.Statx(d.fd, fd, unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st); err != nil {
		return 0, 0, gone(err)
	}
	return unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino, nil
}

func readAll(fd int, buf []byte) (int, error) {
	for n := 0; n < len(buf); {
		k, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return n, err
		}
		if k <= 0 {
			return n, nil
		}
		n += k
	}
	return len(buf), nil
}
