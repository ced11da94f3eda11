package sigma_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/engine/rule"
	"picket.internal/engine/sigma"
)

const (
	baseRules = `title: Cat
id: 11111111-1111-4111-8111-111111111111
name: cat
logsource: {product: linux, category: process_creation}
detection: {selection: {Image|endswith: /cat}, condition: selection}
---
title: Dog
id: 22222222-2222-4222-8222-222222222222
name: dog
logsource: {product: linux, category: process_creation}
detection: {selection: {CommandLine|contains: dog}, condition: selection}
`
	refusedRule = "title: Bird\nname: bird\nlogsource: {product: windows}\ndetection: {selection: {Image: x}, condition: selection}\n"
)

// convertAll converts files and answers the last one's output.
func convertAll(t *testing.T, texts ...string) (last sigma.Output, all []sigma.Output) {
	t.Helper()
	var files []sigma.File
	for i, text := range texts {
		files = append(files, sigma.File{Name: string(rune('a'+i)) + ".yml", Data: []byte(text)})
	}
	all = sigma.Convert(files, sigma.Options{})
	return all[len(all)-1], all
}

// TestSets holds correlations and filters to the documents that they become.
func TestSets(t *testing.T) {
	paths, err := filepath.Glob("testdata/sets/*.yml")
	if err != nil || len(paths) < 8 {
		t.Fatalf("%d sets, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got, all := convertAll(t, baseRules, string(data))
			if got.Err != nil {
				t.Fatal(got.Err)
			}
			golden := strings.TrimSuffix(path, ".yml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, got.Rules, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got.Rules)); diff != "" {
				t.Errorf("-want +got (-update writes it anew)\n%s", diff)
			}
			set, findings := rule.Load("all.yaml", []byte(string(all[0].Rules)+"---\n"+string(got.Rules)))
			if set == nil {
				t.Fatalf("does not load:\n%s", findings)
			}
		})
	}
}

func TestRefusedSets(t *testing.T) {
	const head = "title: Many\ncorrelation:\n  type: event_count\n  group-by: [User]\n"
	for name, c := range map[string]struct{ sigma, want string }{
		"unknown rule":       {head + "  rules: [cow]\n  timespan: 5m\n  condition: {gte: 10}\n", `Many: correlation: the rule "cow" is not among those that are converted, or is refused itself`},
		"refused rule":       {head + "  rules: [bird]\n  timespan: 5m\n  condition: {gte: 10}\n", `Many: correlation: the rule "bird" is not among those that are converted, or is refused itself`},
		"no rules":           {head + "  timespan: 5m\n  condition: {gte: 10}\n", `Many: correlation: it names no rules`},
		"timespan":           {head + "  rules: [cat]\n  timespan: 5 minutes\n  condition: {gte: 10}\n", `Many: correlation: malformed timespan "5 minutes": it is a number and s, m, h or d`},
		"field of the group": {"title: Many\ncorrelation: {type: event_count, rules: [cat], group-by: [LogonId], timespan: 5m, condition: {gte: 2}}\n", `Many: correlation: group-by: field LogonId: no field of a fact is known to be the same number; user.audit.id is the account that logged in`},
		"type":               {"title: Many\ncorrelation: {type: sequence, rules: [cat], timespan: 5m}\n", `Many: correlation: the type "sequence" is not known here`},
		"condition of names": {"title: Many\ncorrelation: {type: temporal, rules: [cat, dog], timespan: 5m, condition: cat and dog}\n", `Many: correlation: line 2: a condition over names of rules is not known here`},
		"no such bound":      {head + "  rules: [cat]\n  timespan: 5m\n  condition: {about: 10}\n", `Many: correlation: line 7: condition: "about" is not known here`},
		"bound":              {head + "  rules: [cat]\n  timespan: 5m\n  condition: {gte: many}\n", `Many: correlation: line 7: gte must be a number`},
		"alias":              {head + "  rules: [cat]\n  timespan: 5m\n  condition: {gte: 10}\n  aliases: {who: {dog: User}}\n", `Many: correlation: line 8: the alias names the rule "dog", which is not counted`},
		"without condition":  {head + "  rules: [cat]\n  timespan: 5m\n", `what it becomes does not load: event_count needs a condition`},
		"a ring":             {"title: Ring\nname: ring\ncorrelation: {type: event_count, rules: [ring], timespan: 5m, condition: {gte: 2}}\n", `what it becomes does not load: the correlation reads itself: sigma.c reads sigma.c`},

		"filter of an unknown rule":  {"title: F\nlogsource: {product: linux, category: process_creation}\nfilter: {rules: [cow], selection: {User: x}, condition: not selection}\n", `F: filter: the rule "cow" is not among those that are converted, or is refused itself`},
		"filter of two readings":     {"title: F\nlogsource: {product: linux, category: process_creation}\nfilter: {rules: [cat], selection: {User: x}, condition: selection}\n", `F: filter: its condition can be read as what passes and as what must be met; write not in front of it, so that what is selected passes`},
		"filter of another source":   {"title: F\nlogsource: {product: linux, category: file_event}\nfilter: {rules: [cat], selection: {TargetFilename: x}, condition: not selection}\n", `F: filter: the rule Cat is about another log source`},
		"filter without a condition": {"title: F\nlogsource: {product: linux, category: process_creation}\nfilter: {rules: [cat], selection: {User: x}}\n", `the detection has no condition`},
	} {
		t.Run(name, func(t *testing.T) {
			got, all := convertAll(t, baseRules, refusedRule, c.sigma)
			if got.Err == nil || got.Err.Error() != c.want || got.Rules != nil || got.IDs != nil {
				t.Errorf("the reason is\n  %v\nwanted\n  %s", got.Err, c.want)
			}
			if all[0].Err != nil {
				t.Errorf("the rules that it names are refused with it: %v", all[0].Err)
			}
		})
	}
}

