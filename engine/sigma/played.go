package sigma

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxRepeat bounds how many events a test that is made plays.
const maxRepeat = 1000

// tests plays the events of the rules: as many as it takes, and one less. Types
// that count values get none.
func (r *correlationReader) tests() *yaml.Node {
	events := r.events()
	switch {
	case events == nil:
	case r.kind == "event_count":
		if n := r.enough(); n > 1 && n <= maxRepeat {
			return testList(
				testOf("as many events as it takes", 1, repeated(r.reads[0].source, events[0], n)),
				testOf("one less", 0, repeated(r.reads[0].source, events[0], n-1)))
		}
	case r.kind == "temporal" && len(r.bound) == 0, r.kind == "temporal_ordered":
		var facts []*yaml.Node
		for i, e := range events {
			facts = append(facts, factNode(r.reads[i].source, e))
		}
		return testList(testOf("each of the rules", 1, facts...), testOf("all but the last", 0, facts[:len(facts)-1]...))
	}
	r.note("No test could be made of it: write one")
	return nil
}

// events are events that the rules match, all of one group; nil where that was
// not found.
func (r *correlationReader) events() []event {
	if len(r.aliases) > 0 {
		return nil
	}
	group := event{}
	var out []event
	for _, d := range r.reads {
		if d.source == nil {
			return nil
		}
		e := synthesize(wish{d.node, true})
		if e == nil {
			return nil
		}
		for _, f := range r.groupBy {
			own, err := d.source.field(f.name)
			if err != nil || own.kind != kindText {
				return nil
			}
			if strings.HasPrefix(own.path, "host.") {
				continue // tests are about one host
			}
			if group[f] == nil {
				group[f] = plausible(own)
			}
			if e[own] != nil && e[own] != group[f] {
				return nil
			}
			e[own] = group[f]
		}
		if !d.node.holds(e) {
			return nil
		}
		out = append(out, e)
	}
	return out
}

// enough is the least count that meets the condition, 0 where it has no such.
func (r *correlationReader) enough() int {
	if len(r.bound) != 1 {
		return 0
	}
	for op, more := range map[string]int{"gte": 0, "gt": 1, "eq": 0} {
		if s, ok := r.bound[op]; ok {
			n, err := strconv.Atoi(s)
			if err == nil {
				return n + more
			}
		}
	}
	return 0
}

func repeated(s *source, e event, n int) *yaml.Node {
	p := newPairs()
	p.set("repeat", valueNode(float64(n)))
	p.set("fact", factNode(s, e))
	return flow(p.node)
}

func testList(tests ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Content: tests}
}

func testOf(name string, alerts int, facts ...*yaml.Node) *yaml.Node {
	p := newPairs()
	p.set("name", text(name))
	p.set("facts", &yaml.Node{Kind: yaml.SequenceNode, Content: facts})
	p.set("alerts", valueNode(float64(alerts)))
	return p.node
}
