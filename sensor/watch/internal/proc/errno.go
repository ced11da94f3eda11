//go:build linux

package proc

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// ErrnoName is the name of an error that looking at files and processes can
// end in, as in "EACCES"; of others the number. x/sys/unix knows all names, and
// is 8 kB larger for it.
func ErrnoName(errno unix.Errno) string {
	switch errno {
	case unix.EPERM:
		return "EPERM"
	case unix.ENOENT:
		return "ENOENT"
	case unix.ESRCH:
		return "ESRCH"
	case unix.EINTR:
		return "EINTR"
	case unix.EIO:
		return "EIO"
	case unix.ENXIO:
		return "ENXIO"
	case unix.E2BIG:
		return "E2BIG"
	case unix.EBADF:
		return "EBADF"
	case unix.EAGAIN:
		return "EAGAIN"
	case unix.ENOMEM:
		return "ENOMEM"
	case unix.EACCES:
		return "EACCES"
	case unix.EFAULT:
		return "EFAULT"
	case unix.EBUSY:
		return "EBUSY"
	case unix.ENODEV:
		return "ENODEV"
	case unix.ENOTDIR:
		return "ENOTDIR"
	case unix.EISDIR:
		return "EISDIR"
	case unix.EINVAL:
		return "EINVAL"
	case unix.ENFILE:
		return "ENFILE"
	case unix.EMFILE:
		return "EMFILE"
	case unix.ETXTBSY:
		return "ETXTBSY"
	case unix.EFBIG:
		return "EFBIG"
	case unix.ENOSPC:
		return "ENOSPC"
	case unix.EROFS:
		return "EROFS"
	case unix.ENAMETOOLONG:
		return "ENAMETOOLONG"
	case unix.ENOSYS:
		return "ENOSYS"
	case unix.ELOOP:
		return "ELOOP"
	case unix.ENODATA:
		return "ENODATA"
	case unix.EBADMSG:
		return "EBADMSG"
	case unix.EOVERFLOW:
		return "EOVERFLOW"
	case unix.ENOTSUP:
		return "ENOTSUP"
	case unix.ENOBUFS:
		return "ENOBUFS"
	case unix.ENOTCONN:
		return "ENOTCONN"
	case unix.ETIMEDOUT:
		return "ETIMEDOUT"
	case unix.ECONNREFUSED:
		return "ECONNREFUSED"
	case unix.EHOSTDOWN:
		return "EHOSTDOWN"
	case unix.EHOSTUNREACH:
		return "EHOSTUNREACH"
	case unix.ESTALE:
		return "ESTALE"
	case unix.EREMOTEIO:
		return "EREMOTEIO"
	case unix.EDQUOT:
		return "EDQUOT"
	case unix.ENOKEY:
		return "ENOKEY"
	}
	return "errno " + strconv.Itoa(int(errno))
}
