//go:build linux

package proc

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// Socket is the inode of the socket behind a descriptor of the process, as in
// "fd/3"; ok is false where it is none. It reads the kernel's link and never
// goes where it leads. Source: proc_pid_fd(5).
func (d *Dir) Socket(fd string) (inode uint64, ok bool) {
	var buf [64]byte
	n, err := unix.Readlinkat(d.fd, fd, buf[:])
	if err != nil {
		return 0, false
	}
	return parseSocket(buf[:n])
}

// parseSocket reads a link's text, as in "socket:[4711]". The path of a file
// begins with a slash.
func parseSocket(link []byte) (inode uint64, ok bool) {
	rest, ok := bytes.CutPrefix(link, []byte("socket:["))
	if !ok {
		return 0, false
	}
	number, ok := bytes.CutSuffix(rest, []byte("]"))
	if !ok {
		return 0, false
	}
	return ParseUint(number)
}
