package rule_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/rule"
)

func TestNearest(t *testing.T) {
	candidates := []string{"process", "package", "canary", "pid", "name", "executable", "in"}
	for word, want := range map[string]string{
		"proces": "process", "porcess": "process", "Process": "process", "canarie": "canary", "pdi": "pid", "nam": "name",
		"executible": "executable", "root": "", "": "", "x": "", "zzzzzzzz": "", "process": "process", "o": "",
	} {
		if got := rule.Nearest(word, candidates); got != want {
			t.Errorf("%q: %q, wanted %q", word, got, want)
		}
	}
	if got := rule.Nearest(strings.Repeat("x", 10_000), candidates); got != "" {
		t.Errorf("a long word: %q", got)
	}
}

// Words inside texts and comments, and names after a dot, are not variables.
func TestCELWords(t *testing.T) {
	for src, want := range map[string][]string{
		`package.name == "package" // package`:          {"package"},
		`a.package && b . package`:                      {"a", "b"},
		`r"\" + package`:                                {"package"},
		`"\"package" + 'package' + package`:             {"package"},
		`"""package " package""" + package`:             {"package"},
		`lists.package.exists(package, package == 'x')`: {"lists", "package", "package"},
		`0xpackage 1package`:                            nil,
		`"package`:                                      nil,
		`rb"package" br'package'`:                       nil,
		"a // package\n&& package":                      {"a", "package"},
	} {
		if diff := cmp.Diff(want, rule.CELWords(src)); diff != "" {
			t.Errorf("%s\n%s", src, diff)
		}
	}
}

func TestGlob(t *testing.T) {
	tests := []struct {
		glob, path string
		want       bool
	}{
		{"/usr/*", "/usr/bin", true}, {"/usr/*", "/usr/bin/sh", false}, {"/usr/**", "/usr/bin/sh", true},
		{"**/sh", "/usr/bin/sh", true}, {"/a?c", "/abc", true}, {"/a?c", "/a/c", false}, {"/a.c", "/abc", false},
		{"/a\nb", "/a\nb", true}, {"**", "a\nb", true}, {"/x[1]", "/x[1]", true}, {"", "", true}, {"*", "", true}, {"a", "ab", false},
		{"/ä*", "/äöü", true}, {"/?", "/漢", true},
	}
	for _, tt := range tests {
		if got := regexp.MustCompile(rule.GlobRegex(tt.glob)).MatchString(tt.path); got != tt.want {
			t.Errorf("%q on %q: %v", tt.glob, tt.path, got)
		}
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcdef", 5, "ab…"}, {"äöüäöü", 6, "ä…"}, {"漢漢漢", 8, "漢…"}, {"abc", 2, "…"}} {
		if got := rule.Cut(tt.in, tt.n); got != tt.want {
			t.Errorf("%q at %d: %q", tt.in, tt.n, got)
		}
	}
}

// A rule file must not be able to write to the terminal of whoever lints it.
func TestFindingsShowNoControlCharacters(t *testing.T) {
	doc := document("process.pid == 1 // \u202e\u200b", onProcess, "titel: \u202e")
	text := refused(t, doc)[0].String()
	for _, r := range text {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == '\u202e' || r == '\u200b' {
			t.Errorf("%q in %q", r, text)
		}
	}
}
