package h2

import (
	"errors"
	"fmt"
)

// Field is one line of a header. Names are lower case.
type Field struct{ Name, Value string }

// maxFields bounds how much a header may hold, decoded.
const maxFields = 32 << 10

// staticTable is RFC 7541 appendix A; its entries count from 1.
var staticTable = [...]Field{
	{":authority", ""}, {":method", "GET"}, {":method", "POST"}, {":path", "/"}, {":path", "/index.html"},
	{":scheme", "http"}, {":scheme", "https"}, {":status", "200"}, {":status", "204"}, {":status", "206"},
	{":status", "304"}, {":status", "400"}, {":status", "404"}, {":status", "500"}, {"accept-charset", ""},
	{"accept-encoding", "gzip, deflate"}, {"accept-language", ""}, {"accept-ranges", ""}, {"accept", ""},
	{"access-control-allow-origin", ""}, {"age", ""}, {"allow", ""}, {"authorization", ""}, {"cache-control", ""},
	{"content-disposition", ""}, {"content-encoding", ""}, {"content-language", ""}, {"content-length", ""},
	{"content-location", ""}, {"content-range", ""}, {"content-type", ""}, {"cookie", ""}, {"date", ""}, {"etag", ""},
	{"expect", ""}, {"expires", ""}, {"from", ""}, {"host", ""}, {"if-match", ""}, {"if-modified-since", ""},
	{"if-none-match", ""}, {"if-range", ""}, {"if-unmodified-since", ""}, {"last-modified", ""}, {"link", ""},
	{"location", ""}, {"max-forwards", ""}, {"proxy-authenticate", ""}, {"proxy-authorization", ""}, {"range", ""},
	{"referer", ""}, {"refresh", ""}, {"retry-after", ""}, {"server", ""}, {"set-cookie", ""},
	{"strict-transport-security", ""}, {"transfer-encoding", ""}, {"user-agent", ""}, {"vary", ""}, {"via", ""},
	{"www-authenticate", ""},
}

var errHPACK = errors.New("malformed header block")

// appendField writes a field as a literal that no table remembers (RFC 7541
// section 6.2.2).
func appendField(dst []byte, name, value string) []byte {
	dst = append(dst, 0)
	for _, s := range [...]string{name, value} {
		dst = appendInt(dst, 7, uint64(len(s)))
		dst = append(dst, s...)
	}
	return dst
}

// appendInt writes an integer with a prefix of n bits, whose other bits are 0
// (section 5.1).
func appendInt(dst []byte, n uint, v uint64) []byte {
	if full := uint64(1)<<n - 1; v >= full {
		dst = append(dst, byte(full))
		for v -= full; v >= 0x80; v >>= 7 {
			dst = append(dst, byte(v)|0x80)
		}
	}
	return append(dst, byte(v))
}

// parseFields reads a header block. The sensor allows its peer no dynamic
// table, so blocks do not depend on one another.
func parseFields(block []byte, huffman *decoder) ([]Field, error) {
	p := fieldParser{rest: block, huffman: huffman}
	var fields []Field
	size := 0
	for len(p.rest) > 0 {
		f, ok, err := p.field()
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if size += len(f.Name) + len(f.Value) + 32; size > maxFields { // as RFC 9113 section 6.5.2 counts
			return nil, fmt.Errorf("%w: more than %d bytes", errHPACK, maxFields)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

type fieldParser struct {
	rest    []byte
	huffman *decoder
}

// field reads the next instruction; not ok where that is no field.
func (p *fieldParser) field() (f Field, ok bool, err error) {
	switch b := p.rest[0]; {
	case b&0x80 != 0: // indexed, section 6.1
		f, err = p.indexed(7)
		return f, true, err
	case b&0xe0 == 0x20: // size of the dynamic table, section 6.3
		size, err := p.integer(5)
		if err == nil && size > 0 {
			err = fmt.Errorf("%w: a dynamic table of %d bytes", errHPACK, size)
		}
		return Field{}, false, err
	case b&0xc0 == 0x40: // literal to be remembered, 6.2.1; a table of no size forgets it at once
		f, err = p.literal(6)
	default: // literal, 6.2.2 and 6.2.3
		f, err = p.literal(4)
	}
	return f, true, err
}

func (p *fieldParser) indexed(prefix uint) (Field, error) {
	i, err := p.integer(prefix)
	if err != nil {
		return Field{}, err
	}
	if i < 1 || i > uint64(len(staticTable)) {
		return Field{}, fmt.Errorf("%w: index %d", errHPACK, i)
	}
	return staticTable[i-1], nil
}

func (p *fieldParser) literal(prefix uint) (f Field, err error) {
	if p.rest[0]&(1<<prefix-1) != 0 {
		f, err = p.indexed(prefix)
	} else {
		p.rest = p.rest[1:]
		f.Name, err = p.text()
	}
	if err == nil {
		f.Value, err = p.text()
	}
	return f, err
}

// integer reads a number with a prefix of n bits. None of ours exceeds 28.
func (p *fieldParser) integer(n uint) (uint64, error) {
	if len(p.rest) == 0 {
		return 0, errHPACK
	}
	full := uint64(1)<<n - 1
	v := uint64(p.rest[0]) & full
	p.rest = p.rest[1:]
	if v < full {
		return v, nil
	}
	for shift := 0; shift < 28 && len(p.rest) > 0; shift += 7 {
		b := p.rest[0]
		p.rest = p.rest[1:]
		v += uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, errHPACK
}

func (p *fieldParser) text() (string, error) {
	if len(p.rest) == 0 {
		return "", errHPACK
	}
	coded := p.rest[0]&0x80 != 0
	n, err := p.integer(7)
	if err != nil || n > uint64(len(p.rest)) {
		return "", errHPACK
	}
	raw := p.rest[:n]
	p.rest = p.rest[n:]
	if coded {
		if raw, err = p.huffman.decode(raw); err != nil {
			return "", fmt.Errorf("%w: %w", errHPACK, err)
		}
	}
	return string(raw), nil
}
