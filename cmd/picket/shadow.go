package main

import (
	"context"
	"iter"

	"picket.internal/api"
)

type shadowCommand struct {
	All bool `help:"Also the rules that are not on trial."`
	hubFlags
}

// Help is shown below the one line of help.
func (*shadowCommand) Help() string {
	return `Rules with the status experimental or test raise alerts that are recorded and that nobody
is told of. IN SHADOW counts those, MATCHED the facts since the hub's start, MORE the
duplicates among them.

    $ picket rules shadow
    $ picket alerts list --shadow --rule web.shell
    $ picket rules promote --rules ./rules web.shell`
}

// Run lists rules.
func (c *shadowCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	n, err := p.RunningRules(onTrial(hub.Rules(ctx), c.All))
	if err == nil && n == 0 && !c.JSON {
		p.Note("no rule is on trial")
	}
	return err
}

// onTrial leaves out the rules that are not, unless all are wanted.
func onTrial(rules iter.Seq2[api.RunningRule, error], all bool) iter.Seq2[api.RunningRule, error] {
	return func(yield func(api.RunningRule, error) bool) {
		for r, err := range rules {
			if (all || r.Shadow || err != nil) && !yield(r, err) {
				return
			}
		}
	}
}
