package rule_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/internal/sample"
	"picket.internal/engine/rule"
)

// withTests is a rule with one fact a test.
func withTests(where string, facts ...string) string {
	doc := document(where, onProcess)
	if len(facts) > 0 {
		doc += "tests:\n"
	}
	for i, f := range facts {
		doc += fmt.Sprintf("  - {name: t%d, alerts: 0, facts: [{kind: process, %s}]}\n", i, f)
	}
	return doc
}

func cover(t *testing.T, doc string) rule.Coverage {
	t.Helper()
	set, findings := rule.Load("test.yaml", []byte(doc))
	if set == nil {
		t.Fatal(findings)
	}
	return rule.Cover(set)[0]
}

func TestCover(t *testing.T) {
	const sh, root = `process: {name: sh, args: [sh, -c]}`, `process: {pid: 9}, user: {id: "0"}`
	for _, tt := range []struct {
		where   string
		facts   []string
		seen    string
		missing []string
	}{
		{`process.name == "sh"`, []string{sh, root}, "2/2", nil},
		{`process.name == "sh"`, []string{sh}, "1/2", []string{`process.name == "sh" never false`}},
		{`process.name == "sh"`, nil, "0/2", []string{`process.name == "sh" never evaluated`}},
		{`process.name == "sh" && user.id == "0"`, []string{root}, "2/6", []string{
			`process.name == "sh" && user.id == "0" never true`, `process.name == "sh" never true`, `user.id == "0" never evaluated`}},
		{`process.name == "sh" && user.id == "0"`, []string{root, sh, sh + `, user: {id: "0"}`}, "6/6", nil},
		{`!(process.name == "sh" || user.id == "0")`, []string{sh}, "2/6", []string{
			`process.name == "sh" || user.id == "0" never false`, `process.name == "sh" never false`, `user.id == "0" never evaluated`}},
		{`user.id == "0" ? has(file) : process.name == "sh"`, []string{sh, root}, "6/8", []string{
			`has(file) never true`, `process.name == "sh" never false`}},
		// Each element of a list counts.
		{`process.args.exists(a, a == "-c" && a.size() == 2)`, []string{sh}, "6/8", []string{
			`process.args.exists(a, a == "-c" && a.size() == 2) never false`, `a.size() == 2 never false`}},
		{`process.args.map(a, a.size())[0] == 2`, []string{sh}, "1/2", []string{`process.args.map(a, a.size())[0] == 2 never false`}},
		// A part that ends in an error was neither.
		{`process.args[0] == "sh"`, []string{root}, "0/2", []string{`process.args[0] == "sh" never evaluated`}},
	} {
		t.Run(tt.where, func(t *testing.T) {
			c := cover(t, withTests(tt.where, tt.facts...))
			var missing []string
			for _, u := range c.Missing {
				missing = append(missing, u.Text+" never "+u.Never)
			}
			if got := fmt.Sprintf("%d/%d", c.Seen, c.Branches); got != tt.seen || c.Error != "" {
				t.Errorf("%s, wanted %s %s", got, tt.seen, c.Error)
			}
			if diff := cmp.Diff(tt.missing, missing); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnseenIsUnderlined(t *testing.T) {
	c := cover(t, withTests("process.name == \"sh\"\n  && user.id == \"0\"", `process: {name: sh}`))
	var b strings.Builder
	for _, u := range c.Missing {
		b.WriteString(u.String(c.File))
	}
	const want = `test.yaml:7:3: untested: never true in any test
    7 |   process.name == "sh"
      |   ^~~~~~~~~~~~~~~~~~~~
test.yaml:7:3: untested: never false in any test
    7 |   process.name == "sh"
      |   ^~~~~~~~~~~~~~~~~~~~
test.yaml:8:8: untested: never true in any test
    8 |     && user.id == "0"
      |        ^~~~~~~~~~~~~~
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Measuring changes nothing about what a test finds, and nothing about the
// results' order.
func TestCoverAndTestInParallel(t *testing.T) {
	var doc strings.Builder
	for i := range 200 {
		fmt.Fprintf(&doc, "---\n%s", strings.Replace(withTests(`process.name == "sh" || process.pid == 5`, `process: {name: sh}`, `process: {pid: 5}`), "a.rule", fmt.Sprintf("a.r%03d", i), 1))
	}
	set, findings := rule.Load("test.yaml", []byte(doc.String()))
	if set == nil {
		t.Fatal(findings)
	}
	for i, c := range rule.Cover(set) {
		if c.Rule != set.Rules()[i].ID || c.Seen != 4 || c.Branches != 6 {
			t.Fatalf("%+v", c)
		}
	}
	results := rule.Test(set)
	if len(results) != 400 {
		t.Fatalf("%d results", len(results))
	}
	for i, res := range results {
		if want := fmt.Sprintf("a.r%03d t%d", i/2, i%2); res.Rule+" "+res.Name != want || res.Got != 1 {
			t.Fatalf("result %d is %+v, wanted %s", i, res, want)
		}
	}
}

// How long 3,000 rules take to load, to test and to measure.
func BenchmarkThreeThousandRules(b *testing.B) {
	s := sample.New(3)
	s.Wide = true
	var doc strings.Builder
	for i := range 3000 {
		doc.WriteString("---\n" + strings.Replace(withTests(s.Condition(3), `process: {name: sh}`, `process: {pid: 5}`, `process: {}, user: {id: "0"}`), "a.rule", fmt.Sprintf("a.r%d", i), 1))
	}
	files := split(doc.String(), 300)
	set, findings := rule.LoadFS(files)
	if set == nil {
		b.Fatal(findings)
	}
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			rule.LoadFS(files)
		}
	})
	b.Run("test", func(b *testing.B) {
		for b.Loop() {
			rule.Test(set)
		}
	})
	b.Run("cover", func(b *testing.B) {
		for b.Loop() {
			rule.Cover(set)
		}
	})
}
