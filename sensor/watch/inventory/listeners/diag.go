//go:build linux

package listeners

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is a socket that waits for peers.
type Socket struct {
	Transport string // tcp or udp
	Local     netip.AddrPort
	Interface uint32 // index of the interface that it is bound to, 0 for none
	UID       uint32
	Inode     uint64
}

const (
	// maxSockets bounds one reading over all four tables.
	maxSockets = 200_000
	// maxAnswer is how much the kernel may say to one question.
	maxAnswer = 64 << 20
	// answerWait is how long the kernel may take; it answers at once.
	answerWait = 2 * time.Second

	sockDiagByFamily = 20 // SOCK_DIAG_BY_FAMILY
	sizeRequest      = 56 // struct inet_diag_req_v2
	sizeDiag         = 72 // struct inet_diag_msg
	stateListen      = 10
	stateClose       = 7 // of a UDP socket: not connected
)

var errInterrupted = errors.New("the table changed while it was read")

// tables are the four questions.
var tables = []struct {
	transport        string
	protocol, family uint8
	state            uint8
	file             string
}{
	{"tcp", unix.IPPROTO_TCP, unix.AF_INET, stateListen, "net/tcp"},
	{"tcp", unix.IPPROTO_TCP, unix.AF_INET6, stateListen, "net/tcp6"},
	{"udp", unix.IPPROTO_UDP, unix.AF_INET, stateClose, "net/udp"},
	{"udp", unix.IPPROTO_UDP, unix.AF_INET6, stateClose, "net/udp6"},
}

// request asks for all sockets of a table in its state. Source: sock_diag(7).
func request(family, protocol, state uint8) []byte {
	ne := binary.NativeEndian
	m := make([]byte, 0, unix.NLMSG_HDRLEN+sizeRequest)
	m = ne.AppendUint32(m, unix.NLMSG_HDRLEN+sizeRequest)
	m = ne.AppendUint16(m, sockDiagByFamily)
	m = ne.AppendUint16(m, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	m = append(m, make([]byte, 8)...) // sequence and port
	m = append(m, family, protocol, 0, 0)
	m = ne.AppendUint32(m, 1<<state)
	return append(m, make([]byte, unix.NLMSG_HDRLEN+sizeRequest-len(m))...)
}

// ask asks the kernel for one table after the other.
func ask(buf []byte) ([]Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("opening sock_diag: %w", err)
	}
	defer unix.Close(fd)
	wait := unix.NsecToTimeval(answerWait.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return nil, fmt.Errorf("opening sock_diag: %w", err)
	}
	var all []Socket
	for _, t := range tables {
		kernel := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
		if err := unix.Sendto(fd, request(t.family, t.protocol, t.state), 0, kernel); err != nil {
			return nil, fmt.Errorf("asking sock_diag: %w", err)
		}
		if all, err = receive(fd, buf, all); err != nil {
			return nil, fmt.Errorf("asking sock_diag for %s: %w", t.file, err)
		}
	}
	return all, nil
}

// receive reads the answer to one question.
func receive(fd int, buf []byte, all []Socket) ([]Socket, error) {
	for total := 0; total < maxAnswer; {
		n, from, err := syscall.Recvfrom(fd, buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		// Only the kernel has port 0; any process can send us something.
		if a, ok := from.(*syscall.SockaddrNetlink); !ok || a.Pid != 0 {
			continue
		}
		total += n
		some, done, err := ParseDiag(buf[:n])
		if err != nil {
			return nil, err
		}
		if all = append(all, some...); len(all) > maxSockets {
			return nil, fmt.Errorf("over %d sockets", maxSockets)
		}
		if done {
			return all, nil
		}
	}
	return nil, fmt.Errorf("no end after %d bytes", maxAnswer)
}

// ParseDiag reads netlink messages that answer a request to sock_diag(7). done
// says that the answer is complete. On an error there are no sockets.
func ParseDiag(data []byte) (sockets []Socket, done bool, err error) {
	ne := binary.NativeEndian
	for len(data) > 0 {
		if len(data) < unix.NLMSG_HDRLEN {
			return nil, false, fmt.Errorf("malformed netlink message %q: too short", data)
		}
		size, kind, flags := ne.Uint32(data), ne.Uint16(data[4:]), ne.Uint16(data[6:])
		if size < unix.NLMSG_HDRLEN || uint64(size) > uint64(len(data)) {
			return nil, false, fmt.Errorf("malformed netlink message %.16q: %d bytes of %d", data, size, len(data))
		}
		body := data[unix.NLMSG_HDRLEN:size]
		if flags&unix.NLM_F_DUMP_INTR != 0 {
			return nil, false, errInterrupted
		}
		switch kind {
		case unix.NLMSG_DONE:
			return sockets, true, nil
		case unix.NLMSG_ERROR:
			if len(body) < 4 {
				return nil, false, fmt.Errorf("malformed netlink error %q", body)
			}
			return nil, false, unix.Errno(-int32(ne.Uint32(body)))
		case sockDiagByFamily:
			s, err := parseSocket(body)
			if err != nil {
				return nil, false, err
			}
			if s.Local.Port() != 0 {
				sockets = append(sockets, s)
			}
		}
		data = data[min((int(size)+3)&^3, len(data)):]
	}
	return sockets, false, nil
}

// parseSocket reads struct inet_diag_msg: family, state, timer, retransmits,
// ports and addresses in network order, interface, cookie, expiry, two queue
// lengths, uid and inode. Which table it is from is told by its state.
func parseSocket(b []byte) (Socket, error) {
	if len(b) < sizeDiag {
		return Socket{}, fmt.Errorf("malformed socket %.72q: %d bytes", b, len(b))
	}
	var ip netip.Addr
	switch b[0] {
	case unix.AF_INET:
		ip = netip.AddrFrom4([4]byte(b[8:]))
	case unix.AF_INET6:
		ip = netip.AddrFrom16([16]byte(b[8:]))
	default:
		return Socket{}, fmt.Errorf("malformed socket %.72q: family %d", b, b[0])
	}
	s := Socket{Local: netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[4:]))}
	switch b[1] {
	case stateListen:
		s.Transport = "tcp"
	case stateClose:
		s.Transport = "udp"
	default:
		return Socket{}, fmt.Errorf("malformed socket %.72q: state %d", b, b[1])
	}
	ne := binary.NativeEndian
	s.Interface, s.UID, s.Inode = ne.Uint32(b[40:]), ne.Uint32(b[64:]), uint64(ne.Uint32(b[68:]))
	return s, nil
}
