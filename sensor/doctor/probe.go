//go:build linux

package doctor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// orReal puts the real questions where a test put none.
func (p probes) orReal() probes {
	real := probes{
		release: kernelRelease, uid: os.Geteuid, files: maxOpen, synced: clockSynced, inotify: tryInotify,
		connector: tryConnector, audit: sync.OnceValue(tryAudit), fanotify: tryFanotify, dial: dial,
	}
	if p.release == nil {
		return real
	}
	return p
}

func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// maxOpen is the limit in force: Go raises the soft one to the hard one when a
// program starts.
func maxOpen() uint64 {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0
	}
	return r.Cur
}

func clockSynced() (bool, error) {
	var t unix.Timex
	status, err := unix.Adjtimex(&t)
	return err == nil && status != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, err
}

func tryInotify() error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func dial(path string) error {
	c, err := net.Dial("unix", path)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			return op.Err
		}
		return err
	}
	return c.Close()
}

// tryFanotify asks for events with the process that made them, and marks the
// root folder for a moment. Source: fanotify_init(2).
func tryFanotify() error {
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.FanotifyMark(fd, unix.FAN_MARK_ADD|unix.FAN_MARK_ONLYDIR, unix.FAN_OPEN, unix.AT_FDCWD, "/")
}

func fanotify(h *host) *Finding {
	err := h.probes.fanotify()
	switch {
	case err == nil:
		return yes("fanotify can say who opened a canary")
	case errors.Is(err, unix.EPERM):
		return no("fanotify needs CAP_SYS_ADMIN (or a descriptor that was handed down): only the audit, or a look at open files in time, can say who touched a canary",
			"audit rules do the same with less: see audit and audit_rules")
	}
	return no(fmt.Sprintf("fanotify cannot be had (%v)", err), "a kernel with CONFIG_FANOTIFY")
}
