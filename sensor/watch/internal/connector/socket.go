//go:build linux

package connector

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// buffer is what the kernel may keep for the socket: some ten thousand
	// events, seconds of a burst.
	buffer = 8 << 20
	// drain is how many datagrams are taken at one waking.
	drain = 512

	listen = 1 // PROC_CN_MCAST_LISTEN
	ignore = 2 // PROC_CN_MCAST_IGNORE
)

// Socket hears the kernel.
type Socket struct {
	file   *os.File
	raw    syscall.RawConn
	buf    [1024]byte
	forged atomic.Int64
}

// Open opens a socket. It hears nothing before Listen.
func Open() (*Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, fmt.Errorf("opening the process connector: %w", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer) // as much as rmem_max allows
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: processIndex}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("joining the process connector: %w", err)
	}
	s := &Socket{file: os.NewFile(uintptr(fd), "connector")}
	if s.raw, err = s.file.SyscallConn(); err != nil {
		s.file.Close()
		return nil, fmt.Errorf("opening the process connector: %w", err)
	}
	return s, nil
}

// Close ends Receive too.
func (s *Socket) Close() error { return s.file.Close() }

// Forged is how many datagrams came from somebody other than the kernel.
func (s *Socket) Forged() int64 { return s.forged.Load() }

// Listen asks the kernel to tell. With events, only of those, which kernels
// before 6.6 do not understand and leave unanswered; 0 asks for all in the way
// that every kernel understands.
func (s *Socket) Listen(events uint32) error { return s.ask(listen, events) }

// Ignore asks the kernel to tell no more.
func (s *Socket) Ignore() error { return s.ask(ignore, 0) }

// ask sends an enum proc_cn_mcast_op or, with events, a struct proc_input.
func (s *Socket) ask(what, events uint32) error {
	input := make([]byte, 4, 8)
	binary.NativeEndian.PutUint32(input, what)
	if events != 0 {
		input = binary.NativeEndian.AppendUint32(input, events)
	}
	b := make([]byte, netlinkHead+connectorHead, 64)
	binary.NativeEndian.PutUint32(b, uint32(len(b)+len(input)))
	binary.NativeEndian.PutUint16(b[4:], messageDone)
	binary.NativeEndian.PutUint32(b[netlinkHead:], processIndex)
	binary.NativeEndian.PutUint32(b[netlinkHead+4:], processIndex)
	binary.NativeEndian.PutUint16(b[netlinkHead+16:], uint16(len(input)))
	b = append(b, input...)
	var sendErr error
	err := s.raw.Control(func(fd uintptr) {
		sendErr = unix.Sendto(int(fd), b, unix.MSG_DONTWAIT, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
	if err = errors.Join(err, sendErr); err != nil {
		return fmt.Errorf("asking the process connector: %w", err)
	}
	return nil
}

// Receive waits for events and appends them. Where the socket's buffer ran
// over, an Overrun stands among them. What is malformed is left out, and err
// then says so for the last of them beside the events; other errors come alone.
//
// Like every reader of a netlink socket here it takes recvfrom from syscall:
// that of unix knows 20 kinds of addresses, which are 33 kB of the sensor.
func (s *Socket) Receive(events []Event) ([]Event, error) {
	var problem, receiveErr error
	err := s.raw.Read(func(fd uintptr) bool {
		for i := range drain {
			n, from, err := syscall.Recvfrom(int(fd), s.buf[:], unix.MSG_DONTWAIT)
			switch err {
			case nil:
			case unix.EINTR:
				continue
			case unix.EAGAIN:
				return i > 0
			case unix.ENOBUFS:
				events = append(events, Event{What: Overrun})
				continue
			default:
				receiveErr = err
				return true
			}
			if !s.kernel(from) {
				continue
			}
			if events, err = Parse(events, s.buf[:n]); err != nil {
				problem = err
			}
		}
		return true
	})
	if err = errors.Join(err, receiveErr); err != nil {
		return events, fmt.Errorf("hearing the process connector: %w", err)
	}
	return events, problem
}

// kernel tells whether a datagram is the kernel's: anybody may send one.
func (s *Socket) kernel(from syscall.Sockaddr) bool {
	if nl, ok := from.(*syscall.SockaddrNetlink); ok && nl.Pid == 0 {
		return true
	}
	s.forged.Add(1)
	return false
}
