// Package display makes text that a host has sent fit for a person's eyes, in
// a terminal as in a browser.
//
// A file name can hold anything but a slash and a zero byte: escape sequences
// that rewrite the screen, newlines that forge a row, marks that turn the
// reading direction around, characters that take no room at all. Line shows
// every one of them as a visible escape, and does so without loss: two
// different texts never look the same.
//
// The package knows nothing of facts, alerts or markup; it must never emit a
// control character and never drop one silently.
package display

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks may follow one another. Languages need
// up to four; more of them climb over the lines above and below.
const maxMarks = 4

// A Segment is a stretch of text that is shown as it is, or an escape that
// stands for what must not be.
type Segment struct {
	Text    string
	Escaped bool
}

// Line returns s for one line of output: printable characters and spaces as
// they are, everything else as \n, \r, \t, \xHH (other bytes below 0x20, 0x7f,
// and bytes that are not UTF-8) or \u{H…}. A backslash is doubled only where
// it could be taken for one of these.
func Line(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	split(s, func(text string, _ bool) { b.WriteString(text) })
	return b.String()
}

// Segments splits the Line of s so that escapes can be set apart from text.
func Segments(s string) []Segment {
	if s == "" {
		return nil
	}
	if plain(s) {
		return []Segment{{Text: s}}
	}
	var segments []Segment
	split(s, func(text string, escaped bool) {
		if n := len(segments); n > 0 && segments[n-1].Escaped == escaped {
			segments[n-1].Text += text
			return
		}
		segments = append(segments, Segment{text, escaped})
	})
	return segments
}

// plain is the quick way out for nearly every text.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}

// split walks over s and hands out its parts, in order.
func split(s string, emit func(text string, escaped bool)) {
	start, marks := 0, maxMarks // a mark with nothing before it would land on our own text
	for i := 0; i < len(s); {
		if s[i] == '\\' {
			run := len(s[i:]) - len(strings.TrimLeft(s[i:], `\`))
			if ambiguous(s[i+run:]) {
				emit(s[start:i+run]+strings.Repeat(`\`, run), false)
				start = i + run
			}
			i, marks = i+run, 0
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.IsMark(r) {
			marks++
		} else {
			marks = 0
		}
		if r == utf8.RuneError && size == 1 || !visible(r) || marks > maxMarks {
			if start < i {
				emit(s[start:i], false)
			}
			emit(escape(s[i:i+size], r), true)
			start = i + size
		}
		i += size
	}
	if start < len(s) {
		emit(s[start:], false)
	}
}

func escape(raw string, r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case len(raw) == 1: // a control character of ASCII, or a byte that is not UTF-8
		return fmt.Sprintf(`\x%02x`, raw[0])
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	default:
		return fmt.Sprintf(`\u{%x}`, r)
	}
}

// ambiguous tells whether backslashes before rest could be read as the begin
// of an escape: rest looks like one, or will be shown as one.
func ambiguous(rest string) bool {
	if rest == "" {
		return false
	}
	switch rest[0] {
	case 'n', 'r', 't':
		return true
	case 'x':
		return len(rest) > 2 && hexEscape(rest[1:3])
	case 'u':
		return len(rest) > 1 && (rest[1] == '{' || isHex(rest[1]))
	}
	r, size := utf8.DecodeRuneInString(rest)
	return r == utf8.RuneError && size == 1 || !visible(r) || unicode.IsMark(r)
}

// hexEscape tells whether \xHH is an escape that Line writes. Names of systemd
// units are full of others, as in "dev-disk-by\x2duuid", and stay as they are.
func hexEscape(digits string) bool {
	if !isHex(digits[0]) || !isHex(digits[1]) {
		return false
	}
	return digits[0] < '2' || digits[0] > '7' || digits == "7f"
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f'
}

// visible tells whether a rune can be seen and stays where it is put.
func visible(r rune) bool {
	// IsPrint leaves out controls, bidi and zero-width formats, all spaces but
	// ASCII's, line separators, private use and what is not assigned.
	return unicode.IsPrint(r) && !unicode.Is(blank, r)
}

// blank lists what Unicode calls a letter, a mark or a symbol although nothing
// is to be seen of it.
var blank = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x034f, 0x034f, 1}, // combining grapheme joiner
		{0x115f, 0x1160, 1}, // Hangul fillers
		{0x17b4, 0x17b5, 1}, // Khmer inherent vowels
		{0x180b, 0x180f, 1}, // Mongolian selectors
		{0x2800, 0x2800, 1}, // empty Braille pattern
		{0x3164, 0x3164, 1}, // Hangul filler
		{0xfe00, 0xfe0f, 1}, // variation selectors
		{0xffa0, 0xffa0, 1}, // halfwidth Hangul filler
	},
	R32: []unicode.Range32{{0xe0100, 0xe01ef, 1}}, // more variation selectors
}
