package rule

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Bounds of a rule file.
const (
	maxFile      = 256 << 10
	maxDocuments = 1000
	maxDepth     = 24
	maxItems     = 20_000 // of one sequence or mapping
)

// walker reads YAML nodes strictly and collects what is wrong. Its methods
// answer false where there is nothing to go on with; the finding is made.
type walker struct {
	src      *source
	fsys     fs.FS // where files stand that documents name; nil: nowhere
	findings Findings
	refs     []string // files that documents name
	facts    int      // of all tests, with those that are repeated
}

func (w *walker) fail(code string, p place, message, suggestion string) {
	w.findings = append(w.findings, w.src.finding(LevelError, code, p, message, suggestion))
}

func (w *walker) warn(code string, p place, message, suggestion string) {
	w.findings = append(w.findings, w.src.finding(LevelWarning, code, p, message, suggestion))
}

// documents splits a file into YAML documents, empty ones left out.
func (w *walker) documents(data []byte) []*yaml.Node { return w.documentsUpTo(data, maxFile) }

func (w *walker) documentsUpTo(data []byte, most int) []*yaml.Node {
	if len(data) > most {
		w.findings = append(w.findings, Finding{Code: CodeTooLarge, Level: LevelError, File: w.src.name,
			Message: fmt.Sprintf("the file is larger than %d KiB", most>>10)})
		return nil
	}
	if !utf8.Valid(data) {
		w.fail(CodeYAML, w.firstInvalid(), "the file is not UTF-8", "")
		return nil
	}
	var docs []*yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			w.syntaxError(err)
			return docs
		}
		if len(docs) == maxDocuments {
			w.fail(CodeTooLarge, at(&n), fmt.Sprintf("the file holds more than %d documents", maxDocuments), "")
			return docs
		}
		if n.Kind != yaml.DocumentNode || len(n.Content) != 1 || n.Content[0].ShortTag() == "!!null" {
			continue
		}
		if w.sane(n.Content[0], 1) {
			docs = append(docs, n.Content[0])
		}
	}
}

func (w *walker) firstInvalid() place {
	for i, l := range w.src.lines {
		if !utf8.ValidString(l) {
			return place{i + 1, 1}
		}
	}
	return place{1, 1}
}

var yamlErrorLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?s:(.*))$`)

// syntaxError takes the place out of what the YAML parser says.
func (w *walker) syntaxError(err error) {
	p := place{1, 1}
	message := err.Error()
	if m := yamlErrorLine.FindStringSubmatch(message); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			p.line = n
		}
		message = m[2]
	}
	suggestion := ""
	for n := p.line; n <= p.line+1; n++ { // the YAML parser is one line early at times
		if strings.HasPrefix(strings.TrimLeft(w.src.line(n), " "), "\t") {
			p.line, suggestion = n, "YAML indents with spaces only"
			break
		}
	}
	w.fail(CodeYAML, p, "malformed YAML: "+message, suggestion)
}

// sane refuses what YAML can do and rules have no use for, before anything
// else looks at the nodes: with aliases a small file can be a huge tree.
func (w *walker) sane(n *yaml.Node, depth int) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		w.fail(CodeYAML, at(n), "aliases (*name) are not used in rules", "write the value out, or make it a list document")
		return false
	case n.Anchor != "":
		w.fail(CodeYAML, at(n), fmt.Sprintf("anchors (&%s) are not used in rules", n.Anchor), "")
		return false
	case n.Style&yaml.TaggedStyle != 0:
		w.fail(CodeYAML, at(n), fmt.Sprintf("tags (%s) are not used in rules", n.Tag), "")
		return false
	case depth > maxDepth:
		w.fail(CodeTooLarge, at(n), fmt.Sprintf("nested deeper than %d", maxDepth), "")
		return false
	case len(n.Content) > 2*maxItems:
		w.fail(CodeTooLarge, at(n), fmt.Sprintf("more than %d items", maxItems), "")
		return false
	}
	for _, c := range n.Content {
		if !w.sane(c, depth+1) {
			return false
		}
	}
	return true
}

// entry is one key of a mapping with its value.
type entry struct{ key, value *yaml.Node }

// mapping reads a mapping whose keys are known; nil known allows any. what
// names the mapping in messages.
func (w *walker) mapping(n *yaml.Node, what string, known []string) ([]entry, bool) {
	if n.Kind != yaml.MappingNode {
		w.fail(CodeBadValue, at(n), fmt.Sprintf("%s must be a mapping, not %s", what, kindOf(n)), "")
		return nil, false
	}
	var out []entry
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch first, twice := seen[k.Value]; {
		case k.Kind != yaml.ScalarNode:
			w.fail(CodeBadValue, at(k), "a key must be a word", "")
			continue
		case twice:
			w.fail(CodeDuplicateKey, at(k), fmt.Sprintf("%q is set twice in %s", k.Value, what), fmt.Sprintf("the first is on line %d", first.Line))
			continue
		case known != nil && !slices.Contains(known, k.Value):
			w.fail(CodeUnknownKey, at(k), fmt.Sprintf("%s has no key %q", what, k.Value), didYouMean(k.Value, known))
			continue
		}
		seen[k.Value] = k
		out = append(out, entry{k, v})
	}
	return out, true
}

func (w *walker) sequence(n *yaml.Node, what string) ([]*yaml.Node, bool) {
	if n.Kind != yaml.SequenceNode {
		w.fail(CodeBadValue, at(n), fmt.Sprintf("%s must be a list, not %s", what, kindOf(n)), "")
		return nil, false
	}
	return n.Content, true
}

// str reads a scalar that is a text; true, 12 and null must be quoted to be one.
func (w *walker) str(n *yaml.Node, what string, most int) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" && n.ShortTag() != "!!timestamp" {
		suggestion := ""
		if n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null" {
			suggestion = fmt.Sprintf("write it in quotes: %q", n.Value)
		}
		w.fail(CodeBadValue, at(n), fmt.Sprintf("%s must be a text, not %s", what, kindOf(n)), suggestion)
		return "", false
	}
	if len(n.Value) > most {
		w.fail(CodeTooLarge, at(n), fmt.Sprintf("%s is longer than %d bytes", what, most), "")
		return "", false
	}
	return n.Value, true
}

func (w *walker) strings(n *yaml.Node, what string, most int) []string {
	items, ok := w.sequence(n, what)
	if !ok {
		return nil
	}
	var out []string
	for _, item := range items {
		if s, ok := w.str(item, "an item of "+what, most); ok {
			out = append(out, s)
		}
	}
	return out
}

func (w *walker) oneOf(n *yaml.Node, what string, allowed []string) string {
	if n.Kind == yaml.ScalarNode && slices.Contains(allowed, n.Value) {
		return n.Value
	}
	suggestion := didYouMean(n.Value, allowed)
	if suggestion == "" {
		suggestion = "use one of " + strings.Join(allowed, ", ")
	}
	w.fail(CodeBadValue, at(n), fmt.Sprintf("%s cannot be %q", what, cut(n.Value, 64)), suggestion)
	return ""
}

func (w *walker) number(n *yaml.Node, what string, low, high float64) (float64, bool) {
	v, err := strconv.ParseFloat(n.Value, 64)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" && n.ShortTag() != "!!float" || err != nil || v < low || v > high || v != v {
		w.fail(CodeBadValue, at(n), fmt.Sprintf("%s must be a number from %v to %v", what, low, high), "")
		return 0, false
	}
	return v, true
}

// integer reads a whole number within its bounds.
func (w *walker) integer(n *yaml.Node, what string, low, high int) int {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || v < low || v > high {
		w.fail(CodeBadValue, at(n), fmt.Sprintf("%s must be a whole number from %d to %d", what, low, high), "")
		return 0
	}
	return v
}

// truth reads true or false.
func (w *walker) truth(n *yaml.Node, what string) bool {
	var v bool
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(&v) != nil {
		w.fail(CodeBadValue, at(n), fmt.Sprintf("%s must be true or false, not %s", what, kindOf(n)), "")
	}
	return v
}

// kindOf names what a node is, for messages.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return "the truth value " + n.Value
	case "!!null":
		return "nothing"
	}
	return "a text"
}
