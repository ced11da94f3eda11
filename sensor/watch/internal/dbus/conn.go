package dbus

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// maxOthers is how many messages that are no answer are read over.
	maxOthers = 64
	maxLine   = 512
)

// Error is a method's answer that it failed, by its D-Bus name.
type Error string

func (e Error) Error() string { return "answered " + strconv.Quote(string(e)) }

// unknownMethod is what systemd before 230 says to ListUnitsByPatterns.
const unknownMethod = Error("org.freedesktop.DBus.Error.UnknownMethod")

// Units asks the systemd behind the socket at path for the units that it has
// loaded and whose names match one of patterns, as in "*.service". bus says
// that the socket is the system bus and not systemd's own. It takes at most as
// long as the context and d allow.
func Units(ctx context.Context, path string, bus bool, d time.Duration, patterns []string) ([]Unit, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	units, err := units(conn, bus, patterns)
	if err != nil {
		return nil, fmt.Errorf("asking systemd at %s: %w", path, err)
	}
	return units, nil
}

func units(rw io.ReadWriter, bus bool, patterns []string) ([]Unit, error) {
	c := &conn{out: rw, in: bufio.NewReaderSize(rw, 16<<10)}
	if err := c.authenticate(); err != nil {
		return nil, err
	}
	destination := ""
	if bus {
		destination = "org.freedesktop.systemd1"
		const name = "org.freedesktop.DBus"
		if _, _, err := c.call(name, "/org/freedesktop/DBus", name, "Hello", "", nil); err != nil {
			return nil, err
		}
	}
	ask := func(member, signature string, body []byte) ([]Unit, error) {
		h, answer, err := c.call(destination, "/org/freedesktop/systemd1",
			"org.freedesktop.systemd1.Manager", member, signature, body)
		if err != nil {
			return nil, err
		}
		if h.signature != listSignature {
			return nil, fmt.Errorf("malformed list of units: it is of type %.40q", h.signature)
		}
		return parseUnits(answer, h.order)
	}
	all, err := ask("ListUnitsByPatterns", "asas", texts(texts(nil, nil), patterns))
	if errors.Is(err, unknownMethod) {
		return ask("ListUnits", "", nil)
	}
	return all, err
}

// conn is a connection on which one call at a time is made.
type conn struct {
	out    io.Writer
	in     *bufio.Reader
	serial uint32
}

// authenticate proves who we are by the socket's own credentials. BEGIN goes
// with it, as sd-bus sends it: where BEGIN comes together with the first call,
// the systemd of a private socket forgets that it has that call already.
func (c *conn) authenticate() error {
	uid := hex.EncodeToString([]byte(strconv.Itoa(os.Geteuid())))
	if _, err := io.WriteString(c.out, "\x00AUTH EXTERNAL "+uid+"\r\nBEGIN\r\n"); err != nil {
		return err
	}
	line, err := c.line()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "OK ") {
		return fmt.Errorf("authenticating: answered %.40q", line)
	}
	return nil
}

func (c *conn) line() (string, error) {
	var line []byte
	for len(line) < maxLine {
		b, err := c.in.ReadByte()
		if err != nil {
			return "", err
		}
		line = append(line, b)
		if b == '\n' {
			return string(line), nil
		}
	}
	return "", fmt.Errorf("malformed line %.40q: over %d bytes", line, maxLine)
}

// call calls a method and waits for its answer.
func (c *conn) call(destination, path, iface, member, signature string, body []byte) (header, []byte, error) {
	c.serial++
	if _, err := c.out.Write(call(c.serial, destination, path, iface, member, signature, body)); err != nil {
		return header{}, nil, err
	}
	for range maxOthers {
		h, answer, err := c.message()
		if err != nil {
			return header{}, nil, err
		}
		switch {
		case h.replyTo != c.serial:
		case h.kind == typeError:
			return header{}, nil, fmt.Errorf("calling %s: %w", member, Error(h.failed))
		case h.kind == typeReturn:
			return h, answer, nil
		}
	}
	return header{}, nil, fmt.Errorf("calling %s: %d messages and no answer among them", member, maxOthers)
}

// message reads the next message.
func (c *conn) message() (header, []byte, error) {
	var first [16]byte
	if _, err := io.ReadFull(c.in, first[:]); err != nil {
		return header{}, nil, err
	}
	h, err := parsePreamble(first[:])
	if err != nil {
		return header{}, nil, err
	}
	// The memory grows with what really comes, not with what is announced.
	data, err := io.ReadAll(io.LimitReader(c.in, int64(h.fields+h.body)))
	if err != nil {
		return header{}, nil, err
	}
	if len(data) < h.fields+h.body {
		return header{}, nil, io.ErrUnexpectedEOF
	}
	exact := int(h.order.Uint32(first[12:]))
	if err := h.parseFields(data[:h.fields], exact); err != nil {
		return header{}, nil, err
	}
	return h, data[h.fields:], nil
}
