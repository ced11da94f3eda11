package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/fact"
	"picket.internal/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// hostile is what a rule of a pull request may hold in the hope of writing a
// command, an element or a line of its own.
const hostile = "x\n::error::y %0A \u202e\x1b[2J </failure><x>&\"']]>\x00"

var findings = rule.Findings{
	{Code: rule.CodeUnknownField, Level: rule.LevelError, File: "web/shell.yaml", Line: 9, Column: 3, Message: `there is no field "exe" in process`,
		Source: `  process.exe == "/bin/sh"`, Suggestion: "did you mean process.executable?"},
	{Code: rule.CodeNoTests, Level: rule.LevelWarning, File: "web/a b:c,%.yaml", Line: 1, Column: 1, Message: "the rule has no tests", Source: "id: web.shell"},
	{Code: rule.CodeNoTests, Level: rule.LevelWarning, File: "web/a b:c,%.yaml", Line: 20, Column: 1, Message: "the rule has no tests", Source: "id: web.shell"},
	{Code: rule.CodeUnreadable, Level: rule.LevelError, File: "/etc/rules/x.yaml", Message: hostile},
	{Code: rule.CodeYAML, Level: rule.LevelError, File: hostile, Line: 1, Column: 1, Message: "malformed YAML", Source: hostile},
}

func validateSARIF(t *testing.T, log []byte) {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("testdata/sarif/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Errorf("it is no SARIF: %v", err)
	}
}

func TestSARIF(t *testing.T) {
	log, err := report.SARIF(findings, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	validateSARIF(t, log)
	golden(t, "findings.sarif", log)
	var decoded struct {
		Runs []struct {
			Results []struct {
				Fingerprints map[string]string `json:"partialFingerprints"`
			} `json:"results"`
		} `json:"runs"`
	}
	if err := json.Unmarshal(log, &decoded); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range decoded.Runs[0].Results {
		seen[r.Fingerprints["picketFinding/v1"]] = true
	}
	if len(seen) != len(findings) {
		t.Errorf("%d fingerprints for %d findings", len(seen), len(findings))
	}
	none, err := report.SARIF(nil, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	validateSARIF(t, none)
}

// The schema finds fault where there is some: else it would prove nothing.
func TestTheSARIFSchemaBites(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("testdata/sarif/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	log, err := report.SARIF(findings, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{{`"level":"error"`, `"level":"bad"`}, {`"startLine":9`, `"startLine":0`}, {`"ruleId"`, `"ruleID"`}} {
		broken := strings.Replace(string(log), change[0], change[1], 1)
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(broken))
		if err != nil || broken == string(log) {
			t.Fatal("nothing was changed", err)
		}
		if schema.Validate(doc) == nil {
			t.Errorf("with %s it is still valid", change[1])
		}
	}
}

func TestGitHub(t *testing.T) {
	out := report.GitHub(findings)
	golden(t, "findings.github", out)
	for line := range strings.Lines(string(out)) {
		command, rest, ok := strings.Cut(strings.TrimPrefix(line, "::"), " ")
		if !strings.HasPrefix(line, "::") || !ok || command != "error" && command != "warning" || strings.Count(rest, "::") < 1 {
			t.Errorf("no command: %q", line)
		}
	}
	if n := strings.Count(string(out), "\n"); n != len(findings) {
		t.Errorf("%d lines for %d findings", n, len(findings))
	}
}

var results = []rule.TestResult{
	{Rule: "web.shell", Name: "one", File: "web/shell.yaml", Line: 11, Passed: true, Want: 1, Got: 1, Detail: "sh runs"},
	{Rule: "web.shell", Name: hostile, File: "web/shell.yaml", Line: 14, Want: 0, Got: 1, Detail: hostile},
	{Rule: "web.other", Name: "two", File: "web/other.yaml", Line: 3, Passed: true},
}

func TestJUnit(t *testing.T) {
	out, err := report.JUnit(results)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "results.xml", out)
	elements := map[string]int{}
	dec := xml.NewDecoder(bytes.NewReader(out))
	dec.Strict = true
	for {
		token, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("it is no XML: %v", err)
		}
		if start, ok := token.(xml.StartElement); ok {
			elements[start.Name.Local]++
		}
	}
	if diff := cmp.Diff(map[string]int{"testsuites": 1, "testsuite": 2, "testcase": 3, "failure": 1}, elements); diff != "" {
		t.Errorf("elements (-want +got):\n%s", diff)
	}
}

