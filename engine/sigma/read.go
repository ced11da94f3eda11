package sigma

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Bounds of a Sigma file.
const (
	maxFile      = 256 << 10
	maxDocuments = 100
	maxDepth     = 16
	maxNodes     = 20_000 // of one document
)

// documents splits a file into its YAML documents, empty ones left out.
func documents(data []byte) ([]*yaml.Node, error) {
	switch {
	case len(data) > maxFile:
		return nil, fmt.Errorf("the file is larger than %d KiB", maxFile>>10)
	case !utf8.Valid(data):
		return nil, errors.New("the file is not UTF-8")
	}
	var docs []*yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		switch {
		case errors.Is(err, io.EOF) && len(docs) == 0:
			return nil, errors.New("the file holds no document")
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return nil, fmt.Errorf("malformed YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
		case n.Kind != yaml.DocumentNode || len(n.Content) != 1 || n.Content[0].ShortTag() == "!!null":
			continue
		case len(docs) == maxDocuments:
			return nil, fmt.Errorf("the file holds more than %d documents", maxDocuments)
		}
		count := 0
		if err := sane(n.Content[0], 1, &count); err != nil {
			return nil, err
		}
		docs = append(docs, n.Content[0])
	}
}

// sane refuses what Sigma has no use for and what reads two ways: aliases, which
// can make much of little, and keys that are set twice.
func sane(n *yaml.Node, depth int, count *int) error {
	*count++
	switch {
	case depth > maxDepth:
		return at(n, "nested deeper than %d", maxDepth)
	case *count > maxNodes:
		return at(n, "a document of more than %d parts", maxNodes)
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return at(n, "anchors and aliases are not read")
	}
	seen := map[string]bool{}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if child.Kind != yaml.ScalarNode {
				return at(child, "a key must be a text")
			}
			if seen[child.Value] {
				return at(child, "the key %q is set twice", child.Value)
			}
			seen[child.Value] = true
		}
		if err := sane(child, depth+1, count); err != nil {
			return err
		}
	}
	return nil
}

// at is an error that says in which line of the file it is.
func at(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("line %d: %s", n.Line, fmt.Sprintf(format, args...))
}

// entry is one key of a mapping with its value.
type entry struct{ key, value *yaml.Node }

func mapping(n *yaml.Node, what string) ([]entry, error) {
	if n.Kind != yaml.MappingNode {
		return nil, at(n, "%s must be a mapping", what)
	}
	var out []entry
	for i := 0; i+1 < len(n.Content); i += 2 {
		out = append(out, entry{n.Content[i], n.Content[i+1]})
	}
	return out, nil
}

// lookup finds a key of a mapping; nil where it is not set, or set to nothing.
func lookup(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key && n.Content[i+1].ShortTag() != "!!null" {
			return n.Content[i+1]
		}
	}
	return nil
}

// scalar reads a text, "" where there is no such node.
func scalar(n *yaml.Node, what string) (string, error) {
	switch {
	case n == nil:
		return "", nil
	case n.Kind != yaml.ScalarNode:
		return "", at(n, "%s must be a text", what)
	}
	return n.Value, nil
}

// texts reads a text, or a list of them.
func texts(n *yaml.Node, what string) ([]string, error) {
	switch {
	case n == nil:
		return nil, nil
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}, nil
	case n.Kind != yaml.SequenceNode:
		return nil, at(n, "%s must be a list of texts", what)
	}
	var out []string
	for _, item := range n.Content {
		s, err := scalar(item, "an item of "+what)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
