package sigma

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"picket.internal/fact"
)

// rule writes a detection as a rule of ours.
func (c *conversion) rule(d *document) (*yaml.Node, error) {
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
	tests, err := d.tests()
	if err != nil {
		return nil, err
	}
	p := newPairs()
	p.set("id", text(d.id))
	p.set("title", text(cut(d.title, maxTitle)))
	p.set("status", text(status))
	p.set("severity", text(severity))
	c.about(p, d)
	p.set("tags", flowList(tags))
	p.set("on", flowList([]string{string(d.source.on)}))
	p.set("where", block(d.node.render(d.source.guard)))
	p.set("message", textOr(d.message()))
	p.set("false_positives", list(d.falsePositives))
	p.set("tests", tests)
	p.node.HeadComment = d.head()
	return p.node, nil
}

// about writes where a rule comes from: what its licence asks to be kept.
func (c *conversion) about(p *pairs, d *document) {
	p.set("author", textOr(d.author))
	if description := strings.TrimSpace(d.description); strings.Contains(description, "\n") {
		p.set("description", block(cut(description, maxDescription)))
	} else {
		p.set("description", textOr(cut(description, maxDescription)))
	}
	p.set("references", list(d.references))
	source := newPairs()
	source.set("name", text(c.options.source()))
	source.set("url", textOr(c.options.url(d.file)))
	source.set("licence", textOr(c.options.licence(d.licence)))
	p.set("source", source.node)
	if len(d.related) > 0 {
		related := &yaml.Node{Kind: yaml.SequenceNode}
		for _, r := range d.related {
			one := newPairs()
			one.set("id", text(r.ID))
			one.set("type", textOr(r.Type))
			related.Content = append(related.Content, flow(one.node))
		}
		p.set("related", related)
	}
}

// head is the comment above a rule: what it was made of, and what was left out.
func (d *document) head() string {
	first := "Converted from the Sigma rule"
	if d.uuid != "" {
		first += " " + d.uuid
	}
	if d.date != "" {
		first += " of " + d.date
	}
	if d.modified != "" {
		first += ", changed " + d.modified
	}
	lines := []string{first + "."}
	for _, n := range d.notes {
		lines = append(lines, n+".")
	}
	for i, l := range lines {
		lines[i] = "# " + oneLine(printable(l))
	}
	return strings.Join(lines, "\n")
}

// printable keeps what a YAML comment may hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0xfeff || r == 0x2028 || r == 0x2029 || r == 0xfffe || r == 0xffff {
			return ' '
		}
		return r
	}, s)
}

// message is the title with what of the fact tells most. A title that would be
// read as a template stands for itself, without a message.
func (d *document) message() string {
	title := cut(d.title, maxTitle)
	if d.source.detail == "" || strings.Contains(title, "{{") || strings.Contains(title, "}}") {
		return ""
	}
	return title + ": " + d.source.detail
}

// maxNegatives bounds the tests that must not match.
const maxNegatives = 6

// tests makes events of the condition: one that it holds for, and for each of its
// required parts one in which only that part is false, as far as there is one.
func (d *document) tests() (*yaml.Node, error) {
	positive := synthesize(wish{d.node, true})
	if positive == nil {
		return nil, errors.New("no event was found that the rule matches, so nothing shows that it does what it says")
	}
	tests := []*yaml.Node{testOf("the event that it describes", 1, factNode(d.source, positive))}
	used := map[string]bool{}
	for _, part := range d.node.required() {
		name := "something else"
		if part != d.node {
			name = cut(part.failing(), maxTitle)
		}
		if e := falsified(d.node, part); e != nil && !used[name] && len(tests) <= maxNegatives {
			used[name] = true
			tests = append(tests, testOf(name, 0, factNode(d.source, e)))
		}
	}
	if len(tests) == 1 && d.source.on == fact.KindProcess && d.source.guard != "" {
		ended := *d.source
		ended.sample = map[string]any{"process.action": fact.ProcessExit}
		tests = append(tests, testOf("the process ended", 0, factNode(&ended, positive)))
	}
	return testList(tests...), nil
}

// required are the parts of which each must hold.
func (n *node) required() []*node {
	if n.op == opAnd {
		return n.kids
	}
	return []*node{n}
}

// falsified is an event for which the condition does not hold because of one
// part, and of no other where that can be.
func falsified(n, part *node) event {
	wishes := []wish{{part, false}}
	for _, p := range n.required() {
		if p != part {
			wishes = append(wishes, wish{p, true})
		}
	}
	if e := synthesize(wishes...); e != nil {
		return e
	}
	return synthesize(wish{n, false})
}

// failing names the case in which a part does not hold.
func (n *node) failing() string {
	if n.op == opNot {
		if name := n.kids[0].comment(); name != "" {
			return "it is " + name
		}
		if n.kids[0].op == opTest {
			return fmt.Sprintf("%s is what is left out", n.kids[0].test.field.name)
		}
	}
	switch name := n.comment(); {
	case name != "":
		return "it is not " + name
	case n.op == opTest:
		return n.test.field.name + " is another"
	case len(n.kids) > 0 && n.kids[0].op == opTest:
		return n.kids[0].test.field.name + " is none of those"
	}
	return "a part does not hold"
}
