package window

import "encoding/binary"

// factID is the id of a fact in 16 bytes: a ULID, or a short text behind 0xff,
// which no ULID begins with before the year 10000.
type factID [16]byte

const (
	ulidText  = 26
	shortText = len(factID{}) - 2
	// crockford are the digits of a ULID, five bits each.
	crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// packFact packs an id that String gives back as it was. Any other text packs to
// nothing.
func packFact(s string) factID {
	var id factID
	switch {
	case len(s) == ulidText:
		if packed, ok := parseULID(s); ok && packed[0] != 0xff {
			id = packed
		}
	case len(s) > 0 && len(s) <= shortText:
		id[0], id[1] = 0xff, byte(len(s))
		copy(id[2:], s)
	}
	return id
}

// parseULID reads a ULID in its one canonical spelling, so that lower case and
// look-alike letters are not read: they could not be given back.
func parseULID(s string) (id factID, ok bool) {
	if s[0] > '7' {
		return id, false // more than 128 bits
	}
	var high, low uint64
	for i := range len(s) {
		digit := digits[s[i]]
		if digit == 0 {
			return id, false
		}
		high, low = high<<5|low>>59, low<<5|uint64(digit-1)
	}
	binary.BigEndian.PutUint64(id[:8], high)
	binary.BigEndian.PutUint64(id[8:], low)
	return id, true
}

// digits are the values of the digits, plus one.
var digits = func() (values [256]uint8) {
	for i := range len(crockford) {
		values[crockford[i]] = uint8(i + 1)
	}
	return values
}()

func (id factID) String() string {
	switch {
	case id == factID{}:
		return ""
	case id[0] == 0xff:
		return string(id[2 : 2+min(int(id[1]), shortText)])
	}
	high, low := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	var text [ulidText]byte
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = crockford[low&31]
		high, low = high>>5, low>>5|high<<59
	}
	return string(text[:])
}
