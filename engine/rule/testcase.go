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

// Bounds of a rule's tests.
const (
	maxTests     = 100
	maxFacts     = 10_000 // of one test, those that are repeated each time
	maxFileFacts = 50_000 // of all tests of a file
)

// TestCase is one test of a rule: of its own document, or standing apart.
type TestCase struct {
	Name       string
	Facts      []*fact.Fact // in their order, without what moves the clock
	Steps      []Step       // everything that happens, in its order
	Prevalence *fact.Prevalence
	Alerts     int    // how often the rule must alert, before suppression
	File       string // where the test stands; the rule's own where it is ""
	Line       int

	src *source // of File; nil: the rule's own
}

// Step is one thing that happens in a test: a fact, or only time.
type Step struct {
	At   time.Time  // by the clock of the hub
	Fact *fact.Fact // nil: only the clock moves
}

var testTable = table[TestCase]{"a test", []key[TestCase]{
	must(textKey("name", 200, func(t *TestCase) *string { return &t.Name })),
	own("facts", listShape(stepShape(), 1, maxFacts), func(w *walker, t *TestCase, e entry) { t.Steps = w.testFacts(e.value) }),
	own("file", textShape(500), func(w *walker, t *TestCase, e entry) { t.Steps = append(t.Steps, w.factFile(e.value)...) }),
	own("prevalence", factSchema().prev.shape(), func(w *walker, t *TestCase, e entry) { t.Prevalence = w.testPrevalence(e.value) }),
	must(own("alerts", shape{"type": "integer", "minimum": 0, "maximum": maxFacts}, func(w *walker, t *TestCase, e entry) {
		t.Alerts = w.integer(e.value, "alerts", 0, maxFacts)
	})),
}}

// stepShape is an item of a test's facts.
func stepShape() shape {
	return shape{"anyOf": []any{factSchema().root.shape(), advanceTable.shape(), repeatTable.shape()}}
}

// testCases reads tests; file is set where they stand apart from their rule.
func (w *walker) testCases(n *yaml.Node, file string) []TestCase {
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
		if t.File = file; names[t.Name] {
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
	t := TestCase{Line: n.Line}
	before := len(w.findings)
	set, ok := testTable.read(w, n, &t)
	if !ok {
		return TestCase{}, false
	}
	switch facts, file := set["facts"], set["file"]; {
	case facts == nil && file == nil:
		w.fail(CodeMissingKey, at(n), "the test has no facts", "")
	case facts != nil && file != nil:
		w.fail(CodeBadValue, at(file), "the test has both facts and a file", "")
	}
	for _, s := range t.Steps {
		if s.Fact != nil {
			t.Facts = append(t.Facts, s.Fact)
		}
	}
	return t, len(w.findings) == before
}

func (w *walker) testFacts(n *yaml.Node) []Step {
	items, ok := w.sequence(n, "facts")
	if !ok {
		return nil
	}
	if len(items) == 0 {
		w.fail(CodeBadValue, at(n), "a test has at least one fact", "")
		return nil
	}
	return w.steps(items)
}

// testStart is the time of a test's first fact, where the test states none.
var testStart = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// testFact reads a fact in the shape it has as JSON. What every fact has and no
// rule cares about is filled in.
func (w *walker) testFact(n *yaml.Node, i int, now time.Time) *fact.Fact {
	before := len(w.findings)
	v, ok := w.object(n, factSchema().root, "a fact").(map[string]any)
	if !ok || len(w.findings) > before {
		return nil
	}
	fill(v, "id", fmt.Sprintf("01J%023d", i+1))
	fill(v, "time", now.Format(time.RFC3339))
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
