package sigma

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// correlation writes a correlation as one of ours, which has Sigma's words.
func (c *conversion) correlation(d *document) (*yaml.Node, error) {
	status, err := d.ourStatus()
	if err != nil {
		return nil, err
	}
	severity, err := d.severity()
	if err != nil {
		return nil, err
	}
	tags, err := d.ourTags()
	if err != nil {
		return nil, err
	}
	r := &correlationReader{conversion: c, document: d, out: newPairs()}
	if err := r.read(lookup(d.yaml, "correlation")); err != nil {
		return nil, fmt.Errorf("correlation: %w", err)
	}
	tests := r.tests()
	p := newPairs()
	p.set("id", text(d.id))
	p.set("title", text(cut(d.title, maxTitle)))
	p.set("status", text(status))
	p.set("severity", text(severity))
	c.about(p, d)
	p.set("tags", flowList(tags))
	p.set("correlation", r.out.node)
	p.set("false_positives", list(d.falsePositives))
	p.set("tests", tests)
	p.node.HeadComment = d.head()
	return p.node, nil
}

// correlationReader reads one correlation.
type correlationReader struct {
	*conversion
	*document
	out     *pairs
	kind    string
	groupBy []*field          // those that are fields of every rule
	aliases []string          // names of aliases
	bound   map[string]string // of the condition: operator to number
}

var correlationKinds = []string{"event_count", "value_count", "temporal", "temporal_ordered", "value_sum", "value_avg", "value_percentile"}

func (r *correlationReader) read(n *yaml.Node) error {
	entries, err := mapping(n, "it")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !slices.Contains([]string{"type", "rules", "group-by", "timespan", "condition", "aliases", "generate"}, e.key.Value) {
			return at(e.key, "%q is not known here", e.key.Value)
		}
	}
	if r.kind, err = scalar(lookup(n, "type"), "type"); err != nil {
		return err
	}
	if !slices.Contains(correlationKinds, r.kind) {
		return fmt.Errorf("the type %q is not known here", r.kind)
	}
	r.out.set("type", text(r.kind))
	for _, step := range []func(*yaml.Node) error{r.readRules, r.readAliases, r.readGroups, r.readTimespan, r.readCondition, r.readGenerate} {
		if err := step(n); err != nil {
			return err
		}
	}
	return nil
}

// readRules finds the rules that are counted, by Sigma's ids and names.
func (r *correlationReader) readRules(n *yaml.Node) error {
	names, err := texts(lookup(n, "rules"), "rules")
	if err != nil {
		return err
	}
	if r.reads, err = r.find(names); err != nil {
		return err
	}
	var ids []string
	for _, d := range r.reads {
		ids = append(ids, d.id)
	}
	r.out.set("rules", flowList(ids))
	return nil
}

// find looks documents up by Sigma's ids and names.
func (c *conversion) find(names []string) ([]*document, error) {
	if len(names) == 0 {
		return nil, errors.New("it names no rules")
	}
	var out []*document
	for _, name := range names {
		d, ok := c.names[name]
		if !ok {
			return nil, fmt.Errorf("the rule %q is not among those that are converted, or is refused itself", name)
		}
		out = append(out, d)
	}
	return out, nil
}

// base are the detections below a document: itself, or those that the
// correlations below it count.
func (c *conversion) base(d *document, depth int) ([]*document, error) {
	if d.source != nil {
		return []*document{d}, nil
	}
	if depth > maxNesting {
		return nil, errors.New("correlations of correlations go in a ring")
	}
	names, err := texts(lookup(lookup(d.yaml, "correlation"), "rules"), "rules")
	if err != nil {
		return nil, err
	}
	below, err := c.find(names)
	if err != nil {
		return nil, err
	}
	var out []*document
	for _, b := range below {
		of, err := c.base(b, depth+1)
		if err != nil {
			return nil, err
		}
		if out = append(out, of...); len(out) > maxDocuments {
			return nil, errors.New("too many rules are counted")
		}
	}
	return out, nil
}

// resolve finds what a field of Sigma's is in the events of documents: it must be
// the same in all.
func (c *conversion) resolve(name string, docs []*document) (*field, error) {
	var found *field
	for _, d := range docs {
		below, err := c.base(d, 0)
		if err != nil {
			return nil, err
		}
		for _, b := range below {
			f, err := b.source.field(name)
			switch {
			case err != nil:
				return nil, err
			case found != nil && found.path != f.path:
				return nil, fmt.Errorf("field %s: it is another in each of the rules", name)
			case f.list || f.kind == kindObject:
				return nil, fmt.Errorf("field %s: it has no single value", name)
			}
			found = f
		}
	}
	return found, nil
}

