package sigma

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"picket.internal/fact"
)

// pairs builds a YAML mapping in the order in which its keys are set.
type pairs struct{ node *yaml.Node }

func newPairs() *pairs { return &pairs{&yaml.Node{Kind: yaml.MappingNode}} }

func (p *pairs) set(key string, v *yaml.Node) {
	if v != nil {
		p.node.Content = append(p.node.Content, text(key), v)
	}
}

// text is a scalar; quotes come where they are needed.
func text(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

// textOr is nil for an empty text.
func textOr(s string) *yaml.Node {
	if s == "" {
		return nil
	}
	return text(s)
}

// block is a text of several lines.
func block(s string) *yaml.Node {
	if s == "" {
		return nil
	}
	n := text(strings.TrimRight(s, "\n") + "\n")
	n.Style = yaml.LiteralStyle
	return n
}

func flow(n *yaml.Node) *yaml.Node {
	n.Style = yaml.FlowStyle
	return n
}

// list is nil for no items.
func list(items []string) *yaml.Node {
	if len(items) == 0 {
		return nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, item := range items {
		n.Content = append(n.Content, text(item))
	}
	return n
}

// flowList is a list on one line.
func flowList(items []string) *yaml.Node {
	n := list(items)
	if n != nil {
		n = flow(n)
	}
	return n
}

// factNode writes an event as the fact that it is: blocks in the order of the
// fact's kind first.
func factNode(s *source, e event) *yaml.Node {
	root := newPairs()
	root.set("kind", text(string(s.on)))
	values := map[string]any{}
	for path, v := range s.sample {
		values[path] = v
	}
	for f, v := range e {
		switch {
		case f.kind != kindObject:
			values[f.path] = v
		case !e.within(f):
			values[f.path] = event{} // nothing but its being there
		}
	}
	if kindSampleless(values, string(s.on)) {
		root.set(string(s.on), flow(newPairs().node))
	}
	for _, path := range slices.SortedFunc(maps.Keys(values), byPlace(s.sample)) {
		setPath(root, strings.Split(path, "."), values[path])
	}
	return flow(root.node)
}

// kindSampleless reports whether nothing of the kind's own block is set: a fact
// must have it even so.
func kindSampleless(values map[string]any, kind string) bool {
	for path := range values {
		if strings.HasPrefix(path, kind+".") {
			return false
		}
	}
	return true
}

// byPlace sorts what the sample sets first, then in the order of the types.
func byPlace(sample map[string]any) func(a, b string) int {
	rank := func(path string) int {
		if _, ok := sample[path]; ok {
			return -1
		}
		return slices.IndexFunc(fact.Fields(), func(f fact.Field) bool { return f.Path == path })
	}
	return func(a, b string) int { return rank(a) - rank(b) }
}

func setPath(p *pairs, path []string, v any) {
	if len(path) == 1 {
		if existing := lookup(p.node, path[0]); existing == nil {
			p.set(path[0], valueNode(v))
		}
		return
	}
	inner := lookup(p.node, path[0])
	if inner == nil || inner.Kind != yaml.MappingNode {
		inner = flow(newPairs().node)
		p.set(path[0], inner)
	}
	setPath(&pairs{inner}, path[1:], v)
}

func valueNode(v any) *yaml.Node {
	switch v := v.(type) {
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
	case float64:
		tag := "!!int"
		if v != float64(int64(v)) {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: strconv.FormatFloat(v, 'f', -1, 64)}
	case time.Time:
		return text(v.Format(time.RFC3339))
	case []string:
		return flowList(v)
	case event:
		return flow(newPairs().node)
	case string:
		return text(v)
	}
	return nil
}

// encode writes documents as a file.
func encode(docs []*yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	for _, d := range docs {
		if err := enc.Encode(d); err != nil {
			return nil, err
		}
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
