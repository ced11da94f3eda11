package service

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	manager = "/org/freedesktop/systemd1"
	// mostBytes bounds a message. The largest that is awaited is a path.
	mostBytes = 1 << 20
)

var le = binary.LittleEndian

// conn speaks the D-Bus protocol with systemd itself, one call at a time.
// Source: D-Bus Specification 0.43, Message Protocol and Authentication.
type conn struct {
	net.Conn
	in      *bufio.Reader
	serial  uint32
	removed map[string]string // jobs that ended, and how
}

func (c *conn) close() { c.Conn.Close() }

// dial connects and proves who we are by the socket's own credentials. All
// that follows must be over after d.
func dial(path string, d time.Duration) (*conn, error) {
	raw, err := net.DialTimeout("unix", path, d)
	if err != nil {
		return nil, err
	}
	raw.SetDeadline(time.Now().Add(d))
	c := &conn{Conn: raw, in: bufio.NewReader(raw), removed: map[string]string{}}
	// "30" is root's number in hex. BEGIN goes with it: where it comes together
	// with the first call, systemd forgets that it has that already.
	if _, err = io.WriteString(c, "\x00AUTH EXTERNAL 30\r\nBEGIN\r\n"); err == nil {
		var line []byte
		if line, err = c.in.ReadSlice('\n'); err == nil && !bytes.HasPrefix(line, []byte("OK ")) {
			err = fmt.Errorf("authenticating to systemd: it answered %.40q", line)
		}
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// call calls a method whose arguments are texts, at least one, and gives the body of the answer.
func (c *conn) call(path, iface, member string, args ...string) ([]byte, error) {
	c.serial++
	var body, types []byte
	for _, s := range args {
		body = append(append(le.AppendUint32(pad(body, 4), uint32(len(s))), s...), 0)
		types = append(types, 's')
	}
	m := append([]byte{'l', 1, 0, 1}, le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, uint32(len(body))), c.serial), 0)...)
	for _, f := range []struct {
		code  byte
		kind  byte
		value string
	}{{1, 'o', path}, {2, 's', iface}, {3, 's', member}, {8, 'g', string(types)}} {
		m = append(pad(m, 8), f.code, 1, f.kind, 0)
		if f.kind == 'g' {
			m = append(m, byte(len(f.value)))
		} else {
			m = le.AppendUint32(m, uint32(len(f.value)))
		}
		m = append(append(m, f.value...), 0)
	}
	le.PutUint32(m[12:], uint32(len(m)-16))
	if _, err := c.Write(append(pad(m, 8), body...)); err != nil {
		return nil, err
	}
	for {
		h, body, err := c.message()
		switch {
		case err != nil:
			return nil, fmt.Errorf("calling %s: %w", member, err)
		case h.replyTo == c.serial && h.kind == 2:
			return body, nil
		case h.replyTo == c.serial:
			why, _ := text(body)
			return nil, fmt.Errorf("calling %s: systemd answered %.100q: %.200q", member, h.failed, why)
		}
	}
}

// wait waits until systemd says that a job is over, and how.
func (c *conn) wait(job string) (result string, err error) {
	for c.removed[job] == "" {
		if _, _, err := c.message(); err != nil {
			return "", fmt.Errorf("waiting for the job %s: %w", job, err)
		}
	}
	return c.removed[job], nil
}

// header is what is needed of that of a message.
type header struct {
	kind           byte
	replyTo        uint32
	member, failed string
}

// message reads a message, and remembers it if it says that a job is over.
func (c *conn) message() (h header, body []byte, err error) {
	var first [16]byte
	if _, err := io.ReadFull(c.in, first[:]); err != nil {
		return h, nil, err
	}
	size, fields := le.Uint32(first[4:]), le.Uint32(first[12:])
	if first[0] != 'l' || first[3] != 1 || size > mostBytes || fields > mostBytes {
		return h, nil, fmt.Errorf("malformed message %q", first)
	}
	padded := (fields + 7) / 8 * 8
	data := make([]byte, padded+size)
	if _, err := io.ReadFull(c.in, data); err != nil {
		return h, nil, err
	}
	h.kind, body = first[1], data[padded:]
	if err := h.read(data[:fields]); err != nil {
		return h, nil, err
	}
	if h.kind == 4 && h.member == "JobRemoved" && len(body) > 4 { // its arguments: number, path, unit, result
		job, rest, err := cut(body, 4)
		if err == nil {
			_, rest, err = cut(body, rest)
		}
		if err == nil && len(c.removed) < 1000 {
			c.removed[job], _, err = cut(body, rest)
		}
		if err != nil {
			return h, nil, err
		}
	}
	return h, body, nil
}

// read takes what is needed from the fields of a header.
func (h *header) read(data []byte) error {
	for at := 0; at < len(data); {
		at = (at + 7) / 8 * 8
		if at+5 > len(data) || data[at+1] != 1 || data[at+3] != 0 {
			return fmt.Errorf("malformed message header %.100q", data)
		}
		code, kind, value := data[at], data[at+2], ""
		var err error
		switch at += 4; {
		case kind == 'u' && at+4 <= len(data):
			if at += 4; code == 5 {
				h.replyTo = le.Uint32(data[at-4:])
			}
		case kind == 'g':
			at += int(data[at]) + 2
		case kind == 's', kind == 'o':
			value, at, err = cut(data, at)
		default:
			err = fmt.Errorf("malformed message header %.100q", data)
		}
		if err != nil {
			return err
		}
		switch code {
		case 3:
			h.member = value
		case 4:
			h.failed = value
		}
	}
	return nil
}

// cut takes a text that begins at or after at, and says where it ends.
func cut(data []byte, at int) (string, int, error) {
	at = (at + 3) / 4 * 4
	if at+4 > len(data) || uint64(le.Uint32(data[at:])) >= uint64(len(data)-at-4) {
		return "", 0, fmt.Errorf("malformed message %.100q: it ends too soon", data)
	}
	end := at + 4 + int(le.Uint32(data[at:]))
	return string(data[at+4 : end]), end + 1, nil
}

// text is the text with which a body begins.
func text(body []byte) (string, error) {
	s, _, err := cut(body, 0)
	return s, err
}

func pad(m []byte, align int) []byte {
	for len(m)%align != 0 {
		m = append(m, 0)
	}
	return m
}
