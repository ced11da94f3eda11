package display_test

import (
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"picket.internal/display"
)

func TestLine(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"plain", "/usr/bin/cat", "/usr/bin/cat"},
		{"letters of other languages", "Grüße, Жизнь, 東京, 안녕", "Grüße, Жизнь, 東京, 안녕"},
		{"escape sequence", "\x1b[31mred", `\x1b[31mred`},
		{"title and bell", "\x1b]0;root\x07", `\x1b]0;root\x07`},
		{"forged row", "a\r\nb\tc", `a\r\nb\tc`},
		{"zero byte and DEL", "\x00\x7f", `\x00\x7f`},
		{"C1 in UTF-8", "\u009b31m", `\u009b31m`},
		{"C1 as a byte", "\x9b31m", `\x9b31m`},
		{"not UTF-8", "\xff\xfe", `\xff\xfe`},
		{"cut UTF-8", "\xe2\x80", `\xe2\x80`},
		{"the replacement character itself", "\ufffd", "\ufffd"},
		{"bidi override", "x\u202egpj.exe", `x\u202egpj.exe`},
		{"bidi isolate", "\u2066a\u2069", `\u2066a\u2069`},
		{"zero width", "a\u200bb\u200dc\ufeffd", `a\u200bb\u200dc\ufeffd`},
		{"soft hyphen", "a\u00adb", `a\u00adb`},
		{"spaces that are none", "a\u00a0b\u2003c", `a\u00a0b\u2003c`},
		{"line separators", "a\u2028b\u2029c\u0085d", `a\u2028b\u2029c\u0085d`},
		{"tags", "a\U000e0041", `a\u{e0041}`},
		{"variation selectors", "a\ufe0fb\U000e0100", `a\ufe0fb\u{e0100}`},
		{"fillers", "\u3164\u2800\u115f", `\u3164\u2800\u115f`},
		{"private use", "\ue000", `\ue000`},
		{"emoji stays", "🙂", "🙂"},
		{"marks stay", "e\u0301", "e\u0301"},
		{"a tower of marks", "a" + strings.Repeat("\u0301", 6), "a" + strings.Repeat("\u0301", 4) + `\u0301\u0301`},
		{"a mark with nothing below it", "\u0301a", `\u0301a`},
		{"backslash", `a\b`, `a\b`},
		{"unit of systemd", `dev-disk\x2dby`, `dev-disk\x2dby`},
		{"looks like an escape", `a\x1bb`, `a\\x1bb`},
		{"looks like a newline", `C:\new`, `C:\\new`},
		{"backslashes and an escape", `\\` + "\x1b", `\\\\\x1b`},
	} {
		if diff := cmp.Diff(tc.want, display.Line(tc.in)); diff != "" {
			t.Errorf("%s: -want +got\n%s", tc.name, diff)
		}
	}
}

func TestSegments(t *testing.T) {
	got := display.Segments("a\x1b\x07b\\n")
	want := []display.Segment{{"a", false}, {`\x1b\x07`, true}, {`b\\n`, false}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if display.Segments("") != nil {
		t.Error("nothing has segments")
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"", "a", "\x1b]52;c;..\x07\r\n", `\`, `\\n`, "\\\n", "\\\u0301", "\u202e\\u202e", "\\\\x1b\xff", `\u{e0041}`, "\\\U000e0041"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		shown := display.Line(s)
		if i := strings.IndexFunc(shown, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 || !utf8.ValidString(shown) {
			t.Fatalf("Line(%q) = %q shows what cannot be seen", s, shown)
		}
		if back := unescape(t, shown); back != s {
			t.Fatalf("Line(%q) = %q, which reads as %q", s, shown, back)
		}
		var joined strings.Builder
		for _, segment := range display.Segments(s) {
			joined.WriteString(segment.Text)
		}
		if joined.String() != shown {
			t.Fatalf("Segments(%q) says %q, Line %q", s, joined.String(), shown)
		}
		for _, n := range []int{0, 1, 5, 20} {
			if w := display.Width(display.Cut(shown, n)); w > n {
				t.Fatalf("Cut(%q, %d) takes %d columns", shown, n, w)
			}
			if w := display.Width(display.CutMiddle(shown, n)); w > n {
				t.Fatalf("CutMiddle(%q, %d) takes %d columns", shown, n, w)
			}
		}
	})
}

// unescape reads what Line wrote. That it can be written at all shows that
// different texts never look the same.
func unescape(t *testing.T, s string) string {
	var b strings.Builder
	for s != "" {
		run := len(s) - len(strings.TrimLeft(s, `\`))
		if run == 0 {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		rest := s[run:]
		if !needsDoubling(rest) {
			b.WriteString(s[:run])
			s = rest
			continue
		}
		b.WriteString(strings.Repeat(`\`, run/2))
		if s = rest; run%2 == 1 {
			var text string
			text, s = readEscape(t, rest)
			b.WriteString(text)
		}
	}
	return b.String()
}

func needsDoubling(rest string) bool {
	if rest == "" {
		return false
	}
	switch rest[0] {
	case 'n', 'r', 't':
		return true
	case 'x':
		if len(rest) < 3 {
			return false
		}
		n, err := strconv.ParseUint(rest[1:3], 16, 8)
		return err == nil && strings.ToLower(rest[1:3]) == rest[1:3] && (n < 0x20 || n == 0x7f || n >= 0x80)
	case 'u':
		return len(rest) > 1 && strings.IndexByte("{0123456789abcdef", rest[1]) >= 0
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return unicode.IsMark(r)
}

func readEscape(t *testing.T, s string) (text, rest string) {
	digits, end := "", 0
	switch {
	case s[0] == 'n':
		return "\n", s[1:]
	case s[0] == 'r':
		return "\r", s[1:]
	case s[0] == 't':
		return "\t", s[1:]
	case s[0] == 'x':
		digits, end = s[1:3], 3
	case s[1] == '{':
		end = strings.IndexByte(s, '}') + 1
		digits = s[2 : end-1]
	default:
		digits, end = s[1:5], 5
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil {
		t.Fatalf("malformed escape in %q: %v", s, err)
	}
	if s[0] == 'x' {
		return string([]byte{byte(n)}), s[end:]
	}
	return string(rune(n)), s[end:]
}
