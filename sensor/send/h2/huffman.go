package h2

import "errors"

// codeLengths are the lengths in bits of the Huffman code of each octet, from
// RFC 7541 appendix B. The code is canonical, so the lengths say it all: codes
// of one length follow one another in the order of their octets, and the first
// of a length follows the last of the one before.
var codeLengths = [256]uint8{
	13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
	6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
	13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
	15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
	20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
	22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
	26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
	20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
}

const maxCode = 30 // bits of the longest code

// decoder holds, for each length, the first code of that length and where its
// octets are in the list of all octets by code.
type decoder struct {
	first  [maxCode + 1]uint32
	count  [maxCode + 1]uint32
	offset [maxCode + 1]uint32
	octets [256]byte
}

func newDecoder() *decoder {
	d := new(decoder)
	for _, n := range codeLengths {
		d.count[n]++
	}
	var code, at uint32
	var next [maxCode + 1]uint32
	for n := 1; n <= maxCode; n++ {
		code <<= 1
		d.first[n], d.offset[n], next[n] = code, at, at
		code += d.count[n]
		at += d.count[n]
	}
	for octet, n := range codeLengths {
		d.octets[next[n]] = byte(octet)
		next[n]++
	}
	return d
}

var errHuffman = errors.New("malformed Huffman code")

// decode reads a whole string. What is left of its last octet must be the
// beginning of the end-of-string code, all ones, and shorter than an octet
// (RFC 7541 section 5.2).
func (d *decoder) decode(src []byte) ([]byte, error) {
	out := make([]byte, 0, len(src)*8/5)
	var code, n uint32
	for _, b := range src {
		for bit := 7; bit >= 0; bit-- {
			code, n = code<<1|uint32(b>>bit)&1, n+1
			if n > maxCode {
				return nil, errHuffman
			}
			if i := code - d.first[n]; code >= d.first[n] && i < d.count[n] {
				out = append(out, d.octets[d.offset[n]+i])
				code, n = 0, 0
			}
		}
	}
	if n > 7 || code != 1<<n-1 {
		return nil, errHuffman
	}
	return out, nil
}
