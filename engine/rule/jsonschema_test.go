package rule_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"picket.internal/engine/rule"
	"picket.internal/rules"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(rule.JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rule.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("rule.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// yamlDocuments are the documents of a file as an editor hands them to a schema.
func yamlDocuments(t *testing.T, data []byte) (out []any) {
	t.Helper()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			return nil // not YAML: there is nothing to hold against a schema
		}
		untime(&n)
		var v any
		if err := n.Decode(&v); err != nil {
			return nil
		}
		if v != nil {
			out = append(out, v)
		}
	}
}

// untime keeps days texts, as JSON does.
func untime(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!timestamp" {
		n.Tag = "!!str"
	}
	for _, c := range n.Content {
		untime(c)
	}
}

// Whatever loads meets the schema: an editor never complains about a good rule.
func TestSchemaTakesEveryRuleThatLoads(t *testing.T) {
	schema := compiledSchema(t)
	n := 0
	check := func(name string, data []byte) {
		for _, doc := range yamlDocuments(t, data) {
			n++
			if err := schema.Validate(doc); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	err := fs.WalkDir(rules.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(rules.FS(), name)
		check(name, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("testdata/findings/*.yaml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if set, _ := rule.Load(file, data); set != nil {
			check(file, data)
		}
	}
	blocks, _ := docBlocks(t)
	for _, b := range blocks {
		if b.lang == "yaml" && !strings.HasPrefix(b.text, "kind:") {
			check("docs/rules.md", []byte(b.text))
		}
	}
	if n < 40 {
		t.Errorf("only %d documents", n)
	}
}

// The schema finds what it can find: keys, types, and values out of bounds.
func TestSchemaRefuses(t *testing.T) {
	schema := compiledSchema(t)
	const head = "id: a.rule\ntitle: t\nstatus: test\nseverity: low\n"
	const facts = head + "on: [process]\nwhere: process.pid == 1\n"
	for name, doc := range map[string]string{
		"a key":           facts + "wheer: x\n",
		"a status":        strings.Replace(facts, "status: test", "status: tested", 1),
		"an id":           strings.Replace(facts, "a.rule", "A Rule", 1),
		"a kind":          strings.Replace(facts, "[process]", "[proces]", 1),
		"no way":          head,
		"two ways":        facts + "absence: {within: 1h}\nrisk: {of: host, at_least: 1, half_life: 1h}\n",
		"on and where":    facts + "correlation: {type: event_count, rules: [x.y], timespan: 5m, condition: {gte: 2}}\n",
		"a duration":      facts + "absence: {within: 1 hour}\n",
		"a score":         facts + "score: 101\n",
		"an exception":    facts + "exceptions: [{name: x, where: process.pid == 2}]\n",
		"a correlation":   head + "correlation: {type: count, rules: [x.y], timespan: 5m}\n",
		"a list":          "list: shells\n",
		"a macro":         "macro: x\nwhere: 1\n",
		"a filter":        "filter: x\nwhere: process.pid == 1\nowner: me\n",
		"a pack":          "pack: x\nversion: one\n",
		"a test":          "test: a.rule\n",
		"a field":         "test: a.rule\ncases: [{name: x, alerts: 1, facts: [{kind: process, process: {pidd: 1}}]}]\n",
		"a step":          "test: a.rule\ncases: [{name: x, alerts: 1, facts: [{advance: 10}]}]\n",
		"a fact's number": "test: a.rule\ncases: [{name: x, alerts: 1, facts: [{kind: process, process: {pid: one}}]}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			docs := yamlDocuments(t, []byte(doc))
			if len(docs) != 1 {
				t.Fatalf("%d documents", len(docs))
			}
			if schema.Validate(docs[0]) == nil {
				t.Error("the schema takes it")
			}
			if set, _ := rule.Load("x.yaml", []byte(doc)); set != nil {
				t.Error("it loads")
			}
		})
	}
}
