package rule

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
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

var ruleKeys = []string{
	"id", "title", "status", "severity", "score", "description", "author", "references", "tags", "on", "where",
	"message", "lists", "suppress", "false_positives", "related", "source", "response", "tests",
}

var (
	idForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*$`)
	nameForm = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	tagForm  = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)+$`)
)

// parse reads one document into a draft of a rule or a list; the draft is of
// use only where it made no errors.
func (w *walker) parse(n *yaml.Node) (*Rule, *List) {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "list" {
				return nil, w.listDocument(n)
			}
		}
	}
	return w.ruleDocument(n), nil
}

// ruleDocument reads a rule as far as YAML goes. It goes on after an error, so
// that an author sees all of them at once.
func (w *walker) ruleDocument(n *yaml.Node) *Rule {
	entries, ok := w.mapping(n, "a rule", ruleKeys)
	if !ok {
		return nil
	}
	r := &Rule{File: w.src.name, Line: n.Line, explain: new(explainer), document: &document{src: w.src}}
	set := map[string]bool{}
	before := len(w.findings)
	for _, e := range entries {
		set[e.key.Value] = true
		w.ruleKey(r, e.key, e.value)
	}
	for _, key := range []string{"id", "title", "status", "severity", "on", "where"} {
		if !set[key] {
			w.fail(CodeMissingKey, at(n), fmt.Sprintf("the rule has no %s", key), "")
		}
	}
	r.document.broken = w.findings[before:].HasErrors()
	if !set["score"] {
		r.Score = scores[r.Severity]
	}
	if !set["message"] {
		r.Message = r.Title
	}
	return r
}

func (w *walker) ruleKey(r *Rule, key, n *yaml.Node) {
	switch key.Value {
	case "id":
		r.ID = w.id(n)
	case "title":
		r.Title, _ = w.str(n, "title", 200)
	case "status":
		r.Status = Status(w.oneOf(n, "status", statuses))
	case "severity":
		r.Severity = w.oneOf(n, "severity", severities)
	case "score":
		r.Score, _ = w.number(n, "score", 0, 100)
	case "description":
		r.Description, _ = w.str(n, "description", maxText)
	case "author":
		r.Author, _ = w.str(n, "author", maxAuthor)
	case "references":
		r.References = w.words(n, "references")
	case "tags":
		r.Tags = w.tags(n)
	case "on":
		r.document.on = n
		r.On = w.kinds(n)
	case "where":
		r.document.where = n
		r.Where, _ = w.str(n, "where", maxExpression)
	case "message":
		r.document.message = n
		r.Message, _ = w.str(n, "message", maxTemplate)
	case "lists":
		w.localLists(r.document, n)
	case "suppress":
		r.Suppress = w.suppress(r.document, n)
	case "false_positives":
		r.FalsePositives = w.words(n, "false_positives")
	case "related":
		r.Related = w.related(n)
	case "source":
		r.Source = w.source(n)
	case "response":
		r.Response = w.words(n, "response")
	case "tests":
		r.document.tests = n
		r.Tests = w.testCases(n)
	}
}

func (w *walker) id(n *yaml.Node) string {
	s, ok := w.str(n, "id", maxName)
	if ok && !idForm.MatchString(s) {
		w.fail(CodeBadValue, at(n), fmt.Sprintf("malformed id %q", s), "write words in lower case with dots between them, as in process.memfd")
		return ""
	}
	return s
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

var suppressKeys = []string{"by", "for"}

func (w *walker) suppress(d *document, n *yaml.Node) *Suppress {
	entries, ok := w.mapping(n, "suppress", suppressKeys)
	if !ok {
		return nil
	}
	s := &Suppress{}
	for _, e := range entries {
		switch e.key.Value {
		case "by":
			s.By = w.strings(e.value, "by", maxName)
			d.by = e.value.Content
			if len(s.By) == 0 || len(s.By) > 16 {
				w.fail(CodeBadValue, at(e.value), "by names 1 to 16 fields", "")
			}
		case "for":
			s.For = w.duration(e.value)
		}
	}
	if len(entries) != len(suppressKeys) {
		w.fail(CodeMissingKey, at(n), "suppress has two keys, by and for", "suppress: {by: [process.executable], for: 1h}")
	}
	return s
}

// duration reads Go's form with days added, from a second to 30 days.
func (w *walker) duration(n *yaml.Node) time.Duration {
	const most = 30 * 24 * time.Hour
	s, ok := w.str(n, "for", maxName)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(s)
	if days, cut := strings.CutSuffix(s, "d"); cut {
		var count int
		count, err = strconv.Atoi(days)
		d = time.Duration(min(max(count, 0), 1000)) * 24 * time.Hour
	}
	if err != nil || d < time.Second || d > most {
		w.fail(CodeBadValue, at(n), fmt.Sprintf("malformed duration %q", s), "write 30s, 15m, 6h or 7d; at most 30d")
		return 0
	}
	return d
}

func (w *walker) related(n *yaml.Node) []Related {
	items, ok := w.sequence(n, "related")
	if !ok {
		return nil
	}
	var out []Related
	for _, item := range items {
		entries, ok := w.mapping(item, "an item of related", []string{"id", "type"})
		if !ok {
			continue
		}
		var r Related
		for _, e := range entries {
			s, _ := w.str(e.value, e.key.Value, maxName)
			if e.key.Value == "id" {
				r.ID = s
			} else {
				r.Type = s
			}
		}
		if r.ID == "" {
			w.fail(CodeMissingKey, at(item), "an item of related has no id", "")
			continue
		}
		out = append(out, r)
	}
	return out
}
