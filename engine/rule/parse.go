package rule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"picket.internal/fact"
)

// Bounds of what a document holds.
const (
	maxText = 8 << 10 // bytes of a text for people
	maxName = 100     // bytes of an id or a name

	maxAuthor = 1000 // bytes of all authors: a rule of many hands must keep every name
	maxWords  = 200  // entries of tags, references and the like
)

var (
	idForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*$`)
	nameForm = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	tagForm  = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)+$`)
)

const (
	idHint   = "write words in lower case with dots between them, as in process.memfd"
	nameHint = "write it in lower case with underscores, as in backup_tools"
)

// ruleTable is every key of a rule document.
var ruleTable = table[Rule]{"a rule", []key[Rule]{
	must(formKey("id", idForm, idHint, func(r *Rule) *string { return &r.ID })),
	must(textKey("title", 200, func(r *Rule) *string { return &r.Title })),
	must(choiceKey("status", statuses, func(r *Rule) *string { return (*string)(&r.Status) })),
	must(choiceKey("severity", severities, func(r *Rule) *string { return &r.Severity })),
	own("score", shape{"anyOf": []any{numberShape(0, 100), textShape(maxExpression)}}, (*walker).score),
	textKey("description", maxText, func(r *Rule) *string { return &r.Description }),
	textKey("author", maxAuthor, func(r *Rule) *string { return &r.Author }),
	wordsKey("references", func(r *Rule) *[]string { return &r.References }),
	own("tags", tagsShape, func(w *walker, r *Rule, e entry) { r.Tags = w.tags(e.value) }),
	own("on", kindsShape(), func(w *walker, r *Rule, e entry) { r.document.on, r.On = e.value, w.kinds(e.value) }),
	whereKey(func(r *Rule) (*string, **yaml.Node) { return &r.Where, &r.document.where }),
	own("message", textShape(maxTemplate), func(w *walker, r *Rule, e entry) {
		r.document.message = e.value
		r.Message, _ = w.str(e.value, "message", maxTemplate)
	}),
	own("lists", listsShape, func(w *walker, r *Rule, e entry) { w.localLists(r.document, e.value) }),
	own("new_terms", newTermsTable.shape(), func(w *walker, r *Rule, e entry) { r.NewTerms = readInto(w, newTermsTable, e.value) }),
	own("absence", absenceTable.shape(), func(w *walker, r *Rule, e entry) { r.Absence = readInto(w, absenceTable, e.value) }),
	own("correlation", correlationTable.shape(), func(w *walker, r *Rule, e entry) { r.Correlation = w.correlation(e.value) }),
	own("risk", riskTable.shape(), func(w *walker, r *Rule, e entry) { r.Risk = readInto(w, riskTable, e.value) }),
	own("exceptions", listShape(exceptionTable.shape(), 1, maxExceptions), func(w *walker, r *Rule, e entry) { r.Exceptions = w.exceptions(e.value) }),
	own("suppress", suppressTable.shape(), func(w *walker, r *Rule, e entry) { r.Suppress = w.suppress(r.document, e.value) }),
	own("alone", shape{"type": "boolean"}, func(w *walker, r *Rule, e entry) { r.Alone = w.truth(e.value, "alone") }),
	wordsKey("false_positives", func(r *Rule) *[]string { return &r.FalsePositives }),
	own("related", listShape(relatedTable.shape(), 0, maxWords), func(w *walker, r *Rule, e entry) { r.Related = w.related(e.value) }),
	own("source", sourceTable.shape(), func(w *walker, r *Rule, e entry) { r.Source = readInto(w, sourceTable, e.value) }),
	wordsKey("response", func(r *Rule) *[]string { return &r.Response }),
	own("tests", listShape(testTable.shape(), 0, maxTests), func(w *walker, r *Rule, e entry) {
		r.document.tests, r.Tests = e.value, w.testCases(e.value, "")
	}),
}}

// readInto reads a mapping into a T of its own, nil where it is no mapping.
func readInto[T any](w *walker, t table[T], n *yaml.Node) *T {
	into := new(T)
	if _, ok := t.read(w, n, into); !ok {
		return nil
	}
	return into
}

// whereKey is a condition.
func whereKey[T any](field func(*T) (*string, **yaml.Node)) key[T] {
	return own("where", textShape(maxExpression), func(w *walker, into *T, e entry) {
		where, node := field(into)
		*node = e.value
		var ok bool
		if *where, ok = w.str(e.value, "where", maxExpression); ok && strings.TrimSpace(*where) == "" {
			w.fail(CodeMissingKey, at(e.value), "the where is empty", "write what must hold, as in process.name == \"nc\"")
		}
	})
}

