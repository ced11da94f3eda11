package main

import "context"

type filtersCommand struct{ hubFlags }

// Help is shown below the one line of help.
func (*filtersCommand) Help() string {
	return `HITS counts the facts that a filter let pass since the hub's start. One that never does, or
has expired, can go.

    $ picket rules filters
    FILTER        OWNER         RULES   HITS   LAST      EXPIRES
    backup_tools  storage team      9     41   3 min     2027-06-30`
}

// Run lists filters.
func (c *filtersCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	n, err := p.RunningFilters(hub.Filters(ctx))
	if err == nil && n == 0 && !c.JSON {
		p.Note("the hub's rules have no filters")
	}
	return err
}
