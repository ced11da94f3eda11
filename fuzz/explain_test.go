package fuzz

import (
	"strings"
	"testing"
	"time"

	"picket.internal/engine/rule"
)

// FuzzExplain holds what is said about a condition to what it does: whatever
// rule loads and whatever fact is read, the tree's outcome is that of the
// condition, something decided it, every part lies in the file, and measuring
// the tests sees no more outcomes than there are.
func FuzzExplain(f *testing.F) {
	for _, where := range []string{
		`process.name == "sh" && !(user.id in ["0"] || has(file))`, `process.args.exists(a, a == "-c" && a.size() > 1)`,
		`process.args[3] == "x" ? process.pid > 1 : process.deleted`, "has(process) // )\n && r\"\\d\" != process.name", `macros.m && macros.n`,
		`(("a" + process.name).containsBase64("abc") || time.hourBetween(22, 6))`, `package.name == "x"`,
	} {
		f.Add(where, `{kind: process, process: {name: sh, args: [sh, -c]}, user: {id: "0"}}`)
	}
	f.Add("has(process)", `{"fact": {"kind": "process", "process": {"name": "x"}}, "prevalence": {"hosts": 1}}`)
	f.Fuzz(func(t *testing.T, where, document string) {
		if len(where) > 2<<10 || len(document) > 4<<10 {
			return
		}
		const macros = "---\nmacro: m\nwhere: process.name == 'x' || macros.n\n---\nmacro: n\nwhere: user.id == '0'\n"
		doc := "id: x.y\ntitle: t\nstatus: test\nseverity: low\non: [process, package]\nwhere: |\n  " + strings.ReplaceAll(where, "\n", "\n  ") + "\n" + macros
		set, _ := rule.Load("fuzz.yaml", []byte(doc))
		fact, prevalence, findings := rule.ReadFact("fact.yaml", []byte(document))
		if (fact == nil) != findings.HasErrors() {
			t.Fatalf("a fact is there: %v; findings: %s", fact != nil, findings)
		}
		if set == nil {
			return
		}
		for _, c := range rule.Cover(set) {
			if c.Error != "" || c.Seen < 0 || c.Seen > c.Branches {
				t.Errorf("%+v", c)
			}
			for _, u := range c.Missing {
				_ = u.String(c.File)
			}
		}
		if fact == nil {
			return
		}
		r, v := set.Rules()[0], rule.NewVars(fact, prevalence)
		x, err := r.ExplainTree(v, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		if x.Outcome == rule.OutcomeKind {
			return
		}
		matched, failed := r.EvaluateDirect(v)
		if (x.Outcome == rule.OutcomeMatch) != matched || (x.Outcome == rule.OutcomeError) != (failed != nil) || x.Decided == nil {
			t.Errorf("%s: %v, %v, but the tree says %+v", where, matched, failed, x)
		}
		inFile(t, x.Tree, strings.Count(doc, "\n")+1)
	})
}

func inFile(t *testing.T, n *rule.Node, lines int) {
	if n.Line < 1 || n.Line > lines || n.Column < 1 || n.EndLine < n.Line || n.EndLine > lines || n.Text == "" {
		t.Errorf("a part that is nowhere: %+v", n)
	}
	for _, child := range n.Children {
		inFile(t, child, lines)
	}
}
