package peer

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// User is the user of the process at the other end: of whoever connected, or of
// whoever listens. The kernel notes it at connect(2) and listen(2); nobody can
// change it. Source: unix(7) SO_PEERCRED.
func User(c *net.UnixConn) (uid uint32, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("asking who the other side is: %w", err)
	}
	var cred *unix.Ucred
	if e := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); e != nil {
		err = e
	}
	if err != nil {
		return 0, fmt.Errorf("asking who the other side is: %w", err)
	}
	return cred.Uid, nil
}
