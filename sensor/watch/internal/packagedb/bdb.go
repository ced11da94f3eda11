//go:build linux

package packagedb

import (
	"encoding/binary"
	"fmt"
)

// Pages of a Berkeley DB of hashes. Source: its dbinc/db_page.h.
const (
	hashMagic    = 0x061561
	pageHeader   = 26
	hashUnsorted = 2
	pageOverflow = 7
	hashSorted   = 13
	itemInline   = 1
	itemOverflow = 3
	itemHeader   = 12 // of an overflow item: type, page and length
)

// hashed is one walk through a Berkeley DB.
type hashed struct {
	*file
	order    binary.ByteOrder
	pageSize int
	buf      []byte
	blob     []byte
}

// readBDB calls each with every header of a database Packages: its pages hold
// keys and values by turns, and a value that does not fit goes on in a chain
// of other pages.
func readBDB(f *file, each func(blob []byte)) error {
	h := &hashed{file: f, order: binary.LittleEndian}
	meta := make([]byte, 72)
	if err := f.read(meta, 0); err != nil {
		return err
	}
	if binary.BigEndian.Uint32(meta[12:]) == hashMagic {
		h.order = binary.BigEndian
	}
	size := h.order.Uint32(meta[20:])
	if h.order.Uint32(meta[12:]) != hashMagic || size < 512 || size > 1<<16 || size&(size-1) != 0 || meta[24] != 0 {
		return fmt.Errorf("%w: no Berkeley DB of hashes", errMalformed)
	}
	h.pageSize, h.buf = int(size), make([]byte, size)
	page := make([]byte, size)
	last := int64(h.order.Uint32(meta[32:]))
	for n := int64(1); n <= last && (n+1)*int64(size) <= f.size; n++ {
		// Most pages are parts of chains: their headers tell.
		if err := f.read(page[:pageHeader], n*int64(size)); err != nil {
			return err
		}
		if kind := page[25]; kind != hashSorted && kind != hashUnsorted {
			continue
		}
		if err := f.read(page, n*int64(size)); err != nil {
			return err
		}
		if err := h.page(page, each); err != nil {
			return err
		}
	}
	return nil
}

// page reads the values of one page. Items lie from its end downwards.
func (h *hashed) page(page []byte, each func(blob []byte)) error {
	items := int(h.order.Uint16(page[20:]))
	if pageHeader+2*items > len(page) {
		h.bad++
		return nil
	}
	end := len(page)
	for i := range items {
		at := int(h.order.Uint16(page[pageHeader+2*i:]))
		if at < pageHeader+2*items || at >= end {
			h.bad++
			return nil
		}
		item := page[at:end]
		end = at
		if i%2 == 0 {
			continue // a key
		}
		if err := h.item(item, each); err != nil {
			return err
		}
	}
	return nil
}

// minHeader is the least that a package's header has. The value of key 0 is
// none: it counts the packages.
const minHeader = 8 + entrySize

func (h *hashed) item(item []byte, each func(blob []byte)) error {
	switch {
	case item[0] == itemInline:
		if len(item) > minHeader {
			each(item[1:])
		}
	case item[0] == itemOverflow && len(item) >= itemHeader:
		size := h.order.Uint32(item[8:])
		if size > maxBlob {
			h.bad++
			return nil
		}
		blob, err := h.chain(h.order.Uint32(item[4:]), int(size))
		if err != nil {
			return err
		}
		each(blob)
	default:
		h.bad++
	}
	return nil
}

// chain gathers a value from its pages.
func (h *hashed) chain(n uint32, size int) ([]byte, error) {
	h.blob = h.blob[:0]
	for len(h.blob) < size {
		if err := h.read(h.buf, int64(n)*int64(h.pageSize)); err != nil {
			return nil, err
		}
		part := int(h.order.Uint16(h.buf[22:]))
		if h.buf[25] != pageOverflow || part == 0 || pageHeader+part > len(h.buf) {
			return nil, fmt.Errorf("%w: page %d is none of a chain", errMalformed, n)
		}
		h.blob = append(h.blob, h.buf[pageHeader:pageHeader+part]...)
		n = h.order.Uint32(h.buf[16:])
	}
	return h.blob[:size], nil
}
