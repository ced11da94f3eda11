package display

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Ellipsis stands where Cut left something out.
const Ellipsis = "…"

// Width is how many columns of a terminal the text takes. It is meant for what
// Line returns: there every rune can be seen.
func Width(s string) int {
	if plainASCII(s) {
		return len(s)
	}
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// Cut returns s, or as much of its beginning as fits into width columns
// together with an ellipsis. A wide character is never halved, a combining
// mark never parted from its letter.
func Cut(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	if width < 1 {
		return ""
	}
	return s[:fit(s, width-1)] + Ellipsis
}

// CutMiddle is Cut for paths, whose end says more than their middle: two
// thirds of the room go to the end.
func CutMiddle(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	if width < 8 {
		return Cut(s, width)
	}
	head := s[:fit(s, (width-1)/3)]
	room := width - 1 - Width(head)
	tail := len(s)
	for tail > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:tail])
		if room -= runeWidth(r); room < 0 {
			break
		}
		tail -= size
	}
	for tail < len(s) { // a mark whose letter was left out would sit on the ellipsis
		r, size := utf8.DecodeRuneInString(s[tail:])
		if runeWidth(r) > 0 {
			break
		}
		tail += size
	}
	return head + Ellipsis + s[tail:]
}

// Pad fills s with spaces to width columns; what is wider stays as it is.
func Pad(s string, width int) string {
	if missing := width - Width(s); missing > 0 {
		return s + strings.Repeat(" ", missing)
	}
	return s
}

// fit is how many bytes of s fit into width columns, marks included.
func fit(s string, width int) int {
	for i, r := range s {
		if width -= runeWidth(r); width < 0 {
			return i
		}
	}
	return len(s)
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	default:
		return 1
	}
}

// wide lists the runes that terminals draw over two columns: those that
// Unicode Standard Annex 11 calls W or F, rounded to whole blocks where a few
// that are not assigned lie between.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, // Hangul leading consonants
		{0x231a, 0x231b, 1}, {0x2329, 0x232a, 1}, {0x23e9, 0x23ec, 1}, {0x23f0, 0x23f0, 1}, {0x23f3, 0x23f3, 1},
		{0x25fd, 0x25fe, 1}, {0x2614, 0x2615, 1}, {0x2648, 0x2653, 1}, {0x267f, 0x267f, 1}, {0x2693, 0x2693, 1},
		{0x26a1, 0x26a1, 1}, {0x26aa, 0x26ab, 1}, {0x26bd, 0x26be, 1}, {0x26c4, 0x26c5, 1}, {0x26ce, 0x26ce, 1},
		{0x26d4, 0x26d4, 1}, {0x26ea, 0x26ea, 1}, {0x26f2, 0x26f3, 1}, {0x26f5, 0x26f5, 1}, {0x26fa, 0x26fa, 1},
		{0x26fd, 0x26fd, 1}, {0x2705, 0x2705, 1}, {0x270a, 0x270b, 1}, {0x2728, 0x2728, 1}, {0x274c, 0x274c, 1},
		{0x274e, 0x274e, 1}, {0x2753, 0x2755, 1}, {0x2757, 0x2757, 1}, {0x2795, 0x2797, 1}, {0x27b0, 0x27b0, 1},
		{0x27bf, 0x27bf, 1}, {0x2b1b, 0x2b1c, 1}, {0x2b50, 0x2b50, 1}, {0x2b55, 0x2b55, 1},
		{0x2e80, 0x303e, 1},                      // radicals, CJK punctuation
		{0x3041, 0x4dbf, 1},                      // kana, Hangul letters, ideographs
		{0x4e00, 0xa4c6, 1},                      // ideographs, Yi
		{0xa960, 0xa97c, 1},                      // Hangul leading consonants
		{0xac00, 0xd7a3, 1},                      // Hangul syllables
		{0xf900, 0xfaff, 1},                      // compatibility ideographs
		{0xfe10, 0xfe19, 1}, {0xfe30, 0xfe6b, 1}, // vertical and small forms
		{0xff01, 0xff60, 1}, {0xffe0, 0xffe6, 1}, // fullwidth forms
	},
	R32: []unicode.Range32{
		{0x16fe0, 0x18cff, 1}, {0x1aff0, 0x1b2ff, 1}, // Tangut, Khitan, kana
		{0x1f004, 0x1f004, 1}, {0x1f0cf, 0x1f0cf, 1}, {0x1f18e, 0x1f18e, 1}, {0x1f191, 0x1f19a, 1},
		{0x1f1e6, 0x1f202, 1}, {0x1f210, 0x1f23b, 1}, {0x1f240, 0x1f265, 1},
		{0x1f300, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1}, {0x1f7e0, 0x1f7f0, 1}, // pictures
		{0x1f900, 0x1f9ff, 1}, {0x1fa70, 0x1faff, 1},
		{0x20000, 0x3fffd, 1}, // ideographs
	},
}