// TestRefusalFallsOn refuses a correlation with a rule that it names, also where
// that rule falls only when it is loaded, and whichever comes first.
func TestRefusalFallsOn(t *testing.T) {
	large := "title: Large\nname: large\nlogsource: {product: linux, category: process_creation}\ndetection: {selection: {Image|re: '(a|aa|aaa){1,900}'}, condition: selection}\n"
	many := "title: Many\ncorrelation: {type: event_count, rules: [large], timespan: 5m, condition: {gte: 2}}\n"
	last, all := convertAll(t, large, many)
	if want := `Many: the rule "Large" that it names is refused itself`; last.Err == nil || last.Err.Error() != want {
		t.Errorf("the reason is %v, wanted %s", last.Err, want)
	}
	_, other := convertAll(t, many, large)
	for _, o := range append(all, other...) {
		if o.Err == nil || o.Rules != nil || o.IDs != nil {
			t.Errorf("%s was converted", o.File)
		}
	}
}

func TestNames(t *testing.T) {
	out := sigma.Convert([]sigma.File{
		{Name: "dir/Proc-Creation Lnx.yml", Data: []byte(selection("Image: x"))},
		{Name: "../../etc/пример.yml", Data: []byte("title: A Title!\nlogsource: {category: process_creation}\ndetection: {a: {Image: x}, condition: a}\n")},
		{Name: "b/" + strings.Repeat("long_", 60) + "end.yml", Data: []byte("title: L\nlogsource: {category: process_creation}\ndetection: {a: {Image: x}, condition: a}\n")},
		{Name: "two.yml", Data: []byte(baseRules)},
		{Name: "other/two.yml", Data: []byte("title: Again\nlogsource: {category: process_creation}\ndetection: {a: {Image: x}, condition: a}\n---\n" + strings.ReplaceAll(baseRules, "name:", "x:"))},
	}, sigma.Options{SourceURL: "https://rules.example/linux/", Licence: "MIT", Source: "Example"})
	want := [][]string{
		{"sigma.proc_creation_lnx"}, {"sigma.a_title"}, nil, {"sigma.two.cat", "sigma.two.dog"}, nil,
	}
	for i, o := range out {
		if i == 2 {
			if o.Err != nil || len(o.IDs[0]) > 100 || !strings.HasSuffix(o.IDs[0], "_end") || len(o.Name) > 110 {
				t.Errorf("a long name: %v %q %v", o.IDs, o.Name, o.Err)
			}
			continue
		}
		if diff := cmp.Diff(want[i], o.IDs); diff != "" || strings.ContainsAny(o.Name, "/ ") {
			t.Errorf("%s: %q %v\n%s", o.File, o.Name, o.Err, diff)
		}
	}
	if err := out[4].Err; err == nil || err.Error() != `the id sigma.two.cat, made of the name, is that of a document in "two.yml" already` {
		t.Errorf("an id twice: %v", err)
	}
	if text := string(out[0].Rules); !strings.Contains(text, "name: Example\n  url: https://rules.example/linux/Proc-Creation Lnx.yml\n  licence: MIT\n") {
		t.Errorf("the source is not as it was said to be:\n%s", text)
	}
}
