// Package strictjson is the only way in which JSON from outside becomes Go
// values, and the only way in which Go values become JSON that is signed.
//
// encoding/json is made to be obliging: it takes the last of two members with
// one name, matches names without regard to case, turns bad UTF-8 into U+FFFD
// and null into nothing, and rounds large integers. Two programs that oblige
// differently see two documents where one was signed. Here a document has one
// meaning or none: what is not exactly expected is refused with a distinct
// error id.
//
// The package must never guess, never repair, and never hold memory in
// proportion to a claim that the input makes before it has checked it.
package strictjson

import (
	"fmt"
	"reflect"
)

// Limits bounds a document. The zero value of each field means its default.
type Limits struct {
	// Bytes is the length of the whole document; empty means 8 MiB.
	Bytes int
	// Depth is how many objects and arrays may be open at once; empty means 16.
	Depth int
	// Name is the length of a member's name in bytes; empty means 64.
	Name int
	// String is the length of a string in bytes, escapes resolved; empty means 16 KiB.
	String int
	// Items is how many elements an array and how many members an object may have; empty means 2,000.
	Items int
	// IntegersOnly refuses every number that is not a plain integer (1.0, 1e3,
	// -0), wherever it stands; empty means that floats are taken where the Go
	// type is a float.
	IntegersOnly bool
	// Canonical refuses a document that is not in the form of RFC 8785, byte
	// for byte; empty means that any spelling is taken.
	Canonical bool
}

// withDefaults fills in what is empty.
func (l Limits) withDefaults() Limits {
	fill := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	fill(&l.Bytes, 8<<20)
	fill(&l.Depth, 16)
	fill(&l.Name, 64)
	fill(&l.String, 16<<10)
	fill(&l.Items, 2000)
	return l
}

// encodeLimits bounds what Encode writes: deeper than Decode reads by default,
// because a statement is read with the bounds of its own kind.
var encodeLimits = Limits{Depth: 32}

// Check reports whether data is exactly one document within l: UTF-8, no name
// twice in an object, numbers that every reader understands alike (I-JSON).
func Check(data []byte, l Limits) error {
	r, err := newReader(data, l)
	if err != nil {
		return err
	}
	defer r.release()
	if err := r.skip(); err != nil {
		return err
	}
	return r.end()
}

// Decode checks data as Check does and stores it in the value that into points
// to, in one pass. Names match by exact case. Members that the type does not
// have are refused where unknown is nil, and else reported to it by their
// dotted path and skipped. Members whose field has neither omitempty nor
// omitzero must be there. null is refused.
//
// Fields may be booleans, integers, floats, strings, slices, maps with string
// keys, structs and pointers to these; []byte (standard base64), integers with
// the option string (decimal digits), time.Time (RFC 3339, UTC), jsontext.Value
// (a copy of the raw bytes) and anything that implements
// encoding.TextUnmarshaler. On an error the value is left as it was.
func Decode(data []byte, l Limits, into any, unknown func(path string)) error {
	return decode(data, l, false, into, unknown)
}

// Document is a document that has passed Check. Only CheckDocument makes one.
type Document struct {
	data []byte
	lim  Limits
}

// CheckDocument is Check for a document that is to be decoded later, when its
// raw values need not be looked into again. data must not change from now on.
func CheckDocument(data []byte, l Limits) (Document, error) {
	if err := Check(data, l); err != nil {
		return Document{}, err
	}
	l.Canonical = false // it is, or is not asked to be
	return Document{data: data, lim: l}, nil
}

// Decode stores the document in the value that into points to, as Decode does.
func (d Document) Decode(into any, unknown func(path string)) error {
	return decode(d.data, d.lim, true, into, unknown)
}

func decode(data []byte, l Limits, checked bool, into any, unknown func(path string)) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("internal error: decoding into %T, which is no pointer", into)
	}
	read, err := planFor(target.Type().Elem())
	if err != nil {
		return err
	}
	r, err := newReader(data, l)
	if err != nil {
		return err
	}
	defer r.release()
	r.unknown, r.checked = unknown, checked
	fresh := reflect.New(target.Type().Elem()).Elem()
	if err := read(r, fresh); err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	target.Elem().Set(fresh)
	return nil
}

// Canonical returns data in the form of RFC 8785. An integer that a double
// cannot hold is refused, never rounded.
func Canonical(data []byte) ([]byte, error) {
	const unbounded = 1 << 30
	l := Limits{Bytes: unbounded, Depth: 1000, Name: unbounded, String: unbounded, Items: unbounded}
	r, err := newReader(data, l)
	if err != nil {
		return nil, err
	}
	defer r.release()
	r.doubles = true
	out, err := r.canonical(make([]byte, 0, len(data)))
	if err != nil {
		return nil, err
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return out, nil
}

// Encode returns the canonical form of v by its json tags. It refuses a value
// whose encoding Decode would refuse: an integer beyond ±(2^53-1) without the
// option string, a string over its bound, null for a nil slice.
func Encode(v any) ([]byte, error) {
	if v == nil {
		return nil, fmt.Errorf("encoding nothing: %w", ErrNull)
	}
	data, err := appendValue(nil, reflect.ValueOf(v))
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", v, err)
	}
	r, err := newReader(data, encodeLimits)
	if err != nil {
		return nil, err
	}
	defer r.release()
	r.noNull = true
	out, err := r.canonical(make([]byte, 0, len(data)))
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", v, err)
	}
	return out, nil
}
