package rule

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// SetStatus returns the content of a rule file with another status for one of
// its rules. Nothing else changes: the word is put in the place of the word
// before, so that comments and layout stay. Where that word cannot be told for
// sure from the text, it is left to a person.
func SetStatus(name string, data []byte, id string, to Status) ([]byte, error) {
	if !slices.Contains(statuses, string(to)) {
		return nil, fmt.Errorf("malformed status %q", to)
	}
	n, err := statusOf(name, data, id)
	if err != nil {
		return nil, err
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	byHand := fmt.Errorf("the status of %s is written in a way that is not changed by a program; set `status: %s` by hand in %s, line %d", id, to, name, n.Line)
	if n.Line < 1 || n.Line > len(lines) {
		return nil, byHand
	}
	line := string(lines[n.Line-1])
	before, rest, ok := cutColumns(line, n.Column-1)
	if !ok {
		return nil, byHand
	}
	for _, quote := range []string{"", `"`, "'"} {
		if after, found := strings.CutPrefix(rest, quote+n.Value+quote); found && n.Value != "" {
			lines[n.Line-1] = []byte(before + quote + string(to) + quote + after)
			out := bytes.Join(lines, nil)
			if again, err := statusOf(name, out, id); err != nil || again.Value != string(to) {
				return nil, byHand
			}
			return out, nil
		}
	}
	return nil, byHand
}

// statusOf finds the node with the status of a rule.
func statusOf(name string, data []byte, id string) (*yaml.Node, error) {
	w := &walker{src: newSource(name, data)}
	for _, doc := range w.documents(data) {
		if member(doc, "id") == nil || member(doc, "id").Value != id {
			continue
		}
		if n := member(doc, "status"); n != nil && n.Kind == yaml.ScalarNode {
			return n, nil
		}
		return nil, fmt.Errorf("the rule %s has no status in %s", id, name)
	}
	return nil, fmt.Errorf("there is no rule %s in %s", id, name)
}

// member is the value of a key; nil where there is none.
func member(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// cutColumns splits a line behind so many characters.
func cutColumns(line string, columns int) (before, after string, ok bool) {
	for i := range line {
		if columns == 0 {
			return line[:i], line[i:], true
		}
		columns--
	}
	return "", "", false
}
