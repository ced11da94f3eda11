package rule

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"picket.internal/fact"
	"picket.internal/strictjson"
)

// Bounds of a rule's own tests.
const (
	maxTests = 100
	maxFacts = 100 // of one test
)

var testKeys = []string{"name", "facts", "prevalence", "alerts"}

func (w *walker) testCases(n *yaml.Node) []TestCase {
	items, ok := w.sequence(n, "tests")
	if !ok {
		return nil
	}
	if len(items) > maxTests {
		w.fail(CodeTooLarge, at(n), fmt.Sprintf("the rule has more than %d tests", maxTests), "")
		return nil
	}
	var out []TestCase
	names := map[string]bool{}
	for _, item := range items {
		t, ok := w.testCase(item)
		if !ok {
			continue
		}
		if names[t.Name] {
			w.fail(CodeDuplicateID, at(item), fmt.Sprintf("there is a test %q already", t.Name), "")
		}
		names[t.Name] = true
		out = append(out, t)
	}
	return out
}

// testCase reads one test; with any error in it there is none, because a test
// with a fact missing proves something else.
func (w *walker) testCase(n *yaml.Node) (TestCase, bool) {
	entries, ok := w.mapping(n, "a test", testKeys)
	if !ok {
		return TestCase{}, false
	}
	t := TestCase{Line: n.Line}
	set := map[string]bool{}
	before := len(w.findings)
	for _, e := range entries {
		set[e.key.Value] = true
		switch e.key.Value {
		case "name":
			t.Name, _ = w.str(e.value, "name", 200)
		case "alerts":
			count, _ := w.number(e.value, "alerts", 0, maxFacts)
			t.Alerts = int(count)
		case "facts":
			t.Facts = w.testFacts(e.value)
		case "prevalence":
			t.Prevalence = w.testPrevalence(e.value)
		}
	}
	for _, key := range []string{"name", "facts", "alerts"} {
		if !set[key] {
			w.fail(CodeMissingKey, at(n), "the test has no "+key, "")
		}
	}
	return t, len(w.findings) == before
}

func (w *walker) testFacts(n *yaml.Node) []*fact.Fact {
	items, ok := w.sequence(n, "facts")
	if !ok {
		return nil
	}
	if len(items) == 0 || len(items) > maxFacts {
		w.fail(CodeBadValue, at(n), fmt.Sprintf("a test has 1 to %d facts", maxFacts), "")
		return nil
	}
	var out []*fact.Fact
	for i, item := range items {
		if f := w.testFact(item, i); f != nil {
			out = append(out, f)
		}
	}
	return out
}

// testStart is the time of a test's first fact, where the test states none.
var testStart = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// testFact reads a fact in the shape it has as JSON. What every fact has and no
// rule cares about is filled in.
func (w *walker) testFact(n *yaml.Node, i int) *fact.Fact {
	before := len(w.findings)
	v, ok := w.object(n, factSchema().root, "a fact").(map[string]any)
	if !ok || len(w.findings) > before {
		return nil
	}
	fill(v, "id", fmt.Sprintf("01J%023d", i+1))
	fill(v, "time", testStart.Add(time.Duration(i)*time.Second).Format(time.RFC3339))
	fill(v, "seq", json.Number(strconv.Itoa(i+1)))
	fill(v, "host", map[string]any{})
	if host, ok := v["host"].(map[string]any); ok {
		fill(host, "id", "h_test")
		fill(host, "name", "test-host")
	}
	data, err := json.Marshal(v)
	if err != nil {
		w.fail(CodeBadValue, at(n), "the fact cannot be written as JSON: "+err.Error(), "")
		return nil
	}
	f, _, err := fact.Parse(data)
	if err == nil {
		err = f.Validate()
	}
	if err != nil {
		w.fail(CodeBadValue, at(n), "the fact cannot be: "+jsonProblem(err), "")
		return nil
	}
	return f
}

func fill(v map[string]any, key string, value any) {
	if _, ok := v[key]; !ok {
		v[key] = value
	}
}

