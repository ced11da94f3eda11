package rule_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/rule"
)

// One word changes, and not a byte beside it.
func TestSetStatus(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"plain":            {"# about\nid: a.b\nstatus: test   # on trial since May\ntitle: x\n", "# about\nid: a.b\nstatus: stable   # on trial since May\ntitle: x\n"},
		"quoted":           {"id: a.b\nstatus: \"test\"\n", "id: a.b\nstatus: \"stable\"\n"},
		"quoted once":      {"status: 'experimental'\nid: a.b", "status: 'stable'\nid: a.b"},
		"of DOS":           {"id: a.b\r\nstatus: test\r\ntitle: x\r\n", "id: a.b\r\nstatus: stable\r\ntitle: x\r\n"},
		"in one line":      {"{id: a.b, status: test, title: ä}\n", "{id: a.b, status: stable, title: ä}\n"},
		"behind wide text": {"{title: \"äöü 日本\", status: test, id: a.b}\n", "{title: \"äöü 日本\", status: stable, id: a.b}\n"},
		"the second rule":  {"id: x\nstatus: test\n---\n\nid: a.b\nstatus: test\n---\nid: y\nstatus: test\n", "id: x\nstatus: test\n---\n\nid: a.b\nstatus: stable\n---\nid: y\nstatus: test\n"},
		"no last newline":  {"id: a.b\nstatus: test", "id: a.b\nstatus: stable"},
	} {
		got, err := rule.SetStatus("f.yaml", []byte(tc.text), "a.b", rule.StatusStable)
		if diff := cmp.Diff(tc.want, string(got)); diff != "" || err != nil {
			t.Errorf("%s: %v, -want +got\n%s", name, err, diff)
		}
	}
}

func TestSetStatusLeavesToAPersonWhatIsNotPlain(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"no such rule":  {"id: x\nstatus: test\n", "no rule a.b in f.yaml"},
		"no status":     {"id: a.b\n", "has no status"},
		"a block":       {"id: a.b\nstatus: |-\n  test\n", "by hand in f.yaml, line 2"},
		"escaped":       {"id: a.b\nstatus: \"te\\x73t\"\n", "by hand"},
		"of two lines":  {"id: a.b\nstatus:\n  \"te\\\n  st\"\n", "by hand"},
		"a line by NEL": {"id: a.b\ntitle: \"x\u0085y\"\nstatus: test\n", ""},
	} {
		got, err := rule.SetStatus("f.yaml", []byte(tc.text), "a.b", rule.StatusStable)
		switch {
		case tc.want == "" && err == nil:
			if !strings.Contains(string(got), "status: stable") || strings.Count(string(got), "stable") != 1 {
				t.Errorf("%s: %q", name, got)
			}
		case tc.want == "":
			if !strings.Contains(err.Error(), "by hand") {
				t.Errorf("%s: %v", name, err)
			}
		case got != nil || err == nil || !strings.Contains(err.Error(), tc.want):
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := rule.SetStatus("f.yaml", []byte("id: a.b\nstatus: test\n"), "a.b", "golden"); err == nil {
		t.Error("a status that there is not")
	}
}
