package dbus

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	maxHeader = 64 << 10
	maxBody   = 16 << 20
	// maxUnits is how many units of an answer are kept.
	maxUnits = 50_000
	// maxName is the longest name that systemd gives a unit, and more than
	// any other text that is kept.
	maxName = 256
)

// Message types.
const (
	typeCall   = 1
	typeReturn = 2
	typeError  = 3
)

// Header fields.
const (
	fieldPath        = 1
	fieldInterface   = 2
	fieldMember      = 3
	fieldErrorName   = 4
	fieldReplySerial = 5
	fieldDestination = 6
	fieldSignature   = 8
)

var errShort = errors.New("it ends too soon")

// reader takes values off a message. What is aligned is aligned to the start
// of data. After an error all it gives is zero.
type reader struct {
	data  []byte
	at    int
	order binary.ByteOrder
	err   error
}

// take is the next n bytes after padding to a multiple of align.
func (r *reader) take(n, align int) []byte {
	from := (r.at + align - 1) / align * align
	if r.err != nil || n < 0 || from > len(r.data) || n > len(r.data)-from {
		if r.err == nil {
			r.err = errShort
		}
		return nil
	}
	for _, b := range r.data[r.at:from] {
		if b != 0 {
			r.err = errors.New("padding that is not zero")
			return nil
		}
	}
	r.at = from + n
	return r.data[from:r.at]
}

func (r *reader) byte() byte {
	if b := r.take(1, 1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4, 4); b != nil {
		return r.order.Uint32(b)
	}
	return 0
}

// text is a STRING or an OBJECT_PATH.
func (r *reader) text() []byte { return r.ended(r.uint32()) }

func (r *reader) signature() []byte { return r.ended(uint32(r.byte())) }

// ended is n bytes with a NUL behind them.
func (r *reader) ended(n uint32) []byte {
	if n > maxBody {
		r.fail(errShort)
		return nil
	}
	b := r.take(int(n)+1, 1)
	if b == nil {
		return nil
	}
	if b[n] != 0 {
		r.fail(errors.New("a text without its end"))
		return nil
	}
	return b[:n]
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// header is what a message says of itself.
type header struct {
	order     binary.ByteOrder
	kind      byte
	body      int // length
	fields    int // length with padding, behind the first 16 bytes
	replyTo   uint32
	failed    string // the error's name
	signature string
}

// parsePreamble reads the first 16 bytes of a message.
func parsePreamble(b []byte) (header, error) {
	var h header
	if len(b) != 16 {
		return h, fmt.Errorf("malformed message %.16q: %w", b, errShort)
	}
	switch b[0] {
	case 'l':
		h.order = binary.LittleEndian
	case 'B':
		h.order = binary.BigEndian
	default:
		return h, fmt.Errorf("malformed message %q: no byte order", b)
	}
	body, fields := h.order.Uint32(b[4:]), h.order.Uint32(b[12:])
	if b[3] != 1 || body > maxBody || fields > maxHeader {
		return h, fmt.Errorf("malformed message %q: version %d, %d bytes of header, %d of body", b, b[3], fields, body)
	}
	h.kind, h.body, h.fields = b[1], int(body), (int(fields)+7)/8*8
	return h, nil
}

// parseFields reads the header fields. exact is their length without padding.
func (h *header) parseFields(data []byte, exact int) error {
	// They follow 16 bytes, so that alignment is the same from their start.
	r := reader{data: data[:exact], order: h.order}
	for r.err == nil && r.at < exact {
		r.take(0, 8)
		code, kind := r.byte(), string(r.signature())
		var text []byte
		var number uint32
		switch kind {
		case "s", "o":
			text = r.text()
		case "g":
			text = r.signature()
		case "u":
			number = r.uint32()
		default:
			r.fail(fmt.Errorf("a header field of type %.20q", kind))
		}
		switch {
		case code == fieldReplySerial && kind == "u":
			h.replyTo = number
		case code == fieldErrorName && kind == "s":
			h.failed = string(text[:min(len(text), maxName)])
		case code == fieldSignature && kind == "g":
			h.signature = string(text)
		}
	}
	if r.err != nil {
		return fmt.Errorf("malformed message header %.100q: %w", data, r.err)
	}
	return nil
}

// Unit is how systemd says that a unit is.
type Unit struct {
	Name   string
	Load   string // as in "loaded" or "not-found"
	Active string // as in "active" or "failed"
}

// listSignature is name, description, load state, active state, sub state,
// followed unit, object, job, job type and job object of each unit.
const listSignature = "a(ssssssouso)"

// parseUnits reads the body of the answer to ListUnits. On an error there are
// no units.
func parseUnits(body []byte, order binary.ByteOrder) ([]Unit, error) {
	r := reader{data: body, order: order}
	length := r.uint32()
	if r.take(0, 8); r.err != nil || int64(length) != int64(len(body)-r.at) {
		return nil, fmt.Errorf("malformed list of units %.20q: its length is not %d", body, length)
	}
	var units []Unit
	for r.err == nil && r.at < len(body) {
		if len(units) == maxUnits {
			return nil, fmt.Errorf("malformed list of units: over %d", maxUnits)
		}
		r.take(0, 8)
		name := r.text()
		r.text()
		load, active := r.text(), r.text()
		for range 3 { // sub state, followed, object
			r.text()
		}
		r.uint32()
		r.text()
		r.text()
		if len(name) > maxName || len(load) > maxName || len(active) > maxName {
			r.fail(errors.New("a name that is too long"))
		}
		if r.err == nil {
			units = append(units, Unit{string(name), word(load), word(active)})
		}
	}
	if r.err != nil {
		return nil, fmt.Errorf("malformed list of units: %w", r.err)
	}
	return units, nil
}

// word is a state, without memory of its own for the usual ones.
func word(b []byte) string {
	switch string(b) {
	case "loaded":
		return "loaded"
	case "active":
		return "active"
	case "inactive":
		return "inactive"
	case "not-found":
		return "not-found"
	}
	return string(b)
}

// call makes a method call without flags, in the order "little".
func call(serial uint32, destination, path, iface, member, signature string, body []byte) []byte {
	le := binary.LittleEndian
	m := []byte{'l', typeCall, 0, 1}
	m = le.AppendUint32(m, uint32(len(body)))
	m = le.AppendUint32(m, serial)
	m = le.AppendUint32(m, 0) // the length of the fields, below
	field := func(code byte, kind, value string) {
		if value == "" {
			return
		}
		m = append(pad(m, 8), code, 1, kind[0], 0)
		if kind == "g" {
			m = append(m, byte(len(value)))
		} else {
			m = le.AppendUint32(m, uint32(len(value)))
		}
		m = append(append(m, value...), 0)
	}
	field(fieldPath, "o", path)
	field(fieldInterface, "s", iface)
	field(fieldMember, "s", member)
	field(fieldDestination, "s", destination)
	field(fieldSignature, "g", signature)
	le.PutUint32(m[12:], uint32(len(m)-16))
	return append(pad(m, 8), body...)
}

// texts appends an array of strings.
func texts(m []byte, list []string) []byte {
	le := binary.LittleEndian
	m = le.AppendUint32(pad(m, 4), 0)
	from := len(m)
	for _, s := range list {
		m = le.AppendUint32(pad(m, 4), uint32(len(s)))
		m = append(append(m, s...), 0)
	}
	le.PutUint32(m[from-4:], uint32(len(m)-from))
	return m
}

func pad(m []byte, align int) []byte {
	for len(m)%align != 0 {
		m = append(m, 0)
	}
	return m
}
