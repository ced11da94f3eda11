package sigma

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"

	"picket.internal/engine/rule"
)

// link finds what correlations and filters name, and writes the documents.
func (c *conversion) link(docs []*document) error {
	for _, d := range docs {
		var err error
		switch {
		case lookup(d.yaml, "correlation") != nil:
			d.out, err = c.correlation(d)
		case lookup(d.yaml, "filter") != nil:
			d.out, err = c.filter(d)
		default:
			d.out, err = c.rule(d)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", d.title, err)
		}
	}
	return nil
}

// write puts the documents of a file together and has package rule judge them.
func (c *conversion) write(docs []*document) ([]byte, error) {
	if err := missing(docs); err != nil {
		return nil, err
	}
	var own, nodes []*yaml.Node
	seen := map[*document]bool{}
	var gather func(d *document)
	gather = func(d *document) {
		if seen[d] {
			return
		}
		seen[d] = true
		for _, r := range d.reads {
			gather(r)
		}
		nodes = append(nodes, d.out)
	}
	for _, d := range docs {
		gather(d)
		own = append(own, d.out)
	}
	data, err := encode(own)
	if err != nil {
		return nil, fmt.Errorf("writing the rules: %w", err)
	}
	whole, err := encode(nodes)
	if err != nil {
		return nil, fmt.Errorf("writing the rules: %w", err)
	}
	if err := verify(whole, c.options.Player); err != nil {
		return nil, err
	}
	return data, nil
}

// verify loads what was written and runs its tests: nothing leaves that does not
// hold here.
func verify(data []byte, player rule.Player) error {
	set, findings := rule.Load("converted.yaml", data)
	for _, f := range findings {
		if f.Level == rule.LevelError {
			return fmt.Errorf("what it becomes does not load: %s", f.Message)
		}
	}
	if set == nil {
		return errors.New("what it becomes does not load")
	}
	for _, t := range rule.TestWith(set, player) {
		if !t.Passed {
			return fmt.Errorf("the test %q that was made for it does not hold: %d alerts, wanted %d %s", t.Name, t.Got, t.Want, t.Detail)
		}
	}
	return nil
}

// refuse takes back what a refused file would have given: the file is whole or
// not there.
func (c *conversion) refuse(docs []*document, err error) {
	for _, d := range docs {
		d.refused = err != nil
	}
}

// settle refuses what names a rule that was refused after it was looked at, until
// nothing more falls, and says which documents there are.
func (c *conversion) settle(all [][]*document, out []Output) {
	for fallen := true; fallen; {
		fallen = false
		for i := range out {
			if err := missing(all[i]); out[i].Err == nil && err != nil {
				out[i].Err, out[i].Rules, fallen = err, nil, true
				c.refuse(all[i], err)
			}
		}
	}
	for i := range out {
		for _, d := range all[i] {
			if out[i].Err == nil {
				out[i].IDs = append(out[i].IDs, d.id)
			}
		}
	}
}

// missing says which rule that one of the documents names is refused.
func missing(docs []*document) error {
	for _, d := range docs {
		for _, r := range d.reads {
			if r.refused {
				return fmt.Errorf("%s: the rule %q that it names is refused itself", d.title, r.title)
			}
		}
	}
	return nil
}
