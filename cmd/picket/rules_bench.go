package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"picket.internal/engine"
	"picket.internal/engine/rule"
	"picket.internal/fact"
	"picket.internal/terminal"
)

type benchCommand struct {
	packFlags
	Facts string        `placeholder:"FILE" help:"JSON lines with facts, as picket facts query --json prints them; the facts of the rules' own tests if left out."`
	Time  time.Duration `default:"1s" placeholder:"TIME" help:"How long to measure either way, at least."`
}

// Help is shown below the one line of help.
func (*benchCommand) Help() string {
	return `Every rule is asked about every fact of its kinds, one rule after the other; then
only the rules that the index finds for a fact. COST is what a rule did cost at most,
in the units of CEL, ESTIMATE what it can cost. Exits 1 where the two ways differ,
which must not be.

    $ picket facts query --limit 10000 --json > facts.jsonl
    $ picket rules bench ./rules --facts facts.jsonl
    RULE         NS A FACT   COST  ESTIMATE  FOUND BY
    web.dropper       2210  1 204     9 420  every fact: process.args.exists(…)
    web.shell          310      9       830  process.name equals "sh"
    2 rules, 1 found by the index; a fact takes 0.3 µs through it, 2.6 µs without (8.7 times)`
}

// benchSummary is the last document of rules bench --json.
type benchSummary struct {
	Rules   int     `json:"rules"`
	Indexed int     `json:"indexed"`
	NS      float64 `json:"ns_per_fact"`
	Linear  float64 `json:"linear_ns_per_fact"`
	Ratio   float64 `json:"ratio"`
	Facts   int     `json:"facts"`
}

// dearest is how many rules are shown to a person.
const dearest = 10

// Run measures.
func (c *benchCommand) Run(e *env) error {
	set, err := c.loadOrFail(e)
	if err != nil {
		return err
	}
	facts, err := c.facts(set)
	if err != nil {
		return err
	}
	m := engine.Measure(set, facts, c.Time, time.Now)
	costs, s := costsOf(m)
	p := e.printer(c.JSON)
	if err := p.RuleCosts(costs, dearest); err != nil {
		return err
	}
	for _, id := range m.Differences {
		p.Note("the index leaves out %s for a fact that it matches: this is a fault of the index", id)
	}
	if c.JSON {
		err = p.Document(s)
	} else {
		err = s.print(e, costs)
	}
	return verdict(len(m.Differences) == 0, err)
}

// facts are those of the file, or those of the rules' own tests.
func (c *benchCommand) facts(set *rule.Set) ([]*fact.Fact, error) {
	if c.Facts != "" {
		return readFacts(c.Facts)
	}
	var out []*fact.Fact
	for _, r := range set.Rules() {
		for _, t := range r.Tests {
			out = append(out, t.Facts...)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("the rules have no tests whose facts could be shown to them; give some with --facts")
	}
	return out, nil
}

// maxFacts bounds what is held in memory at once.
const maxFacts = 200_000

func readFacts(path string) ([]*fact.Fact, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading facts: %w", err)
	}
	defer f.Close()
	var out []*fact.Fact
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, rule.MaxFactDocument)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		one, _, findings := rule.ReadFact(path, lines.Bytes())
		if one == nil {
			return nil, fmt.Errorf("reading facts: line %d of %q holds none: %w", n, path, findings.Err())
		}
		if out = append(out, one); len(out) > maxFacts {
			return nil, fmt.Errorf("reading facts: %q holds more than %d", path, maxFacts)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading facts: %w", err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("reading facts: %q holds none", path)
	}
	return out, nil
}

// costsOf sums up a measurement, the dearest rule first.
func costsOf(m engine.Measurement) ([]terminal.RuleCost, benchSummary) {
	s := benchSummary{Rules: len(m.Rules), Facts: m.Facts, NS: float64(m.Found.Nanoseconds()), Linear: float64(m.Linear.Nanoseconds())}
	costs := make([]terminal.RuleCost, 0, len(m.Rules))
	for i, r := range m.Rules {
		c := terminal.RuleCost{Rule: r.Rule.ID, NS: float64(r.Time.Nanoseconds()), Estimate: r.Rule.Cost, Cost: r.Cost,
			Facts: r.Facts, Matches: r.Matches, Errors: r.Errors, Indexed: m.Index[i].Indexed}
		for _, k := range m.Index[i].Kinds {
			if k.Reason != "" && c.Why == "" {
				c.Why = k.Reason
			}
			c.By = append(c.By, k.Tests...)
		}
		slices.Sort(c.By)
		c.By = slices.Compact(c.By)
		if c.Indexed {
			s.Indexed++
		}
		costs = append(costs, c)
	}
	slices.SortStableFunc(costs, func(a, b terminal.RuleCost) int { return cmp.Compare(b.NS, a.NS) })
	if s.NS > 0 {
		s.Ratio = s.Linear / s.NS
	}
	return costs, s
}

func (s *benchSummary) print(e *env, costs []terminal.RuleCost) error {
	more := ""
	if n := len(costs) - dearest; n > 0 {
		more = fmt.Sprintf("%s more cost less; --json tells all\n", count(n, "rule"))
	}
	_, err := fmt.Fprintf(e.options.Out, "%s%s, %d found by the index; a fact takes %.2f µs through it, %.2f µs without (%.1f times)\n",
		more, count(s.Rules, "rule"), s.Indexed, s.NS/1000, s.Linear/1000, s.Ratio)
	return err
}
