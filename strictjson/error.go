package strictjson

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Error says why a document was refused.
type Error struct {
	// ID is one of the stable ids below, as in "json.duplicate_key".
	ID string
	// Path is where, as dotted names and array positions; empty at the top.
	Path string
	// Offset is at or before which byte; -1 where there is no position.
	Offset int64
	// Detail says it in words; it may quote the document.
	Detail string
}

// The reasons for refusing a document, to be matched with errors.Is.
var (
	ErrTooLarge     = &Error{ID: "json.too_large", Offset: -1}
	ErrTooDeep      = &Error{ID: "json.too_deep", Offset: -1}
	ErrDuplicateKey = &Error{ID: "json.duplicate_key", Offset: -1}
	ErrUnknownField = &Error{ID: "json.unknown_field", Offset: -1}
	ErrMissingField = &Error{ID: "json.missing_field", Offset: -1}
	ErrInvalidUTF8  = &Error{ID: "json.invalid_utf8", Offset: -1}
	ErrNumber       = &Error{ID: "json.number", Offset: -1}
	ErrTrailingData = &Error{ID: "json.trailing_data", Offset: -1}
	ErrNull         = &Error{ID: "json.null", Offset: -1}
	ErrType         = &Error{ID: "json.type", Offset: -1}
	ErrSyntax       = &Error{ID: "json.syntax", Offset: -1}
	ErrStringLength = &Error{ID: "json.string_too_long", Offset: -1}
	ErrItems        = &Error{ID: "json.too_many_items", Offset: -1}
	ErrNotCanonical = &Error{ID: "json.not_canonical", Offset: -1}
	ErrNameLength   = &Error{ID: "json.name_too_long", Offset: -1}
)

// Error gives the id first, then what is known of the place and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.ID)
	if e.Path != "" {
		fmt.Fprintf(&b, " at %q", e.Path)
	}
	if e.Offset >= 0 {
		fmt.Fprintf(&b, " (byte %d)", e.Offset)
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	return b.String()
}

// Is reports whether target is an Error of the same id.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.ID == e.ID
}

// fail makes an error about the token read last.
func (r *reader) fail(kind *Error, format string, args ...any) error {
	return &Error{
		ID:     kind.ID,
		Path:   dotted(r.dec.StackPointer()),
		Offset: r.dec.InputOffset(),
		Detail: fmt.Sprintf(format, args...),
	}
}

// syntax turns an error of the tokenizer into one of ours.
func (r *reader) syntax(err error) error {
	var s *jsontext.SyntacticError
	if !errors.As(err, &s) {
		return &Error{ID: ErrSyntax.ID, Offset: int64(len(r.data)), Detail: "the document ends too early"}
	}
	out := &Error{ID: ErrSyntax.ID, Path: dotted(s.JSONPointer), Offset: s.ByteOffset, Detail: s.Err.Error()}
	switch {
	case errors.Is(s.Err, jsontext.ErrDuplicateName):
		out.ID = ErrDuplicateKey.ID
		out.Detail = "an object has the name twice"
	case loneSurrogate(r.data, s.ByteOffset):
		out.ID = ErrInvalidUTF8.ID
		out.Detail = "half of a surrogate pair"
	}
	return out
}

// loneSurrogate reports whether the tokenizer stopped at an escape that names a
// surrogate; it stops there only where the other half is missing.
func loneSurrogate(data []byte, offset int64) bool {
	if offset < 0 || offset+4 > int64(len(data)) {
		return false
	}
	b := data[offset:]
	return b[0] == '\\' && b[1] == 'u' && (b[2] == 'd' || b[2] == 'D') && strings.IndexByte("89abcdefABCDEF", b[3]) >= 0
}

// dotted writes a JSON pointer the way that rules name fields.
func dotted(p jsontext.Pointer) string {
	var names []string
	for name := range p.Tokens() {
		names = append(names, name)
	}
	return strings.Join(names, ".")
}