// testPrevalence reads what the hub would know, as strictly as a fact.
func (w *walker) testPrevalence(n *yaml.Node) *fact.Prevalence {
	v := w.object(n, factSchema().prev, "prevalence")
	if v == nil {
		return nil
	}
	data, err := json.Marshal(v)
	if err == nil {
		p := new(fact.Prevalence)
		if err = strictjson.Decode(data, strictjson.Limits{}, p, nil); err == nil {
			return p
		}
	}
	w.fail(CodeBadValue, at(n), "prevalence cannot be: "+jsonProblem(err), "")
	return nil
}

// jsonProblem says what strictjson says without its position in bytes: the
// author wrote YAML.
func jsonProblem(err error) string {
	var problem *strictjson.Error
	if !errors.As(err, &problem) {
		return err.Error()
	}
	text := problem.ID
	if problem.Path != "" {
		text += " at " + strings.TrimPrefix(problem.Path, "$.")
	}
	if problem.Detail != "" {
		text += ": " + problem.Detail
	}
	return text
}

// object turns a YAML mapping into what encoding/json writes as the object that
// t describes; nil where it could not.
func (w *walker) object(n *yaml.Node, t *structType, what string) any {
	if n.Kind != yaml.MappingNode {
		w.fail(CodeBadValue, at(n), fmt.Sprintf("%s must be a mapping, not %s", what, kindOf(n)), "")
		return nil
	}
	entries, ok := w.mapping(n, what, nil)
	if !ok {
		return nil
	}
	out := map[string]any{}
	for _, e := range entries {
		i, known := t.index[e.key.Value]
		if !known {
			w.fail(CodeUnknownField, at(e.key), fmt.Sprintf("%s has no field %q", what, e.key.Value), testFieldHint(e.key.Value, t))
			continue
		}
		if v := w.fieldValue(e.value, &t.fields[i]); v != nil {
			out[e.key.Value] = v
		}
	}
	return out
}

func testFieldHint(name string, t *structType) string {
	if first, rest, dotted := strings.Cut(name, "."); dotted && slices.Contains(t.names, first) {
		return fmt.Sprintf("nest it: %s: {%s: …}", first, rest)
	}
	return didYouMean(name, t.names)
}

// fieldValue reads a value by the type of its field, so that the author learns
// here, and not from JSON, what is wrong with it.
func (w *walker) fieldValue(n *yaml.Node, f *field) any {
	switch f.form {
	case formObject:
		return w.object(n, f.elem, f.name)
	case formObjects, formStrings:
		items, ok := w.sequence(n, f.name)
		if !ok {
			return nil
		}
		out := []any{}
		for _, item := range items {
			if f.form == formObjects {
				out = append(out, w.object(item, f.elem, "an item of "+f.name))
			} else if s, ok := w.str(item, "an item of "+f.name, 64<<10); ok {
				out = append(out, s)
			}
		}
		return out
	case formString, formTime:
		s, ok := w.str(n, f.name, 64<<10)
		if !ok {
			return nil
		}
		return s
	}
	return w.scalar(n, f)
}

func (w *walker) scalar(n *yaml.Node, f *field) any {
	tag := n.ShortTag()
	switch {
	case n.Kind != yaml.ScalarNode:
	case f.form == formBool && tag == "!!bool":
		return n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
	case f.form == formDouble && (tag == "!!float" || tag == "!!int"):
		if v, err := strconv.ParseFloat(n.Value, 64); err == nil && v-v == 0 {
			return v
		}
	case f.form == formInt && tag == "!!int":
		if v, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			return v
		}
	case f.form == formUint && (tag == "!!int" || tag == "!!str" && f.decimal):
		if v, err := strconv.ParseUint(n.Value, 10, 64); err == nil {
			if f.decimal {
				return strconv.FormatUint(v, 10)
			}
			return v
		}
	}
	names := map[form]string{formBool: "true or false", formDouble: "a number", formInt: "a whole number", formUint: "a whole number of 0 or more"}
	w.fail(CodeBadValue, at(n), fmt.Sprintf("%s must be %s, not %s", f.name, names[f.form], kindOf(n)), "")
	return nil
}
