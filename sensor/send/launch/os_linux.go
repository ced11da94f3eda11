package launch

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// noNewPrivileges reports whether this process can never gain a privilege, so
// that sudo would refuse to work. Source: PR_GET_NO_NEW_PRIVS of prctl(2).
func noNewPrivileges() bool {
	set, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	return err == nil && set != 0
}

// listener is the user of the process that listens at the other end, as the
// kernel noted it at listen(2). Source: unix(7) SO_PEERCRED.
func listener(c *net.UnixConn) (uid uint32, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("asking who listens: %w", err)
	}
	var cred *unix.Ucred
	if e := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); e != nil {
		err = e
	}
	if err != nil {
		return 0, fmt.Errorf("asking who listens: %w", err)
	}
	return cred.Uid, nil
}
