//go:build linux

package listeners

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"

	"picket.internal/sensor/watch/internal/proc"
)

const maxTable = 32 << 20

// readTables reads the four files of proc_net(5). bad is how many lines could
// not be read, cut whether a file goes on behind what was read.
func readTables(fs *proc.FS) (all []Socket, bad int, cut bool, err error) {
	for _, t := range tables {
		data, more, readErr := fs.Whole(t.file, maxTable)
		if readErr != nil {
			err = readErr
			continue
		}
		some, n := ParseTable(data, t.transport)
		all, bad, cut = append(all, some...), bad+n, cut || more
	}
	if len(all) > 0 {
		err = nil // IPv6 may be off
	}
	return all, bad, cut, err
}

// ParseTable reads a file of proc_net(5), tcp or udp, for IPv4 or IPv6: the
// sockets that wait for peers, and how many lines are of no such form.
func ParseTable(data []byte, transport string) (sockets []Socket, bad int) {
	first := true
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		if first { // the names of the columns
			first = false
			continue
		}
		s, waits, ok := parseLine(line)
		switch {
		case !ok:
			bad++
		case len(sockets) == maxSockets:
			return sockets, bad + 1
		case waits == transport && s.Local.Port() != 0:
			sockets = append(sockets, s)
		}
	}
	return sockets, bad
}

// parseLine reads a line: number, local address, remote address, state, two
// queues, a timer, retransmits, uid, timeout, inode. waits is the transport of
// which a socket in this state waits for peers.
func parseLine(line []byte) (s Socket, waits string, ok bool) {
	fields := bytes.Fields(line)
	if len(fields) < 10 {
		return Socket{}, "", false
	}
	local, ok1 := parseAddress(fields[1])
	state, err1 := strconv.ParseUint(string(fields[3]), 16, 8)
	uid, err2 := strconv.ParseUint(string(fields[7]), 10, 32)
	inode, err3 := strconv.ParseUint(string(fields[9]), 10, 64)
	if !ok1 || err1 != nil || err2 != nil || err3 != nil {
		return Socket{}, "", false
	}
	switch state {
	case stateListen:
		waits = "tcp"
	case stateClose:
		waits = "udp"
	}
	return Socket{Transport: waits, Local: local, UID: uint32(uid), Inode: inode}, waits, true
}

// parseAddress reads an address in words of the host's order, a colon and the
// port, as in "0100007F:0016".
func parseAddress(text []byte) (netip.AddrPort, bool) {
	words, port, _ := bytes.Cut(text, []byte(":"))
	number, err := strconv.ParseUint(string(port), 16, 16)
	if err != nil || (len(words) != 8 && len(words) != 32) {
		return netip.AddrPort{}, false
	}
	var b [16]byte
	n, err := hex.Decode(b[:], words)
	if err != nil {
		return netip.AddrPort{}, false
	}
	for i := 0; i < n; i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	ip, _ := netip.AddrFromSlice(b[:n])
	return netip.AddrPortFrom(ip, uint16(number)), true
}
