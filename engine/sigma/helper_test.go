package sigma_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"picket.internal/engine/rule"
	"picket.internal/engine/sigma"
	"picket.internal/fact"
	"picket.internal/internal/testneed"
)

var update = flag.Bool("update", false, "write golden files anew")

// document is a Sigma rule with the detection, for Linux processes unless it
// names a log source itself.
func document(detection string) string {
	logsource := "logsource: {product: linux, category: process_creation}\n"
	if strings.Contains(detection, "logsource:") {
		logsource = ""
	}
	return "title: A test\nid: 6ad4b0e0-8a2f-4f0e-9d55-1c1a5cf1f1a1\nstatus: test\nlevel: low\n" + logsource + detection
}

// selection is a Sigma rule with one search identifier.
func selection(body string) string {
	return document("detection:\n  selection:\n    " + strings.ReplaceAll(body, "\n", "\n    ") + "\n  condition: selection\n")
}

func convert(t *testing.T, text string, o sigma.Options) (*rule.Rule, string) {
	t.Helper()
	out := sigma.Convert([]sigma.File{{Name: "a_test.yml", Data: []byte(text)}}, o)[0]
	if out.Err != nil {
		t.Fatalf("refused: %v\n%s", out.Err, text)
	}
	set, findings := rule.Load(out.Name, out.Rules)
	if set == nil {
		t.Fatalf("does not load:\n%s\n%s", findings, out.Rules)
	}
	if len(findings) > 0 {
		t.Errorf("not clean:\n%s\n%s", findings, out.Rules)
	}
	r, ok := set.Rule(out.IDs[len(out.IDs)-1])
	if !ok {
		t.Fatalf("there is no rule %v", out.IDs)
	}
	return r, string(out.Rules)
}

// reason is why a document is refused.
func reason(t *testing.T, text string, o sigma.Options) string {
	t.Helper()
	out := sigma.Convert([]sigma.File{{Name: "a_test.yml", Data: []byte(text)}}, o)[0]
	if out.Err == nil {
		t.Fatalf("not refused:\n%s\n%s", text, out.Rules)
	}
	if out.Rules != nil || out.IDs != nil {
		t.Errorf("refused, and yet there is something: %v %s", out.IDs, out.Rules)
	}
	return out.Err.Error()
}

// parseFact reads a fact written by hand: a whole one, or only its process.
func parseFact(t *testing.T, text string) *fact.Fact {
	t.Helper()
	var v map[string]any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if _, whole := v["kind"]; !whole {
		if v == nil {
			v = map[string]any{}
		}
		if _, set := v["action"]; !set {
			v["action"] = "start"
		}
		user := v["user"]
		delete(v, "user")
		v = map[string]any{"kind": "process", "process": v}
		if user != nil {
			v["user"] = user
		}
	}
	for key, value := range map[string]any{"id": fmt.Sprintf("01J%023d", 1), "time": "2026-03-04T05:06:07Z", "seq": 1, "host": map[string]any{"id": "h_test", "name": "web-1"}} {
		if _, set := v[key]; !set {
			v[key] = value
		}
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := fact.Parse(data)
	if err == nil {
		err = f.Validate()
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

func matches(t *testing.T, r *rule.Rule, text string) bool {
	t.Helper()
	f := parseFact(t, text)
	if f.Kind != r.On[0] {
		return false
	}
	got, err := r.Evaluate(rule.NewVars(f, nil))
	if err != nil {
		t.Errorf("%s: %v", text, err)
	}
	return got
}

// corpus are the rules of SigmaHQ that are beside the repository.
func corpus(t *testing.T) []sigma.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(testneed.Corpus(t, "sigma-linux"), "process_creation", "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var files []sigma.File
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, sigma.File{Name: filepath.Base(name), Data: data})
	}
	return files
}
