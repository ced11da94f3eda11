package fuzz

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/engine/sigma"
)

// FuzzSigma holds the conversion of Sigma rules to what it promises: whatever a
// file holds, converting it ends soon and without a panic; what is refused has a
// reason and nothing else; what is converted loads again, keeps author and
// source, passes the tests that were made for it, and converts to the same bytes
// the next time.
func FuzzSigma(f *testing.F) {
	seedSigma(f)
	placeholders := map[string][]string{"Servers": {"srv*", "web?"}}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 16<<10 {
			return // larger files differ in size only
		}
		start := time.Now()
		convert := func() sigma.Output {
			return sigma.Convert([]sigma.File{{Name: "fuzz.yml", Data: data}}, sigma.Options{Placeholders: placeholders})[0]
		}
		out := convert()
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("converting took %v", d)
		}
		if out.Err != nil {
			if out.Rules != nil || out.IDs != nil || out.Err.Error() == "" {
				t.Errorf("refused, and yet there is something: %q %v", out.Rules, out.IDs)
			}
			return
		}
		set, findings := rule.Load("fuzz.yaml", out.Rules)
		if set == nil {
			if filterOnly(findings) {
				return // a filter or correlation of rules in other files
			}
			t.Fatalf("what was converted does not load:\n%s\n%s", findings, out.Rules)
		}
		for _, r := range set.Rules() {
			if r.Source == nil || r.Source.Licence == "" {
				t.Errorf("%s does not say where it is from", r.ID)
			}
		}
		for _, res := range rule.TestWith(set, engine.Player{}) {
			if !res.Passed {
				t.Errorf("test %q of %s: %d alerts, wanted %d %s\n%s", res.Name, res.Rule, res.Got, res.Want, res.Detail, out.Rules)
			}
		}
		if again := convert(); again.Err != nil || string(again.Rules) != string(out.Rules) {
			t.Errorf("the same file gave something else: %v\n%s\n%s", again.Err, out.Rules, again.Rules)
		}
	})
}

// filterOnly reports whether all that is wrong is that there is no rule.
func filterOnly(findings rule.Findings) bool {
	for _, f := range findings {
		if f.Level == rule.LevelError && f.Code != rule.CodeEmpty {
			return false
		}
	}
	return true
}

func seedSigma(f *testing.F) {
	for _, folder := range []string{"../engine/sigma/testdata/sets/*.yml", "../../shared/corpora/sigma-linux/process_creation/*.yml"} {
		names, err := filepath.Glob(folder)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	const head = "title: t\nlogsource: {product: linux, category: process_creation}\n"
	for _, s := range []string{
		"", "a: &a [*a]", "title: t\n", head + "detection: {a: {Image: x}, condition: a}\n",
		head + "detection:\n  a:\n    CommandLine|re|i: '^(a|b)$'\n    Image|endswith|expand: '%Servers%'\n    ProcessId|gte: 5\n  b:\n    - User: null\n    - CommandLine|windash|contains|all: [' -a', '/b']\n  condition: (a or not b) and 1 of *\n",
		head + "detection:\n  a: {CommandLine|wide|base64offset|contains: 'cmd \\\\* \\? \\'}\n  condition: [a, not not a]\n",
		head + "name: a\ndetection: {a: {Image: x}, condition: a}\n---\ntitle: c\nlevel: high\ncorrelation: {type: temporal, rules: [a, b], group-by: [User], timespan: 5m}\n---\n" + head + "name: b\ndetection: {a: {CommandLine: 'y*'}, condition: a}\n",
		"title: t\nlogsource: {product: picket, category: login}\ndetection: {a: {login.source_ip|cidr: ['10.0.0.0/8', '::1'], login.invalid: true, time|hour|lt: 6}, condition: a}\n",
	} {
		f.Add([]byte(s))
	}
}
