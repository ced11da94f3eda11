package queue

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// idDigits is Crockford's base 32, which a ULID is written in.
const idDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// ulids makes the ids of facts: 48 bits of milliseconds and 80 random ones, so
// that ids sort by time, and within a millisecond in the order they were made.
// The hub reads them with github.com/oklog/ulid, which is too large for the
// sensor: it brings a second source of random numbers and database/sql.
type ulids struct {
	high, low uint64 // the last one
}

// next returns the id of a fact of now.
func (u *ulids) next(now time.Time) string {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails (Go 1.24)
	at := uint64(now.UnixMilli()) << 16
	if at != u.high&^0xffff {
		u.high = at | uint64(binary.BigEndian.Uint16(random[:]))
		u.low = binary.BigEndian.Uint64(random[2:])
		return u.text()
	}
	// A step that nobody can foretell. Past the last of 2^80 it starts again.
	before := u.low
	if u.low += 1 + uint64(binary.BigEndian.Uint32(random[:])); u.low < before {
		u.high = at | uint64(uint16(u.high+1))
	}
	return u.text()
}

// text writes 128 bits as 26 digits, of which the first has only 3 bits.
func (u *ulids) text() string {
	var digits [26]byte
	high, low := u.high, u.low
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = idDigits[low&31]
		low = low>>5 | high<<(64-5)
		high >>= 5
	}
	return string(digits[:])
}
