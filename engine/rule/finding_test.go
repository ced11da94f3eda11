package rule_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"picket.internal/engine/rule"
)

var update = flag.Bool("update", false, "write the golden files of the findings")

// findingsOf loads a file of testdata/findings: one document file, or a folder
// of them as txtar. The findings are those of a day when some things have expired,
// and those of the tests.
func findingsOf(t *testing.T, name string) rule.Findings {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	options := rule.Options{Now: time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)}
	var set *rule.Set
	var findings rule.Findings
	if filepath.Ext(name) == ".txtar" {
		fsys := fstest.MapFS{}
		for _, f := range txtar.Parse(data).Files {
			fsys[f.Name] = &fstest.MapFile{Data: f.Data}
		}
		set, findings = options.LoadFS(fsys)
	} else {
		set, findings = options.Load(filepath.Base(name), data)
	}
	if (set == nil) != findings.HasErrors() || (findings.Err() != nil) != findings.HasErrors() {
		t.Errorf("a set is there: %v; errors are: %v (%v)", set != nil, findings.HasErrors(), findings.Err())
	}
	if set != nil {
		findings = append(findings, rule.Verify(set)...)
	}
	return findings
}

// Each file of testdata/findings is wrong in some way; the .golden file beside
// it is what an author reads about it.
func TestFindings(t *testing.T) {
	files, err := filepath.Glob("testdata/findings/*.[yt]*")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			findings := findingsOf(t, file)
			if len(findings) == 0 {
				t.Fatal("no findings")
			}
			sameAsGolden(t, strings.TrimSuffix(file, filepath.Ext(file))+".golden", findings)
		})
	}
}

func sameAsGolden(t *testing.T, golden string, findings rule.Findings) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(findings.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), findings.String()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestFindingOfAnUnreadableFile(t *testing.T) {
	_, findings := rule.LoadFS(badFS{})
	sameAsGolden(t, "testdata/findings/unreadable.golden", findings)
}

// codes are the codes of findings, as the source lists them.
func codes(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("finding.go")
	if err != nil {
		t.Fatal(err)
	}
	out := []string{rule.CodeCost}
	for _, m := range regexp.MustCompile(`= "((?:rule|pack)\.[a-z_]+)" +//`).FindAllStringSubmatch(string(source), -1) {
		out = append(out, m[1])
	}
	return out
}

// A code without a golden file is one whose words nobody has read.
func TestEveryCodeHasAGoldenFile(t *testing.T) {
	files, err := filepath.Glob("testdata/findings/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	codes := codes(t)
	if len(codes) < 40 {
		t.Fatalf("only %d codes", len(codes))
	}
	for _, code := range codes {
		if !strings.Contains(all.String(), "["+code+"]") {
			t.Errorf("no golden file shows %s", code)
		}
	}
}

func TestFindingAsJSON(t *testing.T) {
	finding := refused(t, document(`process.pdi == 1`, onProcess))[0]
	data, err := json.Marshal(finding)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"code":"rule.unknown_field","severity":"error","file":"test.yaml","line":7,"column":11,` +
		`"message":"there is no field \"pdi\" in process","source":"  process.pdi == 1","suggestion":"did you mean process.pid?"}`
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Error(diff)
	}
}

// Whatever YAML style an expression is written in, a finding points at the very
// characters that are wrong.
func TestFindingsPointIntoEveryYAMLStyle(t *testing.T) {
	const head = "id: a.rule\ntitle: a rule\nstatus: test\nseverity: low\non: [process]\n"
	for name, where := range map[string]string{
		"plain":                    "where: process.pid == 1 || process.zzz == 1\n",
		"plain over lines":         "where: process.pid == 1\n  || process.pid == 2\n\n  ||  process.zzz == 1 # comment\n",
		"single quotes":            "where: 'process.name == ''its'' || process.zzz == 1'\n",
		"single quotes over lines": "where: 'process.pid == 1\n\n   || process.zzz == 1'\n",
		"double quotes":            `where: "process.name == \"\\x41\\u0042\t\" || process.zzz == 1"` + "\n",
		"double quotes over lines": "where: \"process.pid == 1\n    ||\\\n    process.zzz == 1\"\n",
		"literal":                  "where: |\n  process.pid == 1\n\n    || process.zzz == 1\n",
		"literal with indent":      "where: |4-\n     process.pid == 1\n     || process.zzz == 1\n",
		"folded":                   "where: >\n  process.pid == 1\n  || process.pid == 2\n\n  || process.zzz == 1\n",
		"folded more indented":     "where: >-\n  process.pid == 1\n    || process.zzz == 1\n  || process.pid == 2\n",
		"after wide characters":    "where: process.name == \"äöü漢\" || process.zzz == 1\n",
		"flow":                     "suppress: {by: [process.pid], for: 1h}\nwhere: process.zzz == 1\n",
		"message":                  "where: process.pid == 1\nmessage: \"\\u00e4 {{process.pid}} {{process.zzz}}\"\n",
		"message folded":           "where: process.pid == 1\nmessage: >\n  {{process.pid}}\n  {{  process.zzz  }}\n",
		"windows line ends":        "where: |\r\n  process.pid == 1\r\n  || process.zzz == 1\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			doc := head + where
			at := strings.Index(doc, "zzz")
			line := 1 + strings.Count(doc[:at], "\n")
			column := 1 + len([]rune(doc[strings.LastIndexByte(doc[:at], '\n')+1:at]))
			f := refused(t, doc)[0]
			if f.Code != rule.CodeUnknownField || f.Line != line || f.Column != column {
				t.Errorf("at %d:%d, wanted %d:%d\n%s", f.Line, f.Column, line, column, f)
			}
			shown := strings.Split(f.String(), "\n")
			if caret := strings.IndexByte(shown[2], '^'); !strings.HasPrefix(string([]rune(shown[1])[caret:]), "zzz") {
				t.Errorf("the caret is not under the place:\n%s", f)
			}
		})
	}
}
