package display_test

import (
	"testing"

	"picket.internal/display"
)

func TestWidthAndCut(t *testing.T) {
	for _, tc := range []struct {
		in     string
		width  int
		cut    int
		want   string
		middle string
	}{
		{"", 0, 3, "", ""},
		{"abcdef", 6, 6, "abcdef", "abcdef"},
		{"abcdef", 6, 5, "abcd…", "abcd…"},
		{"abcdef", 6, 1, "…", "…"},
		{"abcdef", 6, 0, "", ""},
		{"東京都", 6, 4, "東…", "東…"},
		{"e\u0301e\u0301e\u0301", 3, 2, "e\u0301…", "e\u0301…"},
		{"🙂🙂", 4, 3, "🙂…", "🙂…"},
		{"Ünïcode", 7, 7, "Ünïcode", "Ünïcode"},
		{"/usr/lib/postgresql/15/bin/postgres", 35, 20, "/usr/lib/postgresql…", "/usr/l…/bin/postgres"},
		{"/東京/東京/東京/東京/bin", 24, 11, "/東京/東京…", "/東…京/bin"},
	} {
		if got := display.Width(tc.in); got != tc.width {
			t.Errorf("Width(%q) = %d, want %d", tc.in, got, tc.width)
		}
		if got := display.Cut(tc.in, tc.cut); got != tc.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", tc.in, tc.cut, got, tc.want)
		}
		if got := display.CutMiddle(tc.in, tc.cut); got != tc.middle {
			t.Errorf("CutMiddle(%q, %d) = %q, want %q", tc.in, tc.cut, got, tc.middle)
		}
	}
	if got := display.Pad("東", 4); got != "東  " {
		t.Errorf("Pad = %q", got)
	}
}

func TestJSON(t *testing.T) {
	const in = "{\"a\": \"x\u202e\u009b\u007f\U000e0041 \\n\", \"b\": [1]}\n"
	if got, want := string(display.JSONLine([]byte(in))), `{"a":"x\u202e\u009b\u007f\udb40\udc41 \n","b":[1]}`; got != want {
		t.Errorf("JSONLine = %s\nwant %s", got, want)
	}
	want := "{\n  \"a\": \"x\\u202e\\u009b\\u007f\\udb40\\udc41 \\n\",\n  \"b\": [\n    1\n  ]\n}"
	if got := string(display.JSONBlock([]byte(in))); got != want {
		t.Errorf("JSONBlock = %s\nwant %s", got, want)
	}
	if got, want := string(display.JSONLine([]byte("not\x1b"))), `"not\\x1b"`; got != want {
		t.Errorf("what is not JSON: %s, want %s", got, want)
	}
}
