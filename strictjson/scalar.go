package strictjson

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"reflect"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// expect makes sure that a value of the wanted kind is next.
func (r *reader) expect(want jsontext.Kind, t reflect.Type) error {
	have := r.dec.PeekKind()
	if have == want {
		return nil
	}
	raw, err := r.peeked(have)
	switch {
	case err != nil:
		return err
	case raw == 'n':
		return r.fail(ErrNull, "null where a value belongs")
	}
	return r.fail(ErrType, "%v where a %v belongs", raw, t)
}

// peeked reads the value that is next where it is a scalar, so that the error
// that follows tells its place.
func (r *reader) peeked(kind jsontext.Kind) (jsontext.Kind, error) {
	if kind == '{' || kind == '[' {
		return kind, r.open()
	}
	raw, err := r.scalar()
	if err != nil {
		return 0, err
	}
	return raw.Kind(), nil
}

// stringValue reads a string within its bound.
func (r *reader) stringValue(t reflect.Type) ([]byte, error) {
	if err := r.expect('"', t); err != nil {
		return nil, err
	}
	raw, err := r.scalar()
	if err != nil {
		return nil, err
	}
	if err := r.checkString(raw, r.lim.String, ErrStringLength); err != nil {
		return nil, err
	}
	return text(raw), nil
}

func decodeString(r *reader, v reflect.Value) error {
	s, err := r.stringValue(v.Type())
	if err != nil {
		return err
	}
	v.SetString(string(s))
	return nil
}

func decodeBool(r *reader, v reflect.Value) error {
	if r.dec.PeekKind() != 'f' {
		if err := r.expect('t', v.Type()); err != nil {
			return err
		}
	}
	raw, err := r.scalar()
	if err != nil {
		return err
	}
	v.SetBool(raw.Kind() == 't')
	return nil
}

// integerValue reads a number that must be an integer.
func (r *reader) integerValue(t reflect.Type) (int64, error) {
	if err := r.expect('0', t); err != nil {
		return 0, err
	}
	raw, err := r.scalar()
	if err != nil {
		return 0, err
	}
	n, err := r.checkInteger(raw)
	if err == nil && n == 0 && raw[0] == '-' {
		return 0, r.fail(ErrNumber, "-0 is not an integer")
	}
	return n, err
}

func decodeInt(r *reader, v reflect.Value) error {
	n, err := r.integerValue(v.Type())
	if err != nil {
		return err
	}
	if v.OverflowInt(n) {
		return r.fail(ErrNumber, "%d does not fit a %v", n, v.Type())
	}
	v.SetInt(n)
	return nil
}

func decodeUint(r *reader, v reflect.Value) error {
	n, err := r.integerValue(v.Type())
	if err != nil {
		return err
	}
	if n < 0 || v.OverflowUint(uint64(n)) {
		return r.fail(ErrNumber, "%d does not fit a %v", n, v.Type())
	}
	v.SetUint(uint64(n))
	return nil
}

func decodeFloat(r *reader, v reflect.Value) error {
	if err := r.expect('0', v.Type()); err != nil {
		return err
	}
	raw, err := r.scalar()
	if err != nil {
		return err
	}
	f, err := r.checkFloat(raw)
	if err != nil {
		return err
	}
	if v.OverflowFloat(f) {
		return r.fail(ErrNumber, "%.40q does not fit a %v", raw, v.Type())
	}
	v.SetFloat(f)
	return nil
}

// digits reports whether s is ^(0|[1-9][0-9]{0,19})$.
func digits(s []byte) bool {
	if len(s) == 0 || len(s) > 20 || s[0] == '0' && len(s) > 1 {
		return false
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func decodeQuotedUint(r *reader, v reflect.Value) error {
	s, err := r.stringValue(v.Type())
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(string(s), 10, 64)
	if err != nil || !digits(s) || v.OverflowUint(n) {
		return r.fail(ErrNumber, "%.40q is not a decimal integer of 64 bits", s)
	}
	v.SetUint(n)
	return nil
}

func decodeQuotedInt(r *reader, v reflect.Value) error {
	s, err := r.stringValue(v.Type())
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(string(s), 10, 64)
	unsigned := s
	if n < 0 {
		unsigned = s[1:]
	}
	if err != nil || !digits(unsigned) || v.OverflowInt(n) {
		return r.fail(ErrNumber, "%.40q is not a decimal integer of 64 bits", s)
	}
	v.SetInt(n)
	return nil
}

func decodeBytes(r *reader, v reflect.Value) error {
	s, err := r.stringValue(v.Type())
	if err != nil {
		return err
	}
	b, err := base64.StdEncoding.Strict().DecodeString(string(s))
	// The decoder passes over line breaks, which would be a second spelling.
	if err != nil || base64.StdEncoding.EncodedLen(len(b)) != len(s) {
		return r.fail(ErrType, "malformed base64")
	}
	v.SetBytes(b)
	return nil
}

func decodeTime(r *reader, v reflect.Value) error {
	s, err := r.stringValue(v.Type())
	if err != nil {
		return err
	}
	t := v.Addr().Interface().(*time.Time)
	// UnmarshalText takes a comma before the fraction, RFC 3339 does not.
	if len(s) == 0 || s[len(s)-1] != 'Z' || bytes.IndexByte(s, ',') >= 0 || t.UnmarshalText(s) != nil {
		return r.fail(ErrType, "%.40q is not an RFC 3339 time in UTC", s)
	}
	return nil
}

func decodeText(r *reader, v reflect.Value) error {
	s, err := r.stringValue(v.Type())
	if err != nil {
		return err
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(s); err != nil {
		return r.fail(ErrType, "%v", err)
	}
	return nil
}

// decodeRaw checks the next value and keeps a copy of its bytes.
func decodeRaw(r *reader, v reflect.Value) error {
	kind := r.dec.PeekKind()
	before := r.dec.InputOffset()
	if err := r.skip(); err != nil {
		return err
	}
	raw := r.data[before:r.dec.InputOffset()]
	// Between the token before and this value there are separators only.
	for raw[0] == ',' || raw[0] == ':' || raw[0] == ' ' || raw[0] == '\n' || raw[0] == '\r' || raw[0] == '\t' {
		raw = raw[1:]
	}
	if kind == 'n' {
		return r.fail(ErrNull, "null where a value belongs")
	}
	v.SetBytes(append(jsontext.Value(nil), raw...))
	return nil
}
