package index

import (
	"hash/maphash"
	"math/bits"
)

// filter tells most texts that a table does not hold from those that it may, in
// one look into a few kilobytes: most look-ups find nothing, and a large table
// is not in the processor's caches.
type filter struct {
	words []uint64
	shift uint
}

var seed = maphash.MakeSeed()

// bitsPerText keep one text in a hundred that is not held from being told so.
const bitsPerText = 16

// newFilter is of the keys of the table; nil of a nil one.
func newFilter(table map[string]span) *filter {
	if table == nil {
		return nil
	}
	n := uint(bits.Len(uint(len(table) * bitsPerText / 64)))
	f := &filter{words: make([]uint64, 1<<n), shift: 64 - n}
	for text := range table {
		word, mask := f.place(maphash.String(seed, text))
		*word |= mask
	}
	return f
}

// place is the word of a hash, and the two bits in it.
func (f *filter) place(h uint64) (*uint64, uint64) {
	return &f.words[h>>f.shift], 1<<(h&63) | 1<<(h>>6&63)
}

func (f *filter) mayHold(text string) bool {
	word, mask := f.place(maphash.String(seed, text))
	return *word&mask == mask
}

func (f *filter) mayHoldBytes(text []byte) bool {
	word, mask := f.place(maphash.Bytes(seed, text))
	return *word&mask == mask
}
