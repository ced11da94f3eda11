//go:build linux

package doctor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// netlinkPatience is how long the kernel may take to answer.
const netlinkPatience = 500 * time.Millisecond

var errSilent = errors.New("the kernel does not answer")

// listen opens a netlink socket that hears a group; 0 is none.
func listen(protocol int, group uint32) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return -1, fmt.Errorf("opening socket: %w", err)
	}
	tv := unix.NsecToTimeval(int64(netlinkPatience))
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: group})
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("joining: %w", err)
	}
	return fd, nil
}

// message is a netlink message. Source: netlink(7).
func message(kind, flags uint16, seq uint32, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	return append(binary.NativeEndian.AppendUint32(b, 0), body...)
}

// receive hands the messages that the kernel itself sends to take, until that
// says it has enough, or the time is up.
func receive(fd int, take func(kind uint16, body []byte) bool) error {
	buf := make([]byte, 64<<10)
	for until := time.Now().Add(netlinkPatience); time.Now().Before(until); {
		n, from, err := syscall.Recvfrom(fd, buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err == unix.EAGAIN {
			return errSilent
		}
		if err != nil {
			return err
		}
		if kernel, ok := from.(*syscall.SockaddrNetlink); !ok || kernel.Pid != 0 {
			continue
		}
		for b := buf[:n]; len(b) >= 16; {
			size := int(binary.NativeEndian.Uint32(b))
			if size < 16 || size > len(b) {
				break
			}
			if take(binary.NativeEndian.Uint16(b[4:]), b[16:size]) {
				return nil
			}
			b = b[min(len(b), (size+3)&^3):]
		}
	}
	return errSilent
}

// Of the process connector. Source: linux/connector.h, linux/cn_proc.h.
const (
	cnIdxProc      = 1
	cnMcastListen  = 1
	cnMcastIgnore  = 2
	cnSize         = 20
	cnEventAckSize = cnSize + 16 + 4
)

// tryConnector subscribes to process events, waits for the kernel's word on
// it, and takes the subscription back.
func tryConnector() error {
	fd, err := listen(unix.NETLINK_CONNECTOR, cnIdxProc)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ask := func(op uint32) error {
		b := binary.NativeEndian.AppendUint32(nil, cnIdxProc)
		b = binary.NativeEndian.AppendUint32(b, 1) // CN_VAL_PROC
		b = append(b, make([]byte, 8)...)
		b = binary.NativeEndian.AppendUint32(b, 4) // length, no flags
		b = binary.NativeEndian.AppendUint32(b, op)
		return unix.Sendto(fd, message(unix.NLMSG_DONE, 0, 1, b), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}
	if err := ask(cnMcastListen); err != nil {
		return fmt.Errorf("subscribing: %w", err)
	}
	var answer error
	err = receive(fd, func(_ uint16, b []byte) bool {
		if len(b) < cnEventAckSize || binary.NativeEndian.Uint32(b) != cnIdxProc {
			return false
		}
		if what := binary.NativeEndian.Uint32(b[cnSize:]); what != 0 {
			return true // an event of a process says yes as well
		}
		if errno := binary.NativeEndian.Uint32(b[cnSize+16:]); errno != 0 {
			answer = unix.Errno(errno)
		}
		return true
	})
	_ = ask(cnMcastIgnore)
	return errors.Join(err, answer)
}

func connector(h *host) *Finding {
	err := h.probes.connector()
	if err == nil {
		return yes("processes are told as they start and end")
	}
	cost := fmt.Sprintf("no process events (%v): what lives shorter than the time between two scans is missed", err)
	switch {
	case errors.Is(err, unix.EPERM):
		return no(cost, h.grant(unix.CAP_NET_ADMIN, "NET_ADMIN")+"\nor a kernel of 6.6 or later")
	case errors.Is(err, unix.EPROTONOSUPPORT):
		return no(cost+"; the kernel is built without CONFIG_PROC_EVENTS", "install a kernel of the distribution")
	case errors.Is(err, unix.EAFNOSUPPORT):
		return no(cost, "unit: RestrictAddressFamilies=AF_UNIX AF_NETLINK")
	}
	return no(cost+"; it only answers in the host's own namespaces", "run the sensor on the host, or the container with --network=host --pid=host")
}