// ruleDocument reads a rule as far as YAML goes.
func (w *walker) ruleDocument(n *yaml.Node) *Rule {
	r := &Rule{File: w.src.name, Line: n.Line, explain: new(explainer), document: &document{src: w.src}}
	before := len(w.findings)
	set, ok := ruleTable.read(w, n, r)
	if !ok {
		return nil
	}
	w.decides(n, set)
	r.document.broken = w.findings[before:].HasErrors()
	if r.Score == 0 && (set["score"] == nil || r.ScoreWhere != "") {
		r.Score = scores[r.Severity]
	}
	if set["message"] == nil {
		r.Message = r.Title
	}
	return r
}

// decides holds a rule to one way of deciding.
func (w *walker) decides(n *yaml.Node, set map[string]*yaml.Node) {
	var ways []string
	for _, way := range []string{"new_terms", "absence", "correlation", "risk"} {
		if set[way] != nil {
			ways = append(ways, way)
		}
	}
	if len(ways) > 1 {
		w.fail(CodeBadValue, at(set[ways[1]]), fmt.Sprintf("a rule decides in one way, not by %s", strings.Join(ways, " and ")), "make two rules of it")
		return
	}
	ofFacts := len(ways) == 0 || ways[0] == "new_terms" || ways[0] == "absence"
	for _, name := range []string{"on", "where"} {
		switch {
		case ofFacts && set[name] == nil:
			w.fail(CodeMissingKey, at(n), "the rule has no "+name, "")
		case !ofFacts && set[name] != nil:
			w.fail(CodeBadValue, at(set[name]), fmt.Sprintf("a rule with %s has no %s: it looks at no facts itself", ways[0], name), "")
		}
	}
}

// words reads a list of texts for people.
func (w *walker) words(n *yaml.Node, what string) []string {
	if n.Kind == yaml.SequenceNode && len(n.Content) > maxWords {
		w.fail(CodeTooLarge, at(n), fmt.Sprintf("%s has more than %d entries", what, maxWords), "")
		return nil
	}
	return w.strings(n, what, maxText)
}

// kinds reads on. A kind that this hub does not know may exist on a newer one: the
// rule does not load here, and says why.
func (w *walker) kinds(n *yaml.Node) []fact.Kind {
	if n.Kind == yaml.ScalarNode && n.Value != "" {
		w.fail(CodeBadValue, at(n), "on must be a list, not a text", "write ["+cut(n.Value, maxName)+"]")
		return nil
	}
	items, ok := w.sequence(n, "on")
	if !ok {
		return nil
	}
	if len(items) == 0 {
		w.fail(CodeBadValue, at(n), "on names no kind of fact", "")
	}
	var names []string
	for _, k := range fact.Kinds() {
		names = append(names, string(k.Kind))
	}
	var out []fact.Kind
	for _, item := range items {
		s, ok := w.str(item, "an item of on", maxName)
		switch {
		case !ok:
		case !slices.Contains(names, s):
			suggestion := didYouMean(s, names)
			if suggestion == "" {
				suggestion = "the kinds are " + strings.Join(names, ", ")
			}
			w.fail(CodeUnknownKind, at(item), fmt.Sprintf("there is no kind of fact %q", s), suggestion)
		case slices.Contains(out, fact.Kind(s)):
			w.fail(CodeDuplicateKey, at(item), fmt.Sprintf("on names %s twice", s), "")
		default:
			out = append(out, fact.Kind(s))
		}
	}
	return out
}

var suppressTable = table[suppressDraft]{"suppress", []key[suppressDraft]{
	must(namesKey("by", 1, 16, func(s *suppressDraft) *[]string { return &s.By }, func(s *suppressDraft) *[]*yaml.Node { return &s.nodes })),
	must(durationKey("for", time.Second, 30*day, func(s *suppressDraft) *time.Duration { return &s.For })),
}}

type suppressDraft struct {
	Suppress
	nodes []*yaml.Node
}

func (w *walker) suppress(d *document, n *yaml.Node) *Suppress {
	draft := readInto(w, suppressTable, n)
	if draft == nil {
		return nil
	}
	d.by = draft.nodes
	return &draft.Suppress
}

var relatedTable = table[Related]{"an item of related", []key[Related]{
	must(textKey("id", maxName, func(r *Related) *string { return &r.ID })),
	textKey("type", maxName, func(r *Related) *string { return &r.Type }),
}}

func (w *walker) related(n *yaml.Node) []Related {
	items, ok := w.sequence(n, "related")
	if !ok {
		return nil
	}
	var out []Related
	for _, item := range items {
		if r := readInto(w, relatedTable, item); r != nil {
			out = append(out, *r)
		}
	}
	return out
}

var sourceTable = table[Source]{"a source", []key[Source]{
	must(textKey("name", 200, func(s *Source) *string { return &s.Name })),
	textKey("url", maxText, func(s *Source) *string { return &s.URL }),
	textKey("licence", 200, func(s *Source) *string { return &s.Licence }),
}}
