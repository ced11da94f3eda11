//go:build linux

package proc

import "golang.org/x/sys/unix"

// Whole reads a file of the proc file system, at most max bytes; more says
// that it goes on.
func (fs *FS) Whole(name string, max int) (data []byte, more bool, err error) {
	fd, err := unix.Openat(fs.fd, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, false, err
	}
	defer unix.Close(fd)
	buf := make([]byte, min(16<<10, max+1))
	for n := 0; ; {
		k, err := readAll(fd, buf[n:])
		n += k
		switch {
		case err != nil:
			return nil, false, err
		case n > max:
			return buf[:max], true, nil
		case n < len(buf):
			return buf[:n], false, nil
		}
		buf = append(buf, make([]byte, min(len(buf), max+1-len(buf)))...)
	}
}
