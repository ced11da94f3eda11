package main

import (
	"context"
	"fmt"

	"picket.internal/api"
)

type factsCommands struct {
	Query  factsQueryCommand  `cmd:"" help:"Print facts, the newest first."`
	Follow factsFollowCommand `cmd:"" help:"Print facts as they come."`
}

// factFilter says which facts are meant.
type factFilter struct {
	Host  string `placeholder:"ID" help:"Only of this host."`
	Kind  string `placeholder:"KIND" help:"Only of this kind, as in canary, process or sensor."`
	Since when   `placeholder:"TIME" help:"Only since then: RFC 3339, or how long ago, as in 90m."`
	Until when   `placeholder:"TIME" help:"Only before then."`
}

func (f *factFilter) query() api.FactQuery {
	return api.FactQuery{HostID: f.Host, Kind: f.Kind, Since: f.Since.Time, Until: f.Until.Time}
}

type factsQueryCommand struct {
	factFilter
	Limit int    `default:"${rows}" help:"At most so many; 0 means all."`
	After string `placeholder:"CURSOR" help:"Go on after the fact with this cursor, with older ones."`
	hubFlags
}

// Help is shown below the one line of help.
func (*factsQueryCommand) Help() string {
	return `With --json each fact comes byte for byte as its host signed it, with the batch that carries it.

    $ picket facts query --kind canary --since 24h
    $ picket facts query --kind process --limit 0 --json | jq -r .fact.process.executable | sort | uniq -c`
}

// Run queries facts.
func (c *factsQueryCommand) Run(ctx context.Context, e *env) error {
	q := c.query()
	q.After = c.After
	if err := checkQuery(q.Validate(), c.Limit); err != nil {
		return err
	}
	q.Limit = c.Limit
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	n, err := p.Facts(hub.Facts(ctx, q))
	if err == nil && n == 0 && !c.JSON {
		p.Note("no such facts")
	}
	return err
}

type factsFollowCommand struct {
	factFilter
	After string `placeholder:"CURSOR" help:"Begin after the fact with this cursor instead of now."`
	hubFlags
}

// Help is shown below the one line of help.
func (*factsFollowCommand) Help() string {
	return `Runs until Ctrl-C.

    $ picket facts follow --kind process`
}

// Run prints facts as they come.
func (c *factsFollowCommand) Run(ctx context.Context, e *env) error {
	q := c.query()
	q.After = c.After
	if err := checkQuery(q.Validate(), 0); err != nil {
		return err
	}
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	_, err = p.Facts(hub.FollowFacts(ctx, q))
	return err
}

// checkQuery turns flags that no hub can answer into wrong use, before any hub
// is asked. The limit may be larger than that of one request.
func checkQuery(err error, limit int) error {
	switch {
	case err != nil:
		return usageError{err}
	case limit < 0:
		return usageError{fmt.Errorf("malformed limit %d: less than nothing; 0 means all", limit)}
	}
	return nil
}
