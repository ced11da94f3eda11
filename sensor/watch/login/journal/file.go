//go:build linux

package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrMalformed says that a file is not what a journal is.
var ErrMalformed = errors.New("malformed journal")

// Kinds of objects, and the flags by which one is compressed.
const (
	objectData       = 1
	objectEntry      = 3
	objectEntryArray = 6
	compressed       = 1 | 2 | 4

	headObject = 16
	headData   = 64
	headEntry  = 64
	headArray  = 24
	// extraData is what compact mode adds in front of a data object's payload.
	extraData = 8

	flagCompact = 1 << 4
	// known are the incompatible flags of a file that can be read here: that
	// objects may be compressed, keyed hashes, and compact mode.
	known = 1<<5 - 1

	// minHeader is the header of the first version that was ever used widely.
	minHeader = 208
	// maxItems is how many fields of an entry are looked at.
	maxItems = 1_024
	// maxPayload is how long a field is that is read.
	maxPayload = 8 << 10
)

// file is an open journal.
type file struct {
	in      io.ReaderAt
	compact bool
	header  uint64 // its size
	array   uint64 // the first of the chain of entry arrays
	entries uint64 // how many there are
	id      [16]byte

	tailSeq, tailTime uint64 // of the last entry
	buf               [headData + extraData + 512]byte
	entry             []byte
}

// openFile reads the header.
func openFile(in io.ReaderAt) (*file, error) {
	f := &file{in: in}
	if err := f.refresh(); err != nil {
		return nil, err
	}
	return f, nil
}

// refresh reads the header again: it says how many entries there are now.
func (f *file) refresh() error {
	b := f.buf[:minHeader]
	if _, err := f.in.ReadAt(b, 0); err != nil {
		return fmt.Errorf("reading journal header: %w", err)
	}
	flags := binary.LittleEndian.Uint32(b[12:])
	header := binary.LittleEndian.Uint64(b[88:])
	switch {
	case !bytes.Equal(b[:8], []byte("LPKSHHRH")):
		return fmt.Errorf("%w: it begins with %q", ErrMalformed, b[:8])
	case flags&^known != 0:
		return fmt.Errorf("%w: flags %#x are of a later version", ErrMalformed, flags)
	case header < minHeader || header > 1<<16:
		return fmt.Errorf("%w: header of %d bytes", ErrMalformed, header)
	}
	f.compact, f.header = flags&flagCompact != 0, header
	f.id = [16]byte(b[72:])
	f.entries = binary.LittleEndian.Uint64(b[152:])
	f.array = binary.LittleEndian.Uint64(b[176:])
	f.tailSeq, f.tailTime = binary.LittleEndian.Uint64(b[160:]), binary.LittleEndian.Uint64(b[192:])
	return nil
}

// object reads an object of a kind into buf, as much as fits, and returns that
// and the object's full size.
func (f *file) object(at uint64, kind byte, least uint64, buf []byte) ([]byte, uint64, error) {
	if at < f.header || at%8 != 0 || at > 1<<62 {
		return nil, 0, fmt.Errorf("%w: an object at %d", ErrMalformed, at)
	}
	n, err := f.in.ReadAt(buf, int64(at))
	if err != nil && err != io.EOF {
		return nil, 0, fmt.Errorf("reading journal object: %w", err)
	}
	if n < headObject {
		return nil, 0, fmt.Errorf("%w: an object at %d, behind the end", ErrMalformed, at)
	}
	size := binary.LittleEndian.Uint64(buf[8:])
	if buf[0] != kind || size < least || size > 1<<40 {
		return nil, 0, fmt.Errorf("%w: object of kind %d and size %d where kind %d belongs", ErrMalformed, buf[0], size, kind)
	}
	buf = buf[:min(uint64(n), size)]
	if uint64(len(buf)) < least {
		return nil, 0, fmt.Errorf("%w: an object at %d, cut", ErrMalformed, at)
	}
	return buf, size, nil
}

