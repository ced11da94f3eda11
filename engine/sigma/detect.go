package sigma

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxValue bounds one value in bytes: no condition can hold a longer one.
const maxValue = 8 << 10

// detector reads detections over one log source.
type detector struct {
	source       *source
	placeholders map[string][]string
	left         int // how many more tests there may be
}

// detection reads the search identifiers of a detection and its condition.
func (d *detector) detection(n *yaml.Node) (*node, error) {
	entries, err := mapping(n, "detection")
	if err != nil {
		return nil, err
	}
	var all searches
	var conditions []string
	d.left = maxTree
	for _, e := range entries {
		switch e.key.Value {
		case "timeframe":
			return nil, at(e.key, "timeframe belongs to aggregations of the old Sigma; write a correlation")
		case "condition":
			conditions, err = texts(e.value, "condition")
		default:
			var found *node
			if found, err = d.search(e.value); err == nil {
				all = append(all, named(found, e.key.Value))
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.key.Value, err)
		}
	}
	return all.conditions(conditions)
}

// conditions joins those that a detection states: each by itself is a reason to
// match.
func (s searches) conditions(texts []string) (*node, error) {
	if len(texts) == 0 {
		return nil, errors.New("the detection has no condition")
	}
	var nodes []*node
	for _, text := range texts {
		n, err := s.condition(text)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	n := join(opOr, nodes)
	if n.size() > maxTree {
		return nil, fmt.Errorf("condition: it comes to more than %d tests", maxTree)
	}
	return n, nil
}

// named is the node under a name; it is a node of its own, so that it can have
// one.
func named(n *node, name string) *node {
	out := *n
	out.name = name
	return &out
}

// search reads what a search identifier stands for: a map, of which all must
// hold, or a list of maps, of which one must.
func (d *detector) search(n *yaml.Node) (*node, error) {
	if n.Kind == yaml.MappingNode {
		return d.fields(n)
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return nil, d.keyword(n)
	}
	var nodes []*node
	for _, item := range n.Content {
		if item.Kind != yaml.MappingNode {
			return nil, d.keyword(item)
		}
		one, err := d.fields(item)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, one)
	}
	return join(opOr, nodes), nil
}

func (d *detector) keyword(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return at(n, "it must be a map of fields, or a list of such maps")
	}
	return at(n, "keywords are searched for in a whole line of a log; a fact is no line")
}

func (d *detector) fields(n *yaml.Node) (*node, error) {
	entries, err := mapping(n, "a search identifier")
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, at(n, "it names no field")
	}
	var nodes []*node
	for _, e := range entries {
		one, err := d.item(e)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", e.key.Line, err)
		}
		nodes = append(nodes, one)
	}
	return join(opAnd, nodes), nil
}

// item reads one field with its modifiers and values.
func (d *detector) item(e entry) (*node, error) {
	parts := strings.Split(e.key.Value, "|")
	if parts[0] == "" {
		return nil, errors.New("keywords are searched for in a whole line of a log; a fact is no line")
	}
	f, err := d.source.field(parts[0])
	if err != nil {
		return nil, err
	}
	it := &item{detector: d, field: f, shape: shapeEquals}
	if it.values, err = values(e.value); err != nil {
		return nil, fmt.Errorf("field %s: %w", f.name, err)
	}
	for _, name := range parts[1:] {
		if err := it.modify(name); err != nil {
			return nil, fmt.Errorf("field %s, modifier %s: %w", f.name, name, err)
		}
	}
	n, err := it.node()
	if err != nil {
		return nil, fmt.Errorf("field %s: %w", f.name, err)
	}
	if d.left -= n.size(); d.left < 0 {
		return nil, fmt.Errorf("field %s: the detection comes to more than %d tests", f.name, maxTree)
	}
	return n, nil
}

// value is one value of a field while modifiers are applied to it.
type value struct {
	tag    string // YAML's: !!str, !!int, !!float, !!bool, !!null
	text   string // as written, with Sigma's escapes; numbers in decimal
	before bool   // any text may come before it
	after  bool
	read   []pattern // what it was made into: alternatives; nil while it is text
	bytes  []byte    // what an encoding of characters made of it; not nil then
}

// patterns are the alternatives that the value stands for.
func (v *value) patterns() []pattern {
	read := v.read
	if read == nil {
		read = []pattern{parsePattern(v.text)}
	}
	var out []pattern
	for _, p := range read {
		out = append(out, p.within(v.before, v.after))
	}
	return out
}

// values reads a value, or the list of them.
func values(n *yaml.Node) ([]*value, error) {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	if len(items) == 0 {
		return nil, errors.New("the list of values is empty")
	}
	var out []*value
	for _, item := range items {
		v, err := oneValue(item)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func oneValue(n *yaml.Node) (*value, error) {
	if n.Kind != yaml.ScalarNode {
		return nil, errors.New("a value must be a text, a number, true, false or null")
	}
	if len(n.Value) > maxValue {
		return nil, fmt.Errorf("a value is longer than %d bytes", maxValue)
	}
	v := &value{tag: n.ShortTag(), text: n.Value}
	switch v.tag {
	case "!!timestamp":
		v.tag = "!!str" // a date that nobody put in quotes
	case "!!str", "!!bool", "!!null":
	case "!!int":
		var i int64
		if err := n.Decode(&i); err != nil {
			return nil, fmt.Errorf("malformed number %q: out of range", n.Value)
		}
		v.text = strconv.FormatInt(i, 10)
	case "!!float":
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || f-f != 0 {
			return nil, fmt.Errorf("malformed number %q", n.Value)
		}
	default:
		return nil, fmt.Errorf("a value of the type %s is not read", v.tag)
	}
	return v, nil
}
