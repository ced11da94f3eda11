package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"picket.internal/api"
	"picket.internal/engine/rule"
	"picket.internal/fact"
)

type explainCommand struct {
	Rule  string `arg:"" help:"The rule's id, as in canary.read."`
	Fact  string `arg:"" help:"A file with a fact, - for standard input, or the id of a fact that the hub keeps."`
	Rules string `placeholder:"DIR" help:"Folder of rules, or one file; the shipped rules if left out."`
	At    when   `placeholder:"TIME" help:"When exceptions and filters are asked whether they have expired; now if left out."`
	hubFlags
}

// Help is shown below the one line of help.
func (*explainCommand) Help() string {
	return `The fact is JSON as a host sent it, or YAML as the tests of rules have it. What
the hub knows beside a fact can stand beside it: {fact: {…}, prevalence: {…}}.
A > marks what decided; - is what nobody looked at, because the answer was clear.
Exits 0 where the rule alerts, 1 where it does not.

    $ picket rules explain web.shell fact.yaml --rules ./rules
    no match  web.shell on 01J00000000000000000000001
    decided by  user.id == "0"  rules/web/shell.yaml:8:32

       false  all of
       true     process.name == "sh"
                  process.name is sh
    >  false    user.id == "0"
                  user.id is 33

    $ picket facts query --kind process --limit 1 --json | picket rules explain process.memfd -
    $ picket rules explain canary.read 01JXBZ4Q2C8W2VNN8C1G0Y5T7E`
}

// Run explains.
func (c *explainCommand) Run(ctx context.Context, e *env) error {
	pack := packFlags{Pack: c.Rules}
	set, err := pack.loadOrFail(e)
	if err != nil {
		return err
	}
	r, ok := set.Rule(c.Rule)
	if !ok {
		return usageError{fmt.Errorf("there is no rule %q; picket rules test --verbose names those that there are", c.Rule)}
	}
	f, prevalence, err := c.fact(ctx, e)
	if err != nil {
		return err
	}
	now := c.At.Time
	if now.IsZero() {
		now = time.Now()
	}
	x, err := r.ExplainTree(rule.NewVars(f, prevalence), now)
	if err != nil {
		return err
	}
	err = e.printer(c.JSON).Explanation(x, pack.file(r.File))
	return verdict(x.Outcome == rule.OutcomeMatch, err)
}

// factID is what a fact's id looks like: a ULID.
var factID = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)

// fact reads the fact that is to be explained. A file goes before an id: whoever
// has a file of that name sees it.
func (c *explainCommand) fact(ctx context.Context, e *env) (*fact.Fact, *fact.Prevalence, error) {
	in, name := io.Reader(os.Stdin), "standard input"
	if c.Fact != "-" {
		f, err := os.Open(c.Fact)
		switch {
		case errors.Is(err, os.ErrNotExist) && factID.MatchString(c.Fact):
			return c.stored(ctx, e)
		case err != nil:
			return nil, nil, fmt.Errorf("reading fact: %w", err)
		}
		defer f.Close()
		in, name = f, c.Fact
	}
	data, err := io.ReadAll(io.LimitReader(in, rule.MaxFactDocument+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading fact: %w", err)
	}
	f, prevalence, findings := rule.ReadFact(name, data)
	if f == nil {
		fmt.Fprint(e.options.Err, findings)
		return nil, nil, fmt.Errorf("reading fact: %q holds none", name)
	}
	return f, prevalence, nil
}

// stored asks the hub. What it knew of the fact's process when the fact came is
// not kept: such a rule reads the defaults.
func (c *explainCommand) stored(ctx context.Context, e *env) (*fact.Fact, *fact.Prevalence, error) {
	hub, p, err := c.connect(e)
	if err != nil {
		return nil, nil, err
	}
	defer hub.Close()
	var s api.StoredFact
	if s, err = hub.Fact(ctx, c.Fact); err != nil {
		return nil, nil, err
	}
	f, _, err := fact.Parse(s.Fact)
	if err != nil {
		return nil, nil, fmt.Errorf("reading fact %s of the hub: %w", c.Fact, err)
	}
	p.Note("what the hub knew of the process when the fact came is not kept: prevalence reads as unknown")
	return f, nil, nil
}