const coverageRules = `
id: a.shell
title: t
status: stable
severity: high
tags: [attack.execution, attack.t1059.004, attack.t1190]
on: [process]
where: process.name == "sh" && process.args.exists(a, a == "-i") && has(process.parent.name)
tests:
  - {name: fires, alerts: 1, facts: [{kind: process, process: {name: sh, args: [sh, -i], parent: {name: nginx}}}]}
  - {name: not, alerts: 0, facts: [{kind: process, process: {name: sh}}]}
---
id: a.receipt
title: t
status: test
severity: high
tags: [attack.t1190, attack.t1562]
on: [receipt]
where: receipt.action == "failed"
---
id: a.only
title: t
status: experimental
severity: high
tags: [attack.t1600]
on: [receipt]
where: receipt.action == "refused"
---
id: a.none
title: t
status: test
severity: low
on: [sensor, fleet]
where: sensor.action == "loss"
---
id: a.old
title: t
status: deprecated
severity: low
tags: [attack.t1110]
on: [process]
where: process.name == "x"
`

func coverage(t *testing.T, hosts []report.HostKinds) []report.Technique {
	t.Helper()
	set, found := rule.Load("rules.yaml", []byte(coverageRules))
	if set == nil {
		t.Fatal(found)
	}
	return report.Techniques(set, rule.TestWith(set, engine.Player{}), hosts)
}

func TestTechniques(t *testing.T) {
	hosts := []report.HostKinds{{Name: "web2", Kinds: []string{"process", "sensor"}}, {Name: "web1", Kinds: []string{"process"}}, {Name: "db", Kinds: []string{}}}
	got := map[string]report.Technique{}
	for _, tech := range coverage(t, hosts) {
		got[tech.ID] = tech
	}
	for id, want := range map[string]struct {
		tested, blind bool
		rules, hosts  int
	}{
		"T1059.004": {true, false, 1, 2}, "T1190": {true, false, 2, 2}, "T1562": {false, true, 1, 0},
		"T1600": {false, true, 1, 0}, report.Untagged: {false, false, 1, 1},
	} {
		tech, ok := got[id]
		if !ok || tech.Tested != want.tested || tech.Blind != want.blind || len(tech.Rules) != want.rules || len(tech.Hosts) != want.hosts {
			t.Errorf("%s: %+v", id, tech)
		}
	}
	if len(got) != 5 {
		t.Errorf("%d techniques", len(got))
	}
	fields := got["T1059.004"].Rules[0].Fields
	if diff := cmp.Diff([]string{"process.args", "process.name", "process.parent.name"}, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	for _, tech := range coverage(t, nil) {
		if tech.Blind || tech.Hosts != nil {
			t.Errorf("nobody was asked, but %+v", tech)
		}
	}
}

func TestNavigator(t *testing.T) {
	out, err := report.Navigator(coverage(t, []report.HostKinds{{Name: "web1", Kinds: []string{"process"}}}), "Picket")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "layer.json", out)
	var l struct {
		Versions   map[string]string
		Domain     string
		Techniques []struct{ TechniqueID, Color string }
		Gradient   struct{ MinValue, MaxValue int }
	}
	if err := json.Unmarshal(out, &l); err != nil {
		t.Fatal(err)
	}
	if l.Versions["layer"] != "4.5" || l.Versions["attack"] != rule.AttackVersion || l.Domain != "enterprise-attack" || l.Gradient.MinValue >= l.Gradient.MaxValue {
		t.Errorf("%+v", l)
	}
	for _, tech := range l.Techniques {
		if (tech.TechniqueID == "T1562" || tech.TechniqueID == "T1600") != (tech.Color != "") {
			t.Errorf("%+v", tech)
		}
	}
}

func TestReferenceHasEverything(t *testing.T) {
	out := string(report.Reference{Kinds: fact.Kinds(), Fields: fact.Fields(), Functions: rule.Functions()}.Markdown())
	for _, f := range fact.Fields() {
		if !strings.Contains(out, "| `"+f.Path+"` |") {
			t.Errorf("the field %s is missing", f.Path)
		}
	}
	for _, f := range rule.Functions() {
		if !strings.Contains(out, strings.ReplaceAll(f.Forms[0], "|", `\|`)) {
			t.Errorf("the function %s is missing", f.Name)
		}
	}
	for i, line := range strings.Split(out, "\n") {
		if bars := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); bars != 0 && bars != 4 && bars != 5 {
			t.Errorf("line %d has %d cells: %s", i+1, bars-1, line)
		}
	}
}
