//go:build linux

package packagedb

import (
	"encoding/binary"
	"fmt"
)

// rpm's own format ndb, of numbers with the lowest byte first. Source: rpm's
// lib/backend/ndb/rpmpkg.c.
const (
	ndbMagic   = 'R' | 'p'<<8 | 'm'<<16 | 'P'<<24
	slotMagic  = 'S' | 'l'<<8 | 'o'<<16 | 't'<<24
	blobMagic  = 'B' | 'l'<<8 | 'b'<<16 | 'S'<<24
	ndbPage    = 4096 // of slots
	slotSize   = 16   // also the unit that places are counted in
	blobHeader = 16
	blobTail   = 12
)

// readNDB calls each with every header of a database Packages.db: pages of
// slots at its beginning say where each package's header lies.
func readNDB(f *file, each func(blob []byte)) error {
	page := make([]byte, ndbPage)
	if err := f.read(page, 0); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(page) != ndbMagic || binary.LittleEndian.Uint32(page[4:]) != 0 {
		return fmt.Errorf("%w: no ndb", errMalformed)
	}
	pages := int64(binary.LittleEndian.Uint32(page[12:]))
	var blob []byte
	slots := page[2*slotSize:]
	for n := int64(1); ; n++ {
		for ; len(slots) >= slotSize; slots = slots[slotSize:] {
			var err error
			if blob, err = f.slot(slots, blob, each); err != nil {
				return err
			}
		}
		if n >= pages {
			return nil
		}
		if err := f.read(page, n*ndbPage); err != nil {
			return err
		}
		slots = page
	}
}

// slot reads the header that a slot leads to, into buf.
func (f *file) slot(slot, buf []byte, each func(blob []byte)) ([]byte, error) {
	number, at, blocks := binary.LittleEndian.Uint32(slot[4:]), binary.LittleEndian.Uint32(slot[8:]), binary.LittleEndian.Uint32(slot[12:])
	if binary.LittleEndian.Uint32(slot) != slotMagic || at == 0 {
		return buf, nil // free
	}
	var head [blobHeader]byte
	place := int64(at) * slotSize
	if err := f.read(head[:], place); err != nil {
		return buf, err
	}
	size := int64(binary.LittleEndian.Uint32(head[12:]))
	if binary.LittleEndian.Uint32(head[:]) != blobMagic || binary.LittleEndian.Uint32(head[4:]) != number ||
		size > maxBlob || size+blobHeader+blobTail > int64(blocks)*slotSize || place+blobHeader+size > f.size {
		f.bad++
		return buf, nil
	}
	if int64(cap(buf)) < size {
		buf = make([]byte, size)
	}
	if err := f.read(buf[:size], place+blobHeader); err != nil {
		return buf, err
	}
	each(buf[:size])
	return buf, nil
}
