//go:build linux

package connector

import "golang.org/x/sys/unix"

// Port is the socket's address.
func (s *Socket) Port() (port uint32, err error) {
	cerr := s.raw.Control(func(fd uintptr) {
		var sa unix.Sockaddr
		if sa, err = unix.Getsockname(int(fd)); err == nil {
			port = sa.(*unix.SockaddrNetlink).Pid
		}
	})
	if err == nil {
		err = cerr
	}
	return port, err
}
