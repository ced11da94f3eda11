package rule_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/internal/sample"
	"picket.internal/engine/rule"
	"picket.internal/fact"
)

// outline writes a tree in a form that tests can compare.
func outline(n *rule.Node, depth int) string {
	line := strings.Repeat("  ", depth) + n.State
	if n.Decided {
		line += "!"
	}
	if n.Join != "" {
		line += " " + n.Join
	}
	line += " " + n.Text
	if n.Value != "" {
		line += " = " + n.Value
	}
	if len(n.Each) > 0 {
		line += fmt.Sprint(" ", n.Each)
	}
	line += "\n"
	for _, child := range n.Children {
		line += outline(child, depth+1)
	}
	return line
}

var today = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func explain(t *testing.T, where string) *rule.Explanation {
	t.Helper()
	x, err := condition(t, where).ExplainTree(rule.NewVars(processFact(), nil), today)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestExplainTree(t *testing.T) {
	for _, tt := range []struct{ where, outcome, decided, tree string }{
		{`process.name == "sh"`, rule.OutcomeMatch, `process.name == "sh"`, `
true! process.name == "sh"
  value process.name = sh
`},
		{`process.name == "sh" && process.pid == 1 && user.id == "33"`, rule.OutcomeNoMatch, `process.pid == 1`, `
false all process.name == "sh" && process.pid == 1 && user.id == "33"
  true process.name == "sh"
    value process.name = sh
  false! process.pid == 1
    value process.pid = 42
  skipped user.id == "33"
    skipped user.id
`},
		{`process.name == "a" || (process.name == "b" || has(file))`, rule.OutcomeNoMatch, `process.name == "a"`, `
false any process.name == "a" || (process.name == "b" || has(file))
  false! process.name == "a"
    value process.name = sh
  false! process.name == "b"
    value process.name = sh
  false! has(file)
`},
		{`!(process.name in ["sh", "dash"])`, rule.OutcomeNoMatch, `process.name in ["sh", "dash"]`, `
false not !(process.name in ["sh", "dash"])
  true! process.name in ["sh", "dash"]
    value process.name = sh
`},
		{`process.pid > 3 ? process.deleted : has(file)`, rule.OutcomeNoMatch, `process.pid > 3`, `
false choose process.pid > 3 ? process.deleted : has(file)
  true! process.pid > 3
    value process.pid = 42
  false! process.deleted
  skipped has(file)
`},
		{`process.args.exists(a, a == "-c" || a == "x")`, rule.OutcomeMatch, `process.args.exists(a, a == "-c" || a == "x")`, `
true! each process.args.exists(a, a == "-c" || a == "x")
  value process.args = ["sh", "-c", "id"]
  true any a == "-c" || a == "x" [false true]
`},
		{`process.ancestors.all(a, a == "x") && has(process)`, rule.OutcomeMatch, `process.ancestors.all(a, a == "x")`, `
true all process.ancestors.all(a, a == "x") && has(process)
  true! each process.ancestors.all(a, a == "x")
    value process.ancestors = []
    skipped a == "x"
  true! has(process)
`},
		{`process.args[9] == "x"`, rule.OutcomeError, `process.args[9] == "x"`, `
error! process.args[9] == "x" = rule.eval_failed: index out of bounds: 9
  error process.args[9] = index out of bounds: 9
    value process.args = ["sh", "-c", "id"]
`},
		{`process.args[9] == "x" && process.pid == 1`, rule.OutcomeNoMatch, `process.pid == 1`, `
false all process.args[9] == "x" && process.pid == 1
  error process.args[9] == "x" = index out of bounds: 9
    error process.args[9] = index out of bounds: 9
      value process.args = ["sh", "-c", "id"]
  false! process.pid == 1
    value process.pid = 42
`},
		{`size( process.name ) == 2 // two ) " of them
&&
  process.executable
    .base() == 'dash'`, rule.OutcomeMatch, `size( process.name ) == 2`, `
true all size( process.name ) == 2 && process.executable .base() == 'dash'
  true! size( process.name ) == 2
    value size( process.name ) = 2
      value process.name = sh
  true! process.executable .base() == 'dash'
    value process.executable .base() = dash
      value process.executable = /usr/bin/dash
`},
	} {
		t.Run(tt.where, func(t *testing.T) {
			x := explain(t, tt.where)
			if x.Outcome != tt.outcome || x.Decided == nil || x.Decided.Text != tt.decided {
				t.Errorf("%s, decided by %+v", x.Outcome, x.Decided)
			}
			if diff := cmp.Diff(tt.tree, "\n"+outline(x.Tree, 0)); diff != "" {
				t.Errorf("tree (-want +got):\n%s", diff)
			}
		})
	}
}

// A part's place is where its text stands in the file.
func TestPartsAreWhereTheySay(t *testing.T) {
	doc := document("has(process)\n  && process.name.matches(r\"s\\w\") // é\n  && (process.pid in [1, 42])", onProcess)
	lines := strings.Split(doc, "\n")
	x, err := load(t, doc).ExplainTree(rule.NewVars(processFact(), nil), today)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var walk func(*rule.Node)
	walk = func(part *rule.Node) {
		if part.Line == part.EndLine {
			n++
			if got := string([]rune(lines[part.Line-1])[part.Column-1 : part.EndColumn-1]); got != part.Text {
				t.Errorf("%d:%d-%d is %q, not %q", part.Line, part.Column, part.EndColumn, got, part.Text)
			}
		}
		for _, child := range part.Children {
			walk(child)
		}
	}
	walk(x.Tree)
	if n != 5 {
		t.Errorf("%d parts on one line:\n%s", n, outline(x.Tree, 0))
	}
}

func TestExplainTreeOfAnotherKind(t *testing.T) {
	x, err := condition(t, `process.pid == 1`).ExplainTree(rule.NewVars(&fact.Fact{Kind: fact.KindCanary}, nil), today)
	if err != nil || x.Outcome != rule.OutcomeKind || x.Tree != nil {
		t.Errorf("%+v, %v", x, err)
	}
}

// What the tree says is what the rule does: on random conditions and facts.
func TestExplainTreeAgreesWithEvaluate(t *testing.T) {
	s := sample.New(7)
	set, findings := rule.Load("sample.yaml", s.Rules(300))
	if set == nil {
		t.Fatal(findings)
	}
	outcomes := map[string]int{}
	for _, r := range set.Rules() {
		for range 5 {
			f, p := s.Fact(), s.Prevalence()
			v := rule.NewVars(f, p)
			want, wantErr := r.EvaluateDirect(v)
			x, err := r.ExplainTree(v, today)
			if err != nil {
				t.Fatal(err)
			}
			outcomes[x.Outcome]++
			if x.Outcome == rule.OutcomeKind {
				continue
			}
			if (x.Outcome == rule.OutcomeMatch) != want || (x.Outcome == rule.OutcomeError) != (wantErr != nil) || x.Decided == nil {
				t.Fatalf("%s: %v, %v, but the tree says %s\n%s", r.Where, want, wantErr, x.Outcome, outline(x.Tree, 0))
			}
			if again, err := r.EvaluateDirect(v); again != want || (err != nil) != (wantErr != nil) {
				t.Fatalf("%s: the explanation left something behind", r.Where)
			}
		}
	}
	if outcomes[rule.OutcomeMatch] < 20 || outcomes[rule.OutcomeNoMatch] < 100 {
		t.Errorf("the facts show little: %v", outcomes)
	}
}

// A macro is one part with parts of its own, and keeps its name.
func TestExplainTreeOfAMacro(t *testing.T) {
	doc := document("macros.shell && process.pid == 1\n  || !macros.not_root", onProcess) +
		"---\nmacro: shell\nwhere: process.name == 'sh' && macros.not_root\n---\nmacro: not_root\nwhere: user.id != '0'\n"
	x, err := load(t, doc).ExplainTree(rule.NewVars(processFact(), nil), today)
	if err != nil {
		t.Fatal(err)
	}
	const want = `
false any macros.shell && process.pid == 1 || !macros.not_root
  false all macros.shell && process.pid == 1
    true all macros.shell
      true process.name == "sh"
        value process.name = sh
      true user.id != "0"
        value user.id = 33
    false! process.pid == 1
      value process.pid = 42
  false not !macros.not_root
    true! macros.not_root
      value user.id = 33
`
	if diff := cmp.Diff(want, "\n"+outline(x.Tree, 0)); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
}

func TestExplainTreeSaysWhichExcuseSpoke(t *testing.T) {
	doc := document("process.name == 'sh'", onProcess) + `exceptions:
  - {name: old, where: process.pid == 42, owner: ops, expires: 2026-05-31}
  - {name: broken, where: 'process.args[9] == "x"', owner: ops}
  - {name: other, where: process.pid == 1, owner: ops}
---
filter: nightly
rules: [a.*]
where: user.name == "www-data"
owner: web
reason: known
---
filter: later
rules: [a.rule]
where: process.pid > 0
owner: web
`
	x, err := load(t, doc).ExplainTree(rule.NewVars(processFact(), nil), today)
	if err != nil || x.Outcome != rule.OutcomeExcused {
		t.Fatalf("%+v, %v", x, err)
	}
	var said []string
	for _, e := range x.Excuses {
		said = append(said, fmt.Sprintf("%s %s held=%v expired=%v error=%v %s:%d", e.Kind, e.Name, e.Held, e.Expired, e.Error != "", e.File, e.Line))
	}
	want := []string{
		"exception old held=false expired=true error=false test.yaml:9", "exception broken held=false expired=false error=true test.yaml:10",
		"exception other held=false expired=false error=false test.yaml:11", "filter later held=true expired=false error=false test.yaml:19",
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("excuses (-want +got):\n%s", diff)
	}
}
