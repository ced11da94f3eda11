//go:build linux

package packagedb

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// The tags of a header that are needed. Source: rpmtag.h.
const (
	tagName        = 1000
	tagVersion     = 1001
	tagRelease     = 1002
	tagEpoch       = 1003
	tagArch        = 1022
	tagFileStates  = 1029
	tagFileDigests = 1035
	tagFileFlags   = 1037
	tagDirIndexes  = 1116
	tagBasenames   = 1117
	tagDirnames    = 1118
	tagDigestAlgo  = 5011
)

// The types of values that are needed.
const (
	typeChar        = 1
	typeInt32       = 4
	typeString      = 6
	typeStringArray = 8
	typeI18N        = 9
)

const (
	// maxEntries is how many tags a header may have, as rpm itself bounds it.
	maxEntries = 0xffff
	entrySize  = 16
)

// header is the header of an installed package as rpm stores it: an index of
// entries of four 32-bit numbers with the highest byte first (tag, type,
// offset, count), then the data that it leads to. Source: rpm's
// docs/manual/hregions.md and format_header.md.
type header struct{ index, data []byte }

func parseHeader(blob []byte) (*header, error) {
	if len(blob) < 8 {
		return nil, fmt.Errorf("malformed header: %d bytes", len(blob))
	}
	entries, size := binary.BigEndian.Uint32(blob), binary.BigEndian.Uint32(blob[4:])
	blob = blob[8:]
	if entries > maxEntries || uint64(entries)*entrySize+uint64(size) > uint64(len(blob)) {
		return nil, fmt.Errorf("malformed header: %d entries and %d bytes of data in %d bytes", entries, size, len(blob))
	}
	at := entries * entrySize
	return &header{index: blob[:at], data: blob[at : at+size]}, nil
}

// find is the data from the first value of a tag on, and how many values it
// has; none where the tag is missing or of another type.
func (h *header) find(tag uint32, types ...uint32) (data []byte, count int) {
	for e := h.index; len(e) >= entrySize; e = e[entrySize:] {
		if binary.BigEndian.Uint32(e) != tag {
			continue
		}
		kind, at, n := binary.BigEndian.Uint32(e[4:]), binary.BigEndian.Uint32(e[8:]), binary.BigEndian.Uint32(e[12:])
		for _, t := range types {
			// Every value has a byte at least: more than there are bytes
			// cannot be.
			if t == kind && uint64(at) < uint64(len(h.data)) && uint64(n) <= uint64(len(h.data))-uint64(at) {
				return h.data[at:], int(n)
			}
		}
	}
	return nil, 0
}

// text is the first string of a tag.
func (h *header) text(tag uint32) []byte {
	data, n := h.find(tag, typeString, typeI18N, typeStringArray)
	if n == 0 {
		return nil
	}
	s, _, ok := bytes.Cut(data, []byte{0})
	if !ok {
		return nil
	}
	return s
}

// nth is one string of a tag, numbered from 0.
func (h *header) nth(tag uint32, i int) (s []byte) {
	data, n := h.find(tag, typeStringArray)
	if i < 0 || i >= n {
		return nil
	}
	for ok := true; i >= 0 && ok; i-- {
		if s, data, ok = bytes.Cut(data, []byte{0}); !ok {
			return nil
		}
	}
	return s
}

// number is the value i of a tag of 32-bit numbers.
func (h *header) number(tag uint32, i int) (uint32, bool) {
	data, n := h.find(tag, typeInt32)
	if i < 0 || i >= n || len(data) < 4*(i+1) {
		return 0, false
	}
	return binary.BigEndian.Uint32(data[4*i:]), true
}

// identity is the package; false where it has no name or version.
func (h *header) identity() (p Package, ok bool) {
	name, ok1 := text(h.text(tagName))
	version, ok2 := text(h.text(tagVersion))
	release, ok3 := text(h.text(tagRelease))
	p = Package{Name: name, Version: version + "-" + release, Type: RPM}
	if epoch, ok := h.number(tagEpoch, 0); ok && epoch != 0 {
		p.Version = fmt.Sprintf("%d:%s", epoch, p.Version)
	}
	p.Architecture, _ = text(h.text(tagArch)) // a key in the database has none
	return p, ok1 && ok2 && ok3
}
