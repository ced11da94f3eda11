package rule

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// quotedReader follows a quoted YAML scalar through the file, character by
// character, the way YAML decodes it.
type quotedReader struct {
	lines  []string
	double bool
	n      int    // line, from 0
	rest   string // what of the line is left
	column int

	out      strings.Builder
	segments []segment
}

// quoted follows a single or double quoted scalar. It is right or it says no:
// what was decoded on the way must be the value.
func (t *text) quoted(s *source, double bool) bool {
	if t.start.line > len(s.lines) {
		return false
	}
	r := &quotedReader{lines: s.lines, double: double, n: t.start.line - 1, column: 1}
	r.rest = s.lines[r.n]
	for r.column < t.start.column && r.rest != "" {
		r.take()
	}
	if r.rest == "" || r.take() != r.quote() {
		return false
	}
	if !r.read() || r.out.String() != t.value {
		return false
	}
	t.segments = r.segments
	return true
}

func (r *quotedReader) quote() rune {
	if r.double {
		return '"'
	}
	return '\''
}

func (r *quotedReader) take() rune {
	c, size := utf8.DecodeRuneInString(r.rest)
	r.rest = r.rest[size:]
	r.column++
	return c
}

// emit notes where the character that was decoded comes from.
func (r *quotedReader) emit(c rune, column int) {
	r.segments = append(r.segments, segment{r.out.Len(), place{r.n + 1, column}})
	r.out.WriteRune(c)
}

func (r *quotedReader) read() bool {
	for {
		if r.rest == "" {
			if !r.fold(true) {
				return false
			}
			continue
		}
		column := r.column
		c := r.take()
		switch {
		case c == r.quote() && !r.double && strings.HasPrefix(r.rest, "'"):
			r.take()
			r.emit('\'', column)
		case c == r.quote():
			return true
		case c == '\\' && r.double:
			if !r.escape(column) {
				return false
			}
		default:
			r.emit(c, column)
		}
	}
}

// fold takes line breaks and the blanks around them: one break is a space,
// each further one a line feed.
func (r *quotedReader) fold(space bool) bool {
	trimmed := strings.TrimRight(r.out.String(), " \t")
	if space {
		r.out.Reset()
		r.out.WriteString(trimmed)
		for len(r.segments) > 0 && r.segments[len(r.segments)-1].from >= len(trimmed) {
			r.segments = r.segments[:len(r.segments)-1]
		}
	}
	breaks := 0
	for strings.TrimLeft(r.rest, " \t") == "" {
		if r.n++; r.n >= len(r.lines) {
			return false
		}
		breaks++
		r.rest, r.column = r.lines[r.n], 1
	}
	for strings.HasPrefix(r.rest, " ") || strings.HasPrefix(r.rest, "\t") {
		r.take()
	}
	if space && breaks == 1 {
		r.emit(' ', r.column)
	}
	for range breaks - 1 {
		r.emit('\n', r.column)
	}
	return true
}

var escapes = map[rune]rune{
	'0': 0, 'a': '\a', 'b': '\b', 't': '\t', '\t': '\t', 'n': '\n', 'v': '\v', 'f': '\f', 'r': '\r', 'e': '\x1b',
	' ': ' ', '"': '"', '/': '/', '\\': '\\', 'N': '\u0085', '_': '\u00a0', 'L': '\u2028', 'P': '\u2029',
}

func (r *quotedReader) escape(column int) bool {
	if r.rest == "" {
		return r.fold(false)
	}
	c := r.take()
	if e, ok := escapes[c]; ok {
		r.emit(e, column)
		return true
	}
	digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}[c]
	if digits == 0 || len(r.rest) < digits {
		return false
	}
	code, err := strconv.ParseUint(r.rest[:digits], 16, 32)
	if err != nil {
		return false
	}
	for range digits {
		r.take()
	}
	r.emit(rune(code), column)
	return true
}
