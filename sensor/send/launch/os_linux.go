package launch

import "golang.org/x/sys/unix"

// noNewPrivileges reports whether this process can never gain a privilege, so
// that sudo would refuse to work. Source: PR_GET_NO_NEW_PRIVS of prctl(2).
func noNewPrivileges() bool {
	set, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	return err == nil && set != 0
}
