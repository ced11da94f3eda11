//go:build linux

package packagedb

import (
	"bytes"
	"hash/maphash"
)

const (
	// maxSketch bounds a sketch, in bytes: it has room for 800,000 files.
	maxSketch = 1 << 20
	// maxSketched is of how many lists there may be a sketch.
	maxSketched = 1 << 14
	// nameBits and probes have one list in a hundred read for nothing.
	nameBits = 10
	probes   = 7
)

// sketch knows which lists of files may hold a name, so that a pass reads a few
// lists instead of all of them: there are hundreds, with a hundred thousand
// paths. It is a Bloom filter for each list. What it says no to is not there;
// what it says yes to may be, and the list tells.
//
// A sketch never changes once it is made, and holds as long as the stamp of the
// databases does.
type sketch struct {
	lists []sketched
	bits  []byte // of one list after the other
}

type sketched struct {
	owner    string
	from, to int // its bits
}

// names has a seed of its own in each process: nobody can make a package whose
// names meet.
var names = maphash.MakeSeed()

func nameHash(name []byte) uint64 { return maphash.Bytes(names, name) }

// sketcher makes a sketch while all lists are read.
type sketcher struct {
	sketch
	hashes []uint64 // of the list that is being read
	full   bool     // it is over its bounds: there will be none
}

// note takes in a path of the list that is being read.
func (s *sketcher) note(path []byte) {
	if s.full = s.full || len(s.hashes) >= maxSketch; !s.full {
		s.hashes = append(s.hashes, nameHash(path[bytes.LastIndexByte(path, '/')+1:]))
	}
}

// end is the end of a list.
func (s *sketcher) end(owner string) {
	size := len(s.hashes)*nameBits/8 + 1
	if s.full = s.full || len(s.bits)+size > maxSketch || len(s.lists) == maxSketched; s.full {
		s.hashes, s.sketch = nil, sketch{}
		return
	}
	l := sketched{owner, len(s.bits), len(s.bits) + size}
	s.bits = append(s.bits, make([]byte, size)...)
	for _, h := range s.hashes {
		for n := range uint64(probes) {
			at, bit := l.probe(h, n)
			s.bits[at] |= bit
		}
	}
	s.lists, s.hashes = append(s.lists, l), s.hashes[:0]
}

// made is the sketch of all that was read; nil where it would be too large.
func (s *sketcher) made() *sketch {
	if s.full {
		return nil
	}
	return &sketch{lists: s.lists, bits: bytes.Clone(s.bits)}
}

// probe is where one of the bits of a name is.
func (l *sketched) probe(hash, n uint64) (at int, bit byte) {
	i := (hash + n*(hash>>32|1)) % uint64(8*(l.to-l.from))
	return l.from + int(i/8), 1 << (i % 8)
}

// mayHold tells whether a list may hold one of the names.
func (s *sketch) mayHold(l *sketched, hashes []uint64) bool {
	for _, h := range hashes {
		found := true
		for n := uint64(0); found && n < probes; n++ {
			at, bit := l.probe(h, n)
			found = s.bits[at]&bit != 0
		}
		if found {
			return true
		}
	}
	return false
}