// cursor is a place in the chain of entry arrays.
type cursor struct {
	array  uint64 // offset of the array; 0 is before the first
	length uint64 // of the array, in items
	index  uint64 // in the array
	done   uint64 // entries passed
}

// item is the size of a reference in an entry array.
func (f *file) item() uint64 {
	if f.compact {
		return 4
	}
	return 8
}

// advance goes on to the next array where this one is used up.
func (f *file) advance(c *cursor) error {
	for c.array == 0 || c.index >= c.length {
		next := f.array
		if c.array != 0 {
			head, _, err := f.object(c.array, objectEntryArray, headArray, f.buf[:headArray])
			if err != nil {
				return err
			}
			next = binary.LittleEndian.Uint64(head[16:])
		}
		if next <= c.array { // arrays are made one behind the other
			return fmt.Errorf("%w: entry array at %d follows that at %d", ErrMalformed, next, c.array)
		}
		_, size, err := f.object(next, objectEntryArray, headArray, f.buf[:headArray])
		if err != nil {
			return err
		}
		c.array, c.length, c.index = next, (size-headArray)/f.item(), 0
	}
	return nil
}

// skip goes to the end, as the header tells it.
func (f *file) skip(c *cursor) error {
	for c.done < f.entries {
		if err := f.advance(c); err != nil {
			return err
		}
		n := min(c.length-c.index, f.entries-c.done)
		c.index += n
		c.done += n
	}
	return nil
}

// next returns where the next entries are, at most so many as fit into out.
func (f *file) next(c *cursor, out []uint64) ([]uint64, error) {
	if c.done >= f.entries {
		return nil, nil
	}
	if err := f.advance(c); err != nil {
		return nil, err
	}
	size := f.item()
	n := min(c.length-c.index, f.entries-c.done, uint64(len(out)), uint64(len(f.buf))/size)
	b := f.buf[:n*size]
	if _, err := f.in.ReadAt(b, int64(c.array+headArray+c.index*size)); err != nil {
		return nil, fmt.Errorf("reading journal entry array: %w", err)
	}
	for i := range out[:n] {
		out[i] = f.reference(b[uint64(i)*size:])
	}
	c.index += n
	c.done += n
	return out[:n], nil
}

func (f *file) reference(b []byte) uint64 {
	if f.compact {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// raw is an entry: when, and where its fields are.
type raw struct {
	seq, realtime uint64
	fields        []uint64
}

// readEntry reads the entry at an offset. Its fields beyond the bound are left
// out.
func (f *file) readEntry(at uint64, fields []uint64) (raw, error) {
	step := uint64(16)
	if f.compact {
		step = 4
	}
	if f.entry == nil {
		f.entry = make([]byte, headEntry+maxItems*16)
	}
	b, size, err := f.object(at, objectEntry, headEntry, f.entry[:headEntry+64*step])
	if err == nil && size > uint64(len(b)) {
		b, _, err = f.object(at, objectEntry, headEntry, f.entry[:min(size, headEntry+maxItems*step)])
	}
	if err != nil {
		return raw{}, err
	}
	e := raw{seq: binary.LittleEndian.Uint64(b[16:]), realtime: binary.LittleEndian.Uint64(b[24:]), fields: fields[:0]}
	for b = b[headEntry:]; uint64(len(b)) >= step; b = b[step:] {
		e.fields = append(e.fields, f.reference(b))
	}
	return e, nil
}

// field reads a field, "NAME=value". packed is true where it is compressed;
// one over the bound is cut. It is overwritten by the next call.
func (f *file) field(at uint64) (text []byte, packed bool, err error) {
	head := uint64(headData)
	if f.compact {
		head += extraData
	}
	b, size, err := f.object(at, objectData, head, f.buf[:])
	if err != nil {
		return nil, false, err
	}
	if b[1]&compressed != 0 {
		return nil, true, nil
	}
	if size > uint64(len(b)) && bytes.HasPrefix(b[head:], []byte("MESSAGE=")) {
		if b, _, err = f.object(at, objectData, head, make([]byte, min(size, head+maxPayload))); err != nil {
			return nil, false, err
		}
	}
	return b[head:], false, nil
}
