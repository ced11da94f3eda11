package link

import (
	"encoding/binary"
	"errors"
	"fmt"

	"picket.internal/sensor/queue"
	"picket.internal/sensor/watch"
)

// Version is the version of the protocol; both sides must speak the same.
const Version = 1

// Bounds.
const (
	maxFact = 64 << 10
	// maxHeld is how many entities of an inventory an order may name.
	maxHeld = 50_000
	maxKind = 32

	header   = 5 // length and type
	helloLen = 1 + 16 + 8
	takenLen = 8
	heldLen  = 16
	maxFacts = 8 + queue.ParcelBytes + 4*queue.ParcelFacts
	maxOrder = 2 + maxKind + maxHeld*heldLen
)

// The types of frames.
const (
	typeHello = 'H'
	typeFacts = 'F'
	typeTaken = 'T'
	typeOrder = 'R'
	typeBye   = 'B'
)

// ErrMalformed says that the other side sent what is no frame.
var ErrMalformed = errors.New("link.malformed")

// Frame is one message: exactly one of its fields is set. On the wire it is
// the length of the rest (4 bytes, big endian), its type (1 byte) and its
// body.
type Frame struct {
	Hello *Hello
	Facts *Facts
	Taken *Taken
	Order *watch.Order
	// Bye is the word of a side that ends and leaves nothing behind: what it
	// had, it has passed on.
	Bye bool
}

// Hello is the first frame of each side: version (1 byte), stream (16), number
// (8).
type Hello struct {
	Version byte
	// Stream is the watcher's life that its parcels are numbered in, chosen
	// by chance. From the sender: the last one it took from; zeros where it
	// has just started.
	Stream [16]byte
	// Number is, from the sender, the last parcel of the stream that it took.
	Number uint64
}

// Facts is a parcel: its number (8 bytes), then each fact after its length (4
// bytes).
type Facts struct {
	Number uint64
	// Raw are facts in their canonical form, without id, seq and host. After
	// ParseFrame they point into its input.
	Raw [][]byte
}

// Taken says that the sender has a parcel: its number (8 bytes).
type Taken struct{ Number uint64 }

// ParseFrame reads the first frame of data and returns what follows it. On
// error there is no frame.
func ParseFrame(data []byte) (f Frame, rest []byte, err error) {
	if len(data) < header {
		return Frame{}, nil, fmt.Errorf("%w: a frame of %d bytes", ErrMalformed, len(data))
	}
	kind, n, err := parseHeader([header]byte(data))
	if err != nil {
		return Frame{}, nil, err
	}
	data = data[header:]
	if len(data) < n {
		return Frame{}, nil, fmt.Errorf("%w: a frame that ends early", ErrMalformed)
	}
	f, err = parseBody(kind, data[:n])
	if err != nil {
		return Frame{}, nil, err
	}
	return f, data[n:], nil
}

// parseHeader reads what begins a frame: its type and the length of its body.
func parseHeader(h [header]byte) (kind byte, n int, err error) {
	kind = h[4]
	size := uint64(binary.BigEndian.Uint32(h[:4]))
	if limit := bodyLimit(kind); limit < 0 || size < 1 || size-1 > uint64(limit) {
		return 0, 0, fmt.Errorf("%w: a frame of type %q and %d bytes", ErrMalformed, kind, size)
	}
	return kind, int(size) - 1, nil
}

// bodyLimit is how long a body of a type may be; negative for no type.
func bodyLimit(kind byte) int {
	switch kind {
	case typeHello:
		return helloLen
	case typeFacts:
		return maxFacts
	case typeTaken:
		return takenLen
	case typeOrder:
		return maxOrder
	case typeBye:
		return 0
	}
	return -1
}

func parseBody(kind byte, body []byte) (Frame, error) {
	switch {
	case kind == typeHello && len(body) == helloLen:
		return Frame{Hello: &Hello{
			Version: body[0], Stream: [16]byte(body[1:17]), Number: binary.BigEndian.Uint64(body[17:]),
		}}, nil
	case kind == typeFacts && len(body) > 8:
		facts, err := parseFacts(body)
		return Frame{Facts: facts}, err
	case kind == typeTaken && len(body) == takenLen:
		return Frame{Taken: &Taken{binary.BigEndian.Uint64(body)}}, nil
	case kind == typeOrder:
		order, err := parseOrder(body)
		return Frame{Order: order}, err
	case kind == typeBye:
		return Frame{Bye: true}, nil
	}
	return Frame{}, fmt.Errorf("%w: a frame of type %q with a body of %d bytes", ErrMalformed, kind, len(body))
}

func parseFacts(body []byte) (*Facts, error) {
	f := &Facts{Number: binary.BigEndian.Uint64(body)}
	for body = body[8:]; len(body) > 0; {
		if len(body) < 4 || len(f.Raw) == queue.ParcelFacts {
			return nil, fmt.Errorf("%w: a parcel with %d bytes after %d facts", ErrMalformed, len(body), len(f.Raw))
		}
		n := uint64(binary.BigEndian.Uint32(body))
		if n < 1 || n > maxFact || n > uint64(len(body)-4) {
			return nil, fmt.Errorf("%w: a fact of %d bytes", ErrMalformed, n)
		}
		f.Raw = append(f.Raw, body[4:4+n])
		body = body[4+n:]
	}
	return f, nil
}

// Append writes the frame after dst. It fails where no ParseFrame would read
// it back.
func (f *Frame) Append(dst []byte) ([]byte, error) {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0)
	var err error
	switch {
	case f.Hello != nil:
		dst[at+4] = typeHello
		dst = append(dst, f.Hello.Version)
		dst = append(dst, f.Hello.Stream[:]...)
		dst = binary.BigEndian.AppendUint64(dst, f.Hello.Number)
	case f.Facts != nil:
		dst[at+4] = typeFacts
		dst = binary.BigEndian.AppendUint64(dst, f.Facts.Number)
		for _, raw := range f.Facts.Raw {
			dst = binary.BigEndian.AppendUint32(dst, uint32(len(raw)))
			dst = append(dst, raw...)
		}
	case f.Taken != nil:
		dst[at+4] = typeTaken
		dst = binary.BigEndian.AppendUint64(dst, f.Taken.Number)
	case f.Order != nil:
		dst[at+4] = typeOrder
		dst, err = appendOrder(dst, f.Order)
	case f.Bye:
		dst[at+4] = typeBye
	}
	n := len(dst) - at - header
	if limit := bodyLimit(dst[at+4]); err == nil && n > limit {
		err = fmt.Errorf("a frame of type %q and %d bytes is over its bound of %d", dst[at+4], n, limit)
	}
	if err != nil {
		return dst[:at], err
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(n+1))
	return dst, nil
}
