package strictjson

import (
	"bytes"
	"io"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// reader hands out the tokens of one document, each checked against the limits
// before anyone stores it.
type reader struct {
	data    []byte
	buf     bytes.Buffer
	dec     jsontext.Decoder
	lim     Limits
	unknown func(path string)
	checked bool // it is known that the document passes Check
	noNull  bool // refuse null also in what is skipped
	doubles bool // take integers beyond 2^53 that are a double's own spelling
	depth   int
	members []member // of the objects that canonical is in, the innermost last
	length  int      // of all tokens and separators so far: less than the input's where there is white space
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// newReader checks what can be known of data as a whole. Size comes first.
func newReader(data []byte, l Limits) (*reader, error) {
	l = l.withDefaults()
	if len(data) > l.Bytes {
		return nil, &Error{ID: ErrTooLarge.ID, Offset: -1, Detail: strconv.Itoa(len(data)) + " bytes where " + strconv.Itoa(l.Bytes) + " are allowed"}
	}
	if !utf8.Valid(data) {
		return nil, &Error{ID: ErrInvalidUTF8.ID, Offset: invalidAt(data)}
	}
	r := readers.Get().(*reader)
	r.data, r.lim = data, l
	// A bytes.Buffer is read in place; the decoder copies from other readers.
	r.buf = *bytes.NewBuffer(data)
	r.dec.Reset(&r.buf)
	return r, nil
}

// release gives the reader back; nothing may hold on to it.
func (r *reader) release() {
	r.data, r.unknown, r.buf = nil, nil, bytes.Buffer{}
	r.checked, r.noNull, r.doubles, r.depth, r.length = false, false, false, 0, 0
	clear(r.members[:cap(r.members)]) // the names are the caller's
	r.members = r.members[:0]
	if cap(r.members) > maxMembersKept {
		r.members = nil
	}
	readers.Put(r)
}

func invalidAt(data []byte) int64 {
	for i := 0; i < len(data); {
		c, n := utf8.DecodeRune(data[i:])
		if c == utf8.RuneError && n == 1 {
			return int64(i)
		}
		i += n
	}
	return -1
}

// end makes sure that the document is over.
func (r *reader) end() error {
	switch _, err := r.dec.ReadToken(); {
	case err != io.EOF:
		return &Error{ID: ErrTrailingData.ID, Offset: r.dec.InputOffset(), Detail: "more follows the document"}
	case r.lim.Canonical && r.length != len(r.data):
		return &Error{ID: ErrNotCanonical.ID, Offset: -1, Detail: "white space between tokens"}
	}
	return nil
}

// open reads the '{' or '[' that is next.
func (r *reader) open() error {
	if r.depth == r.lim.Depth {
		return r.fail(ErrTooDeep, "more than %d levels", r.lim.Depth)
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return r.syntax(err)
	}
	r.depth++
	r.length++
	return nil
}

// close reads the '}' or ']' that is next, after n elements or members.
func (r *reader) close(n int) error {
	if _, err := r.dec.ReadToken(); err != nil {
		return r.syntax(err)
	}
	r.depth--
	r.length += 1 + max(n-1, 0)
	return nil
}

// more reports whether the object or array goes on after n elements or members.
func (r *reader) more(n int, end jsontext.Kind) (bool, error) {
	switch r.dec.PeekKind() {
	case end:
		return false, nil
	case 0:
		_, err := r.dec.ReadToken()
		return false, r.syntax(err)
	}
	if n == r.lim.Items {
		return false, r.fail(ErrItems, "more than %d", r.lim.Items)
	}
	return true, nil
}

// scalar reads a string, number, boolean or null as it stands.
func (r *reader) scalar() (jsontext.Value, error) {
	raw, err := r.dec.ReadValue()
	if err != nil {
		return nil, r.syntax(err)
	}
	r.length += len(raw)
	return raw, nil
}

// name reads the name of a member and the colon. last is the raw name of the
// member before it, nil at the first.
func (r *reader) name(last jsontext.Value) (jsontext.Value, error) {
	raw, err := r.scalar()
	if err != nil {
		return nil, err
	}
	r.length++ // the colon
	if err := r.checkString(raw, r.lim.Name, ErrNameLength); err != nil {
		return nil, err
	}
	if r.lim.Canonical && last != nil && compareNames(last, raw) >= 0 {
		return nil, r.fail(ErrNotCanonical, "names out of order")
	}
	return raw, nil
}

// checkString checks a raw string, quotes included.
func (r *reader) checkString(raw []byte, limit int, over *Error) error {
	escaped := bytes.IndexByte(raw, '\\') >= 0
	if len(raw)-2 > limit && (!escaped || len(text(raw)) > limit) {
		return r.fail(over, "more than %d bytes", limit)
	}
	if escaped && r.lim.Canonical {
		shortest, err := jsontext.AppendQuote(nil, text(raw))
		if err != nil || !bytes.Equal(shortest, raw) {
			return r.fail(ErrNotCanonical, "needless escapes in a string")
		}
	}
	return nil
}

// text resolves a raw string; the tokenizer has vouched for it.
func text(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	out, _ := jsontext.AppendUnquote(nil, raw)
	return out
}

// skip checks the next value, whatever it is, and keeps nothing of it.
func (r *reader) skip() error {
	if r.checked {
		_, err := r.scalar() // or a whole object or array
		return err
	}
	switch r.dec.PeekKind() {
	case '{':
		return r.object(func(jsontext.Value) error { return r.skip() })
	case '[':
		return r.array(func() error { return r.skip() })
	}
	raw, err := r.scalar()
	if err != nil {
		return err
	}
	_, err = r.checkScalar(raw)
	return err
}

// checkScalar checks a scalar of which only the text is known, and returns what
// it is as a double if it is a number.
func (r *reader) checkScalar(raw jsontext.Value) (float64, error) {
	switch raw.Kind() {
	case '"':
		return 0, r.checkString(raw, r.lim.String, ErrStringLength)
	case '0':
		return r.checkFloat(raw)
	case 'n':
		if r.noNull {
			return 0, r.fail(ErrNull, "null where a value belongs")
		}
	}
	return 0, nil
}

// object reads the object that is next and calls member after each name.
func (r *reader) object(member func(name jsontext.Value) error) error {
	if err := r.open(); err != nil {
		return err
	}
	var last jsontext.Value
	for n := 0; ; n++ {
		more, err := r.more(n, '}')
		if err != nil {
			return err
		}
		if !more {
			return r.close(n)
		}
		if last, err = r.name(last); err != nil {
			return err
		}
		if err := member(last); err != nil {
			return err
		}
	}
}

// array reads the array that is next and calls element before each element.
func (r *reader) array(element func() error) error {
	if err := r.open(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		more, err := r.more(n, ']')
		if err != nil {
			return err
		}
		if !more {
			return r.close(n)
		}
		if err := element(); err != nil {
			return err
		}
	}
}
