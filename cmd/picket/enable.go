package main

import "context"

type enableCommand struct {
	Rule string `arg:"" help:"The rule's id."`
	hubFlags
}

// Help is shown below the one line of help.
func (*enableCommand) Help() string {
	return `A rule that keeps exceeding its bound of cost or time is switched off for the host whose
facts bring it there, and for all hosts once five did; the hub says so in an alert of
fleet.rule_failing. A rule that changes is switched on by itself.

    $ picket rules shadow --all
    $ picket rules enable web.shell
    web.shell is on again`
}

// Run enables the rule.
func (c *enableCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	state, err := hub.EnableRule(ctx, c.Rule)
	if err != nil {
		return err
	}
	if c.JSON {
		return p.Document(state)
	}
	p.Note("%s is on again", state.ID)
	return nil
}
