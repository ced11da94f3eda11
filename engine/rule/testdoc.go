package rule

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

const (
	maxFactFile = 1 << 20
	maxAdvance  = 400 * day // of one step
)

// testDocument is tests that stand apart from their rule.
type testDocument struct {
	Rule  string
	Cases []TestCase

	walker *walker
	node   *yaml.Node
}

var testDocumentTable = table[testDocument]{"a test document", []key[testDocument]{
	must(own("test", idShape(), func(w *walker, d *testDocument, e entry) {
		d.node, d.Rule = e.value, w.formed(e.value, "test", idForm, "name the rule by its id")
	})),
	must(own("cases", listShape(testTable.shape(), 1, maxTests), func(w *walker, d *testDocument, e entry) {
		d.Cases = w.testCases(e.value, w.src.name)
	})),
}}

func idShape() shape {
	s := textShape(maxName)
	s["pattern"] = idForm.String()
	return s
}

func (w *walker) testDocument(n *yaml.Node) *testDocument {
	d := readInto(w, testDocumentTable, n)
	if d == nil || d.Rule == "" {
		return nil
	}
	return d
}

// attachTests hands the tests that stand apart to their rules.
func (l *loader) attachTests() {
	for _, d := range l.tests {
		r := l.ids[d.Rule]
		if r == nil {
			d.walker.fail(CodeUnknownRule, at(d.node), fmt.Sprintf("there is no rule %q", d.Rule), didYouMean(d.Rule, slices.Sorted(maps.Keys(l.ids))))
		} else {
			d.attach(r)
		}
		l.findings = append(l.findings, d.walker.findings...)
		d.walker.findings = nil
	}
}

func (d *testDocument) attach(r *Rule) {
	for _, t := range d.Cases {
		if slices.ContainsFunc(r.Tests, func(other TestCase) bool { return other.Name == t.Name }) {
			d.walker.fail(CodeDuplicateID, place{t.Line, 1}, fmt.Sprintf("the rule %s has a test %q already", r.ID, t.Name), "")
			continue
		}
		t.src = d.walker.src
		r.Tests = append(r.Tests, t)
	}
}

// factFile reads the facts of a test from a file: YAML, or JSON with a fact a
// line.
func (w *walker) factFile(n *yaml.Node) []Step {
	name, data, ok := w.beside(n, CodeFactFile, maxFactFile)
	if !ok {
		return nil
	}
	inner := &walker{src: newSource(name, data), facts: w.facts}
	var items []*yaml.Node
	switch path.Ext(name) {
	case ".jsonl", ".ndjson":
		items = inner.jsonLines(data)
	case ".yaml", ".yml":
		for _, doc := range inner.documentsUpTo(data, maxFactFile) {
			if doc.Kind == yaml.SequenceNode {
				items = append(items, doc.Content...)
			} else {
				items = append(items, doc)
			}
		}
	default:
		w.fail(CodeFactFile, at(n), fmt.Sprintf("%q is neither YAML nor JSON lines", name), "name it .yaml, .yml or .jsonl")
		return nil
	}
	before := len(inner.findings)
	steps := inner.steps(items)
	if before == 0 && len(inner.findings) == 0 && len(steps) == 0 {
		w.fail(CodeFactFile, at(n), "the file holds no facts", "")
	}
	w.findings, w.facts = append(w.findings, inner.findings...), inner.facts
	return steps
}

// jsonLines reads every line as YAML, which JSON is.
func (w *walker) jsonLines(data []byte) []*yaml.Node {
	var out []*yaml.Node
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var n yaml.Node
		if err := yaml.Unmarshal(line, &n); err != nil || n.Kind != yaml.DocumentNode || len(n.Content) != 1 {
			message := "it is no fact"
			if err != nil {
				message = strings.TrimPrefix(err.Error(), "yaml: ")
			}
			w.fail(CodeYAML, place{number, 1}, "malformed JSON: "+message, "write one fact a line")
			return nil
		}
		moveTo(&n, number)
		if !w.sane(n.Content[0], 1) {
			return nil
		}
		out = append(out, n.Content[0])
	}
	return out
}

func moveTo(n *yaml.Node, line int) {
	n.Line = line
	for _, c := range n.Content {
		moveTo(c, line)
	}
}

// stepDraft is an item of a test's facts that is no plain fact.
type stepDraft struct {
	advance time.Duration
	repeat  int
	fact    *yaml.Node
}

var advanceTable = table[stepDraft]{"a step", []key[stepDraft]{
	must(durationKey("advance", time.Second, maxAdvance, func(s *stepDraft) *time.Duration { return &s.advance })),
}}

var repeatTable = table[stepDraft]{"a step", []key[stepDraft]{
	must(own("repeat", shape{"type": "integer", "minimum": 1, "maximum": maxFacts}, func(w *walker, s *stepDraft, e entry) {
		s.repeat = w.integer(e.value, "repeat", 1, maxFacts)
	})),
	must(own("fact", factSchema().root.shape(), func(w *walker, s *stepDraft, e entry) { s.fact = e.value })),
}}

// stepKind tells a step from a fact by its key.
func stepKind(n *yaml.Node) string {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if k := n.Content[i].Value; k == "advance" || k == "repeat" {
				return k
			}
		}
	}
	return ""
}

// steps reads the facts of a test and what moves its clock. With an error in
// one of them there may be fewer; the findings say so.
func (w *walker) steps(items []*yaml.Node) []Step {
	clock := testClock{now: testStart}
	for _, item := range items {
		var draft *stepDraft
		switch stepKind(item) {
		case "advance":
			if draft = readInto(w, advanceTable, item); draft != nil {
				clock.now = clock.now.Add(draft.advance)
				clock.steps = append(clock.steps, Step{At: clock.now})
			}
		case "repeat":
			if draft = readInto(w, repeatTable, item); draft != nil && draft.fact != nil && !w.step(&clock, draft.fact, draft.repeat) {
				return clock.steps
			}
		default:
			if !w.step(&clock, item, 1) {
				return clock.steps
			}
		}
		if len(clock.steps) > maxFacts {
			w.fail(CodeTooLarge, at(item), fmt.Sprintf("a test has at most %d facts", maxFacts), "")
			return clock.steps
		}
	}
	return clock.steps
}

// testClock is the time in a test: each fact comes a second after the last.
type testClock struct {
	now   time.Time
	count int
	steps []Step
}

// step adds a fact as often as it is to be, false where there are too many.
func (w *walker) step(clock *testClock, n *yaml.Node, times int) bool {
	if w.facts += times; w.facts > maxFileFacts || clock.count+times > maxFacts {
		w.fail(CodeTooLarge, at(n), fmt.Sprintf("a test has at most %d facts, the tests of a file %d", maxFacts, maxFileFacts), "")
		return false
	}
	for range times {
		f := w.testFact(n, clock.count, clock.now)
		if f == nil {
			return true
		}
		clock.count++
		clock.steps = append(clock.steps, Step{At: clock.now, Fact: f})
		clock.now = clock.now.Add(time.Second)
	}
	return true
}
