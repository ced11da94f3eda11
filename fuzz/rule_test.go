package fuzz

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/rules"
)

// FuzzRuleDocument holds rule files to what they promise: whatever a file
// holds, loading it ends soon and without a panic; with an error among the
// findings there is no set; findings point into the file; and a set that was
// loaded can be tested, evaluated and loaded again to the same version. Every
// kind of document is among the seeds.
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
		excuses(t, set)
		again, _ := rule.Load("fuzz.yaml", data)
		if again == nil || again.Version() != set.Version() {
			t.Error("the same file gave another set")
		}
	})
}

// excuses asks everything that is asked on a match only, on facts of the rule's
// own tests: an error is an answer, a panic is not.
func excuses(t *testing.T, set *rule.Set) {
	for _, r := range set.Rules() {
		if r.Stateful() == (r.Correlation == nil && r.NewTerms == nil && r.Absence == nil && r.Risk == nil) {
			t.Errorf("%s: stateful is %v", r.ID, r.Stateful())
		}
		for _, test := range r.Tests {
			for i, fact := range test.Facts {
				if i == 10 {
					break
				}
				v := rule.NewVars(fact, test.Prevalence)
				v.SetWindow(&rule.Window{Count: 2, Rules: []string{r.ID}})
				_, _ = r.Excused(v, fact.Time)
				_, _ = r.RenderMessage(v)
				if score, _ := r.ScoreOf(v); !(score >= 0 && score <= 100) {
					t.Errorf("%s: a score of %v", r.ID, score)
				}
			}
		}
	}
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
		"macro: a\nwhere: macros.b\n---\nmacro: b\nwhere: macros.a\n---\nmacro: c\nwhere: process.args.exists(a, a in lists.d)\n---\nlist: d\nvalues: [x]\n",
		"filter: f\nrules: [\"*\"]\nwhere: process.pid == 1\nowner: me\nexpires: 2027-06-30\n---\npack: x\nversion: 1.0.0\n",
		"test: x.y\ncases:\n- {name: a, facts: [{repeat: 3, fact: {kind: process, process: {pid: 1}}}, {advance: 2d}], alerts: 1}\n- {name: b, file: x.jsonl, alerts: 0}\n",
		"id: x.y\ntitle: t\nstatus: test\nseverity: low\non: [process]\nwhere: macros.m && process.pid != 1\nscore: 'process.pid / 0'\nexceptions:\n- {name: e, where: 'process.name in [\"a\"]', owner: o}\n---\nmacro: m\nwhere: has(process.hash) || process.pid == 1\n",
		"id: x.y\ntitle: t\nstatus: test\nseverity: low\non: [process]\nwhere: process.pid == 1\nnew_terms: {fields: [process.name], group-by: [host.id], within: 14d, learn: 1d}\n---\nid: x.z\ntitle: t\nstatus: test\nseverity: low\nrisk: {of: user, at_least: 10, half_life: 1h}\nmessage: '{{window.value}}'\n",
		"id: x.y\ntitle: t\nstatus: test\nseverity: low\ncorrelation: {type: value_count, rules: [x.z, x.y], group-by: [who], aliases: {who: {x.z: user.name}}, timespan: 5m, condition: {gt: 3, lt: 9, field: [process.name, user.id]}}\n---\nid: x.z\ntitle: t\nstatus: test\nseverity: low\non: [process]\nwhere: process.pid == 1\nabsence: {within: 1h}\n",
	} {
		f.Add([]byte(s))
	}
	for _, pattern := range []string{"../engine/rule/testdata/findings/*.yaml", "../engine/rule/testdata/findings/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal("no seeds", err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
}

// FuzzRuleFolder holds a folder to the same promises: a document with a list of
// values and a test's facts in files beside it, whatever these hold.
func FuzzRuleFolder(f *testing.F) {
	f.Add([]byte("a\n# b\n\nc d\n"), []byte(`{"kind":"process","process":{"name":"a"}}`+"\n"))
	f.Add([]byte("\x00"), []byte(`{"advance":"10m"}`+"\n"+`{"repeat":2,"fact":{"kind":"process","process":{"name":"c d"}}}`))
	f.Add([]byte(""), []byte("{\"kind\":\"\\ud83d\""))
	const doc = "list: l\nfile: l.txt\n---\nid: x.y\ntitle: t\nstatus: test\nseverity: low\non: [process]\nwhere: process.name in lists.l\n---\n" +
		"test: x.y\ncases: [{name: a, file: f.jsonl, alerts: 1}]\n"
	f.Fuzz(func(t *testing.T, values, facts []byte) {
		if len(values)+len(facts) > 16<<10 {
			return
		}
		fsys := fstest.MapFS{"a.yaml": {Data: []byte(doc)}, "l.txt": {Data: values}, "f.jsonl": {Data: facts}}
		set, findings := rule.LoadFS(fsys)
		if (set == nil) != findings.HasErrors() {
			t.Fatalf("a set is there: %v\n%s", set != nil, findings)
		}
		if set == nil {
			return
		}
		r, _ := set.Rule("x.y")
		if len(r.Tests) != 1 || len(r.Tests[0].Steps) == 0 {
			t.Fatalf("%d tests", len(r.Tests))
		}
		for _, fact := range r.Tests[0].Facts {
			if fact.Kind != "process" {
				continue
			}
			listed := slices.ContainsFunc(strings.Split(string(values), "\n"), func(line string) bool {
				line = strings.TrimSpace(line)
				return line != "" && line[0] != '#' && fact.Process != nil && line == fact.Process.Name
			})
			if ok, err := r.Evaluate(rule.NewVars(fact, nil)); ok != listed || err != nil {
				t.Errorf("%+v: %v, %v, wanted %v", fact.Process, ok, err, listed)
			}
		}
		again, _ := rule.LoadFS(fsys)
		if again == nil || again.Version() != set.Version() {
			t.Error("the same folder gave another set")
		}
	})
}
