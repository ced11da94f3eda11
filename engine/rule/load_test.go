package rule_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/rule"
	"picket.internal/fact"
)

func file(data string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(data)} }

const second = "id: b.rule\ntitle: b\nstatus: test\nseverity: high\non: [process, canary]\nwhere: process.name in lists.shells\n"

func TestLoadFS(t *testing.T) {
	set, findings := rule.LoadFS(fstest.MapFS{
		"process/a.yaml":    file(document(`process.pid == 1`, onProcess)),
		"b.yml":             file(second),
		"lists.yaml":        file("list: shells\nvalues: [sh, bash]\n"),
		".hidden.yaml":      file("not: read"),
		".git/x.yaml":       file("not: read"),
		"process/a.yaml~":   file("not: read"),
		"process/README.md": file("not: read"),
	})
	if set == nil {
		t.Fatal(findings)
	}
	var ids []string
	for _, r := range set.Rules() {
		ids = append(ids, r.ID+" "+r.File)
	}
	if diff := cmp.Diff([]string{"a.rule process/a.yaml", "b.rule b.yml"}, ids); diff != "" {
		t.Error(diff)
	}
	if r, ok := set.Rule("b.rule"); !ok || r.Severity != rule.High || r.Score != 70 || !r.Shadow() || r.Cost == 0 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff([]fact.Kind{"process", "canary"}, set.Rules()[1].On); diff != "" {
		t.Error(diff)
	}
}

func TestRuleHoldsWhatTheDocumentSays(t *testing.T) {
	r := load(t, `
id: all.keys
title: every key there is
status: experimental
severity: critical
score: 12.5
description: what it means
author: Ada
references: [https://example.com]
tags: [attack.t1059.004, attack.execution]
on: [process]
where: process.name in lists.shells
message: "{{process.name}}"
lists: {shells: [sh]}
suppress: {by: [process.name, user.id], for: 2d}
false_positives: [none]
related: [{id: other.rule, type: similar}]
response: [kill]
tests:
  - {name: yes, facts: [{kind: process, process: {name: sh}}], alerts: 1}
  - {name: no, facts: [{kind: process, process: {name: ls}}], alerts: 0}
`)
	if r.ID != "all.keys" || r.Title != "every key there is" || r.Status != rule.StatusExperimental || r.Severity != "critical" || r.Score != 12.5 ||
		r.Description != "what it means" || r.Author != "Ada" || r.References[0] != "https://example.com" || len(r.Tags) != 2 ||
		r.Where != "process.name in lists.shells" || r.Message != "{{process.name}}" || r.Suppress.For.Hours() != 48 || len(r.Suppress.By) != 2 ||
		r.FalsePositives[0] != "none" || r.Related[0] != (rule.Related{ID: "other.rule", Type: "similar"}) || r.Response[0] != "kill" ||
		len(r.Tests) != 2 || r.Line != 2 || len(r.Version) != 12 {
		t.Errorf("%+v", r)
	}
	if got := r.SuppressValues(rule.NewVars(processFact(), nil)); !cmp.Equal(got, []string{"sh", "33"}) {
		t.Errorf("%q", got)
	}
}

// The version changes with everything that changes alerts, and with nothing
// else.
func TestVersion(t *testing.T) {
	base := "# a comment\n" + document(`process.name in lists.a`, onProcess, "lists: {a: [x]}")
	version := func(doc string) string { return load(t, doc).Version }
	for name, doc := range map[string]string{
		"comment":     strings.Replace(base, "# a comment", "# another", 1),
		"description": base + "description: new\n",
		"tests":       base + "tests: [{name: x, facts: [{kind: process, process: {pid: 1}}], alerts: 0}]\n",
	} {
		if version(doc) != version(base) {
			t.Errorf("%s changed the version", name)
		}
	}
	for name, doc := range map[string]string{
		"list":      strings.Replace(base, "[x]", "[x, y]", 1),
		"condition": strings.Replace(base, "in lists.a", "in lists.a && process.pid == 1", 1),
		"severity":  strings.Replace(base, "low", "high", 1),
		"message":   base + "message: new\n",
		"suppress":  base + "suppress: {by: [process.name], for: 1m}\n",
	} {
		if version(doc) == version(base) {
			t.Errorf("%s did not change the version", name)
		}
	}
}

type badFS struct{}

func (badFS) Open(name string) (fs.File, error) {
	if name == "." {
		return fstest.MapFS{"a.yaml": file("")}.Open(name)
	}
	return nil, errors.New("the disk is on fire")
}

