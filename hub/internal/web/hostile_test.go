package web_test

import (
	"bufio"
	"html"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	types "picket.internal/api"
	"picket.internal/display"
	"picket.internal/hub/internal/api/apitest"
)

// hostile is what hosts may call their processes and files.
func hostile(t *testing.T) []string {
	t.Helper()
	f, err := os.Open("../../../display/testdata/hostile.txt")
	must(t, err)
	defer f.Close()
	var names []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if line := lines.Text(); line != "" && line[0] != '#' {
			name, err := strconv.Unquote(line)
			must(t, err)
			names = append(names, name)
		}
	}
	if len(names) < 20 {
		t.Fatalf("only %d names", len(names))
	}
	return names
}

var (
	tag    = regexp.MustCompile(`<[^<>]*>`)
	escape = regexp.MustCompile(`<span class="esc">([^<]*)</span>`)
	value  = regexp.MustCompile(`"[^"]*"`)
)

// skeleton is the page's markup with everything taken out that a text may
// change: what stands between tags and in quoted attributes. The marks around
// escapes are ours.
func skeleton(page string) string {
	var b strings.Builder
	for _, each := range tag.FindAllString(escape.ReplaceAllString(page, "$1"), -1) {
		b.WriteString(value.ReplaceAllString(each, `""`) + "\n")
	}
	return b.String()
}

// visible is what a reader sees.
func visible(page string) string { return html.UnescapeString(tag.ReplaceAllString(page, "")) }

// Whatever hosts call their things, every page keeps its markup to the tag and
// shows the name literally, with escapes for what cannot be seen.
func TestThreat_H2_HostTextInPages(t *testing.T) {
	harmless := filled(t, "harmless")
	for _, name := range hostile(t) {
		s := filled(t, name)
		for page, path := range pages() {
			want, got := harmless.open(path).Body.String(), s.open(path).Body.String()
			if diff := cmp.Diff(skeleton(want), skeleton(got)); diff != "" {
				t.Errorf("%s changes its markup for %q: -want +got\n%s", page, name, diff)
			}
			for _, r := range got {
				if r != '\n' && r != '\u00a0' && !unicode.IsPrint(r) {
					t.Errorf("%s lets %U of %q through", page, r, name)
					break
				}
			}
			shown := display.Line(name)
			if strings.Contains(visible(want), "harmless") && !strings.Contains(visible(got), shown) {
				t.Errorf("%s does not show %q literally as %s", page, name, shown)
			}
		}
	}
}

// What somebody puts into the address comes back as text, too.
func TestThreat_H2_TextFromTheAddress(t *testing.T) {
	s := filled(t, "")
	for _, name := range hostile(t) {
		q := types.AlertQuery{RuleID: name}
		if q.Validate() != nil {
			continue
		}
		harmless := s.open("/?" + types.AlertQuery{RuleID: "harmless"}.Values().Encode()).Body.String()
		got := s.open("/?" + q.Values().Encode()).Body.String()
		if diff := cmp.Diff(skeleton(harmless), skeleton(got)); diff != "" {
			t.Errorf("%q: -want +got\n%s", name, diff)
		}
		w := s.open("/?" + url.Values{name: {name}}.Encode())
		if diff := cmp.Diff(skeleton(s.open("/?harmless=x").Body.String()), skeleton(w.Body.String())); w.Code != 400 || diff != "" {
			t.Errorf("parameter %q: %d, -want +got\n%s", name, w.Code, diff)
		}
	}
}

// The policy forbids it, and the pages do without: nothing inline, nothing from
// elsewhere.
func TestPagesLoadOnlyOurFiles(t *testing.T) {
	s := filled(t, "")
	source := regexp.MustCompile(`(?:src|href|action)="([^"]*)"`)
	for name, path := range pages() {
		body := s.open(path).Body.String()
		for _, each := range tag.FindAllString(body, -1) {
			if regexp.MustCompile(`(?i)\s(style|on[a-z]+)=`).MatchString(each) || strings.HasPrefix(each, "<style") || strings.HasPrefix(each, "<iframe") ||
				strings.HasPrefix(each, "<script") && !strings.Contains(each, `src="/assets/`) {
				t.Errorf("%s: %s", name, each)
			}
		}
		// Whose work a rule is must be said with a link; it is followed by hand,
		// and tells nobody where from.
		loads := outward.ReplaceAllString(body, "")
		for _, m := range source.FindAllStringSubmatch(loads, -1) {
			if !strings.HasPrefix(m[1], "/") && m[1] != "" && m[1] != "#main" || strings.HasPrefix(m[1], "//") {
				t.Errorf("%s leads to %s", name, m[1])
			}
		}
	}
}

var outward = regexp.MustCompile(`<a href="https?://[^"]*" rel="noreferrer noopener">`)

// A rule may come from anybody: what it gives as a link leads to the web, or is
// shown as text.
func TestOnlyWebAddressesBecomeLinks(t *testing.T) {
	for address, leads := range map[string]bool{
		"https://github.com/SigmaHQ/sigma": true, "http://rules.example/a?b=c&d": true,
		"javascript:alert(1)": false, "JavaScript:alert(1)": false, "data:text/html,x": false, "//evil.example/": false, "/hosts": false,
		"https://user@evil.example/": false, "https:evil.example": false, "https://a.example/\u202ex": false, "https://a.example/\"x": true, "": false,
	} {
		s := newSite(t)
		a := apitest.Alert(1, "high", "")
		a.Rule.Source, a.Rule.References, a.Rule.Author = &types.RuleSource{Name: "source <b>", URL: address}, []string{address}, "<i>author</i>"
		s.AddAlert(a)
		body := s.open("/alerts/" + a.ID).Body.String()
		if !strings.Contains(body, "&lt;i&gt;author&lt;/i&gt;") || !strings.Contains(body, "source &lt;b&gt;") {
			t.Fatalf("author or source is not shown:\n%s", body)
		}
		if got := len(outward.FindAllString(body, -1)) == 2; got != leads {
			t.Errorf("%q became a link: %v, wanted %v", address, got, leads)
		}
		if strings.Contains(strings.ToLower(body), `href="javascript`) || !leads && address != "" && !strings.Contains(visible(body), display.Line(address)) {
			t.Errorf("%q is neither a link nor shown", address)
		}
	}
}

// Every link of every page leads to a page.
func TestLinksLead(t *testing.T) {
	s := filled(t, "")
	link := regexp.MustCompile(`href="(/[^"]*)"`)
	for name, path := range pages() {
		for _, m := range link.FindAllStringSubmatch(s.open(path).Body.String(), -1) {
			target := html.UnescapeString(m[1])
			if w := s.open(target); w.Code != http.StatusOK && !strings.HasPrefix(target, "/hosts/"+apitest.HostID(9)) {
				t.Errorf("%s links to %s: %d", name, target, w.Code)
			}
		}
	}
}
