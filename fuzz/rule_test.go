package fuzz

import (
	"io/fs"
	"testing"
	"time"

	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/rules"
)

// FuzzRuleDocument holds rule files to what they promise: whatever a file
// holds, loading it ends soon and without a panic; with an error among the
// findings there is no set; findings point into the file; and a set that was
// loaded can be tested, evaluated and loaded again to the same version.
func FuzzRuleDocument(f *testing.F) {
	seedRules(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 16<<10 {
			return // larger files differ in size only, and make the engine slow
		}
		start := time.Now()
		set, findings := rule.Load("fuzz.yaml", data)
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("loading took %v", d)
		}
		if (set == nil) != findings.HasErrors() {
			t.Fatalf("a set is there: %v; errors are: %v\n%s", set != nil, findings.HasErrors(), findings)
		}
		for _, finding := range findings {
			if finding.Code == "" || finding.Message == "" || finding.Line < 0 || finding.Line > 0 && finding.Column < 1 {
				t.Errorf("finding that says too little: %+v", finding)
			}
			_ = finding.String()
		}
		if set == nil {
			return
		}
		for _, res := range rule.TestWith(set, engine.Player{}) {
			if res.Passed != (res.Got == res.Want) && res.Detail == "" {
				t.Errorf("test that failed without a word: %+v", res)
			}
		}
		again, _ := rule.Load("fuzz.yaml", data)
		if again == nil || again.Version() != set.Version() {
			t.Error("the same file gave another set")
		}
	})
}

func seedRules(f *testing.F) {
	err := fs.WalkDir(rules.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(rules.FS(), name)
		f.Add(data)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{
		"", "a: &a [*a]", "id: x\nwhere: >\n  a\n  b\n\n  c\n", "--- !!binary x\n", "id: \"\\x41\\u0042\\\n  c\"\n", "list: x\nvalues: [1, 2]\n",
		"id: x.y\ntitle: t\nstatus: test\nseverity: low\non: [package]\nwhere: package.name.matches(\"a{1000}{1000}\")\n",
		"id: x.y\ntitle: t\nstatus: test\nseverity: low\non: [process]\nwhere: 'process.args.exists(a, process.args.exists(b, a == b))'\n",
		"id: x.y\ntitle: t\nstatus: test\nseverity: low\non: [process]\nwhere: has(process) && process.pid / 0 == 1\nmessage: '{{process.args}} {{\"}}\"}}'\n",
	} {
		f.Add([]byte(s))
	}
}
