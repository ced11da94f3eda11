package sigma

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// filter writes a filter as one of ours, which lets pass what meets it. Sigma's
// condition is what a match must meet besides: of the form not (…), so that what
// is in the brackets passes.
func (c *conversion) filter(d *document) (*yaml.Node, error) {
	n := lookup(d.yaml, "filter")
	names, err := texts(lookup(n, "rules"), "rules")
	if err != nil {
		return nil, err
	}
	if d.reads, err = c.find(names); err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	var ids []string
	for _, r := range d.reads {
		if r.source == nil || r.source.on != d.source.on {
			return nil, fmt.Errorf("filter: the rule %s is about another log source", r.title)
		}
		ids = append(ids, r.id)
	}
	if d.node.op != opNot {
		return nil, errors.New("filter: its condition can be read as what passes and as what must be met; write not in front of it, so that what is selected passes")
	}
	p := newPairs()
	name := strings.NewReplacer(".", "_", "-", "_").Replace(d.id)
	p.set("filter", text(name))
	p.set("title", text(cut(d.title, maxTitle)))
	p.set("rules", list(ids))
	p.set("where", block(d.node.kids[0].render("")))
	owner := d.author
	if owner == "" {
		owner = c.options.source()
	}
	p.set("owner", text(cut(owner, maxTitle)))
	p.set("reason", textOr(cut(oneLine(d.description), maxDescription)))
	p.node.HeadComment = d.head()
	return p.node, nil
}
