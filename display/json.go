package display

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// JSONLine returns the document on one line, with the same meaning, and with
// every character that Line would escape written as JSON's own \uHHHH. What is
// not JSON comes back as a JSON string of its text.
func JSONLine(document []byte) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, document); err != nil {
		return quoted(document)
	}
	return visibleJSON(b.Bytes(), false)
}

// JSONBlock is JSONLine over many lines, indented by two spaces.
func JSONBlock(document []byte) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(document), "", "  "); err != nil {
		return quoted(document)
	}
	return visibleJSON(b.Bytes(), true)
}

func quoted(text []byte) []byte {
	data, err := json.Marshal(Line(string(text)))
	if err != nil {
		return []byte(`""`)
	}
	return data
}

// visibleJSON escapes what stands raw in the strings of a JSON document. The
// only newlines of a valid document are its layout, never part of a string.
func visibleJSON(document []byte, newlines bool) []byte {
	out := make([]byte, 0, len(document))
	for i := 0; i < len(document); {
		r, size := utf8.DecodeRune(document[i:])
		switch {
		case visible(r), newlines && r == '\n':
			out = append(out, document[i:i+size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += size
	}
	return out
}