var aliasForm = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

func (r *correlationReader) readAliases(n *yaml.Node) error {
	a := lookup(n, "aliases")
	if a == nil {
		return nil
	}
	entries, err := mapping(a, "aliases")
	if err != nil {
		return err
	}
	out := newPairs()
	for _, e := range entries {
		if !aliasForm.MatchString(e.key.Value) {
			return at(e.key, "the alias %q must be of lower-case letters, digits and underscores", e.key.Value)
		}
		rules, err := mapping(e.value, "an alias")
		if err != nil {
			return err
		}
		of := newPairs()
		for _, rule := range rules {
			d, ok := r.names[rule.key.Value]
			if !ok || !slices.Contains(r.reads, d) {
				return at(rule.key, "the alias names the rule %q, which is not counted", rule.key.Value)
			}
			name, err := scalar(rule.value, "the field of an alias")
			if err != nil {
				return err
			}
			f, err := r.resolve(name, []*document{d})
			if err != nil {
				return err
			}
			of.set(d.id, text(f.path))
		}
		out.set(e.key.Value, flow(of.node))
		r.aliases = append(r.aliases, e.key.Value)
	}
	r.out.set("aliases", out.node)
	return nil
}

func (r *correlationReader) readGroups(n *yaml.Node) error {
	names, err := texts(lookup(n, "group-by"), "group-by")
	if err != nil {
		return err
	}
	var out []string
	for _, name := range names {
		if slices.Contains(r.aliases, name) {
			out = append(out, name)
			continue
		}
		f, err := r.resolve(name, r.reads)
		if err != nil {
			return fmt.Errorf("group-by: %w", err)
		}
		r.groupBy = append(r.groupBy, f)
		out = append(out, f.path)
	}
	r.out.set("group-by", flowList(out))
	return nil
}

var timespanForm = regexp.MustCompile(`^[1-9][0-9]{0,5}[smhd]$`)

func (r *correlationReader) readTimespan(n *yaml.Node) error {
	s, err := scalar(lookup(n, "timespan"), "timespan")
	if err != nil {
		return err
	}
	if !timespanForm.MatchString(s) {
		return fmt.Errorf("malformed timespan %q: it is a number and s, m, h or d", s)
	}
	r.out.set("timespan", text(s))
	return nil
}

func (r *correlationReader) readCondition(n *yaml.Node) error {
	c := lookup(n, "condition")
	if c == nil {
		return nil
	}
	if c.Kind == yaml.ScalarNode {
		return at(c, "a condition over names of rules is not known here")
	}
	entries, err := mapping(c, "condition")
	if err != nil {
		return err
	}
	out := newPairs()
	r.bound = map[string]string{}
	for _, e := range entries {
		switch key := e.key.Value; key {
		case "field":
			names, err := texts(e.value, key)
			if err != nil {
				return err
			}
			var paths []string
			for _, name := range names {
				f, err := r.resolve(name, r.reads)
				if err != nil {
					return err
				}
				paths = append(paths, f.path)
			}
			if len(paths) == 1 {
				out.set(key, text(paths[0]))
			} else {
				out.set(key, flowList(paths))
			}
		case "gt", "gte", "lt", "lte", "eq", "neq", "percentile":
			v, err := oneValue(e.value)
			if err != nil || v.tag != "!!int" && v.tag != "!!float" {
				return at(e.value, "%s must be a number", key)
			}
			r.bound[key] = v.text
			out.set(key, &yaml.Node{Kind: yaml.ScalarNode, Tag: v.tag, Value: v.text})
		default:
			return at(e.key, "condition: %q is not known here", key)
		}
	}
	r.out.set("condition", flow(out.node))
	return nil
}

// readGenerate reads what Sigma's schema has beside the correlation, and its
// examples in it.
func (r *correlationReader) readGenerate(n *yaml.Node) error {
	for _, g := range []*yaml.Node{lookup(n, "generate"), lookup(r.yaml, "generate")} {
		if g == nil {
			continue
		}
		if g.Kind != yaml.ScalarNode || g.ShortTag() != "!!bool" {
			return at(g, "generate must be true or false")
		}
		if strings.EqualFold(g.Value, "true") {
			r.out.set("generate", valueNode(true))
			return nil
		}
	}
	return nil
}