func TestLoadFSRefuses(t *testing.T) {
	tests := map[string]struct {
		fsys fs.FS
		code string
	}{
		"nothing":       {fstest.MapFS{}, rule.CodeEmpty},
		"only lists":    {fstest.MapFS{"l.yaml": file("list: a\nvalues: [x]\n")}, rule.CodeEmpty},
		"unreadable":    {badFS{}, rule.CodeUnreadable},
		"a large file":  {fstest.MapFS{"a.yaml": file(strings.Repeat("#", 256<<10+1))}, rule.CodeTooLarge},
		"many":          {fstest.MapFS{"a.yaml": file(strings.Repeat("---\na: 1\n", 1001))}, rule.CodeTooLarge},
		"deep":          {fstest.MapFS{"a.yaml": file("a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100))}, rule.CodeTooLarge},
		"a pipe":        {fstest.MapFS{"a.yaml": {Mode: fs.ModeNamedPipe}}, rule.CodeUnreadable},
		"one rule bad":  {fstest.MapFS{"a.yaml": file(document(`process.pid == 1`, onProcess)), "b.yaml": file(document(`process.pdi == 1`, onProcess))}, rule.CodeDuplicateID},
		"twice, in two": {fstest.MapFS{"a.yaml": file(document(`process.pid == 1`, onProcess)), "b.yaml": file(document(`process.pid == 1`, onProcess))}, rule.CodeDuplicateID},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			set, findings := rule.LoadFS(tt.fsys)
			if set != nil || !findings.HasErrors() || findings.Err() == nil || !strings.Contains(findings.String(), "["+tt.code+"]") {
				t.Errorf("%v\n%s", set, findings)
			}
		})
	}
}

func TestDuplicateIDNamesBothPlaces(t *testing.T) {
	_, findings := rule.LoadFS(fstest.MapFS{
		"a.yaml": file("# first\n" + document(`process.pid == 1`, onProcess)), "b.yaml": file(document(`process.pid == 1`, onProcess)),
	})
	var f rule.Finding
	for _, f = range findings {
		if f.Code == rule.CodeDuplicateID {
			break
		}
	}
	if f.File != "b.yaml" || f.Line != 1 || f.Suggestion != "the other is in a.yaml, line 2" {
		t.Errorf("%+v", f)
	}
}

func TestFindingsErrNamesTheFirst(t *testing.T) {
	_, findings := rule.Load("x.yaml", []byte(document(`process.pdi == 1 || process.nam == "x"`, onProcess)))
	want := `pack.rule_invalid: x.yaml:7:11: there is no field "pdi" in process [rule.unknown_field] (and 1 more)`
	if err := findings.Err(); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

const tested = `
id: a.rule
title: a rule
status: STATUS
severity: low
on: [process]
where: process.args[0] == "x" && process.pid > 1
message: "pid {{process.pid}}"
tests:
  - name: holds
    facts:
      - {kind: process, process: {args: [x], pid: 7}}
      - {kind: process, process: {args: [x], pid: 8}}
      - {kind: canary, canary: {action: read}}
    alerts: 2
  - name: does not hold
    facts: [{kind: process, process: {args: [x], pid: 1}}]
    alerts: 1
  - name: fails
    facts: [{kind: process, process: {pid: 7}}]
    alerts: 0
`

func TestSelfTests(t *testing.T) {
	set, findings := rule.Load("t.yaml", []byte(strings.Replace(tested, "STATUS", "test", 1)))
	if set == nil {
		t.Fatal(findings)
	}
	want := []rule.TestResult{
		{Rule: "a.rule", Name: "holds", File: "t.yaml", Line: 10, Passed: true, Want: 2, Got: 2, Detail: "pid 7"},
		{Rule: "a.rule", Name: "does not hold", File: "t.yaml", Line: 16, Want: 1},
		{Rule: "a.rule", Name: "fails", File: "t.yaml", Line: 19, Detail: "rule.eval_failed: index out of bounds: 0"},
	}
	if diff := cmp.Diff(want, rule.Test(set)); diff != "" {
		t.Error(diff)
	}
	if failed := rule.Verify(set); len(failed) != 2 || failed.HasErrors() || failed[0].Line != 16 || failed[0].Source == "" {
		t.Errorf("a test rule's failed tests are warnings:\n%s", failed)
	}
	set, findings = rule.Load("t.yaml", []byte(strings.Replace(tested, "STATUS", "stable", 1)))
	if set == nil {
		t.Fatal(findings)
	}
	if failed := rule.Verify(set); len(failed) != 2 || !failed.HasErrors() {
		t.Errorf("a stable rule's failed tests are errors:\n%s", failed)
	}
}

func TestTestFactsAreFilledIn(t *testing.T) {
	r := load(t, document(`process.pid == 1`, onProcess, `tests: [{name: x, facts: [{kind: process, process: {pid: 1, start_ticks: 18446744073709551615}}, {kind: process, time: "2026-05-05T00:00:00Z", host: {name: db-1}, process: {pid: 2, start_ticks: "7"}}], prevalence: {hosts: 3}, alerts: 1}]`))
	facts := r.Tests[0].Facts
	if f := facts[0]; len(f.ID) != 26 || f.Time.IsZero() || f.Host.ID == "" || f.Seq != 1 || f.Process.StartTicks != 1<<64-1 {
		t.Errorf("%+v", f)
	}
	if f := facts[1]; f.Time.Month() != 5 || f.Host.Name != "db-1" || f.Host.ID == "" || f.Process.StartTicks != 7 || f.ID == facts[0].ID {
		t.Errorf("%+v", f)
	}
	if r.Tests[0].Prevalence.Hosts != 3 {
		t.Errorf("%+v", r.Tests[0].Prevalence)
	}
}
