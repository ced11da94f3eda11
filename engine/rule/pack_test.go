package rule_test

import (
	"errors"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

type countingPlayer struct{ steps []rule.Step }

func (p *countingPlayer) Play(_ *rule.Set, _ *rule.Rule, t *rule.TestCase) (int, string, error) {
	p.steps = t.Steps
	if t.Name == "fails" {
		return 1, "", errors.New("it broke")
	}
	return 1, "said", nil
}

func TestStatefulTestsArePlayed(t *testing.T) {
	set, findings := rule.LoadFS(fstest.MapFS{
		"rule.yaml": file("id: a.rule\n" + ruleHead + "on: [process]\nwhere: process.pid == 1\nabsence: {within: 1h}\n"),
		"tests/t.yaml": file("test: a.rule\ncases:\n  - name: fails\n    alerts: 1\n    facts: [{kind: process, process: {pid: 1}}]\n" +
			"  - name: played\n    alerts: 1\n    file: facts.yaml\n"),
		"tests/facts.yaml": file("- {kind: process, process: {pid: 1}}\n- {advance: 10m}\n- {repeat: 2, fact: {kind: process, process: {pid: 2}, time: \"2025-01-01T00:00:00Z\"}}\n- {advance: 1h}\n"),
	})
	if set == nil {
		t.Fatal(findings)
	}
	if results := rule.Test(set); len(results) != 0 {
		t.Errorf("%+v", results)
	}
	p := &countingPlayer{}
	want := []rule.TestResult{
		{Rule: "a.rule", Name: "fails", File: "tests/t.yaml", Line: 3, Want: 1, Got: 1, Detail: "it broke"},
		{Rule: "a.rule", Name: "played", File: "tests/t.yaml", Line: 6, Passed: true, Want: 1, Got: 1, Detail: "said"},
	}
	if diff := cmp.Diff(want, rule.TestWith(set, p)); diff != "" {
		t.Error(diff)
	}
	if failed := rule.VerifyWith(set, p); len(failed) != 1 || failed[0].File != "tests/t.yaml" || failed[0].Source != "  - name: fails" {
		t.Errorf("%v", failed)
	}
	start := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	var got []string
	for _, s := range p.steps {
		text := s.At.Sub(start).String()
		if s.Fact != nil {
			text += " " + s.Fact.Time.Format(time.DateOnly) + " " + s.Fact.ID[24:]
		}
		got = append(got, text)
	}
	if diff := cmp.Diff([]string{"0s 2026-01-01 01", "10m1s", "10m1s 2025-01-01 02", "10m2s 2025-01-01 03", "1h10m3s"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestPacksNest(t *testing.T) {
	doc := func(id, pid string) *fstest.MapFile {
		return file("id: " + id + "\n" + ruleHead + "on: [process]\nwhere: process.pid == " + pid + " || process.name in lists.names\n")
	}
	set, findings := rule.LoadFS(fstest.MapFS{
		"pack.yaml": file("pack: outer\nversion: 1.0.0\nengine: 1\n"), "a/b/a.yaml": doc("a.a", "1"),
		"in/pack.yaml": file("pack: inner\nversion: 2.0.0-rc.1\nlicence: MIT\n"), "in/deep/b.yaml": doc("a.b", "2"),
		"lists.yaml": file("list: names\nfile: more/names.txt\n"), "more/names.txt": file("# some\n one \n\ntwo words\r\n"),
	})
	if set == nil {
		t.Fatal(findings)
	}
	if a, b := get(t, set, "a.a"), get(t, set, "a.b"); a.Pack == nil || a.Pack.Name != "outer" || a.Pack.Engine != 1 || b.Pack == nil || b.Pack.Version != "2.0.0-rc.1" {
		t.Errorf("%+v, %+v", a.Pack, b.Pack)
	}
	if l := set.Lists(); len(l) != 1 || l[0].Len() != 2 {
		t.Errorf("%+v", l)
	}
	for name, want := range map[string]bool{"one": true, "two words": true, "# some": false, "": false} {
		v := rule.NewVars(&fact.Fact{Kind: fact.KindProcess, Process: &fact.Process{Name: name}}, nil)
		if ok, err := get(t, set, "a.a").Evaluate(v); ok != want || err != nil {
			t.Errorf("%q: %v, %v", name, ok, err)
		}
	}
}
