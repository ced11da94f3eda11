package main

import (
	"context"
	"iter"

	"picket.internal/api"
	"picket.internal/client"
	"picket.internal/engine/lru"
	"picket.internal/terminal"
)

type alertsCommands struct {
	List   alertsListCommand   `cmd:"" help:"List alerts, the newest first."`
	Show   alertsShowCommand   `cmd:"" help:"Show all there is to know about one alert."`
	Follow alertsFollowCommand `cmd:"" help:"Print alerts as they come."`
	Export alertsExportCommand `cmd:"" help:"Write one alert with all that shows it, for picket verify."`
}

// alertFilter says which alerts are meant.
type alertFilter struct {
	Severity string `placeholder:"WORD" help:"Only of this severity: info, low, medium, high or critical."`
	Host     string `placeholder:"ID" help:"Only of this host."`
	Rule     string `placeholder:"ID" help:"Only of this rule, as in canary.read."`
	Since    when   `placeholder:"TIME" help:"Only since then: RFC 3339, or how long ago, as in 90m."`
	Until    when   `placeholder:"TIME" help:"Only before then."`
	Shadow   bool   `help:"Also alerts of rules that are still on trial."`
}

func (f *alertFilter) query() api.AlertQuery {
	return api.AlertQuery{Severity: f.Severity, HostID: f.Host, RuleID: f.Rule,
		Since: f.Since.Time, Until: f.Until.Time, IncludeShadow: f.Shadow}
}

type alertsListCommand struct {
	alertFilter
	Limit int    `default:"${rows}" help:"At most so many; 0 means all."`
	After string `placeholder:"ID" help:"Go on after this alert, with older ones."`
	hubFlags
}

// Help is shown below the one line of help.
func (*alertsListCommand) Help() string {
	return `Two lines an alert: what, and who did it. A count behind the title says how often it
happened; a third line then says how often more, and in what time.

    $ picket alerts list --since 1h --severity high
    15:04:05  HIGH      web1  A canary file was read: ~/.aws/credentials    canary.read
                        /usr/bin/cat (pid 4711, www-data) ← bash ← sshd  sha256 9f86d0…
    $ picket alerts list --json --limit 1 | jq -r .id
    01JCB3Y6K2W8Q4V0N7M5T1R9XE`
}

// Run lists alerts.
func (c *alertsListCommand) Run(ctx context.Context, e *env) error {
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
	n, err := p.Alerts(hub.Alerts(ctx, q))
	if err == nil && n == 0 && !c.JSON {
		p.Note("no such alerts")
	}
	return err
}

type alertsShowCommand struct {
	ID         string `arg:"" help:"The alert, as in picket alerts list --json."`
	Duplicates bool   `aliases:"facts" help:"Also the facts of its duplicates, the newest first."`
	hubFlags
}

// Help is shown below the one line of help.
func (*alertsShowCommand) Help() string {
	return `Exits 1 where there is no such alert. The first hundred facts of an alert are linked to it;
of the others --duplicates says how many there are and how to query them.

    $ picket alerts show 01JCB3Y6K2W8Q4V0N7M5T1R9XE
    $ picket alerts show 01JCB3Y6K2W8Q4V0N7M5T1R9XE --duplicates`
}

// Run shows an alert.
func (c *alertsShowCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	alert, err := hub.Alert(ctx, c.ID)
	if err != nil {
		return err
	}
	if err := p.ShowAlert(&alert); err != nil || !c.Duplicates {
		return err
	}
	return p.AlertFacts(factPages(ctx, hub, c.ID))
}

// factPages asks for the facts of an alert, page by page.
func factPages(ctx context.Context, hub *client.Client, id string) iter.Seq2[api.AlertFacts, error] {
	return func(yield func(api.AlertFacts, error) bool) {
		var q api.AlertFactsQuery
		for {
			page, err := hub.AlertFacts(ctx, id, q)
			if !yield(page, err) || err != nil || page.Next == "" {
				return
			}
			q.After = page.Next
		}
	}
}

type alertsFollowCommand struct {
	alertFilter
	After string `placeholder:"ID" help:"Begin after this alert instead of now, so that none is missed."`
	More  bool   `help:"With --json, also a document for each alert that goes on: {\"event\": \"more\", …}."`
	hubFlags
}

// Help is shown below the one line of help.
func (*alertsFollowCommand) Help() string {
	return `Runs until Ctrl-C. A hub that goes away and comes back is taken up again without a gap.
An alert that goes on is told of again on one line, now and then: "41 more in the last 12 minutes".

    $ picket alerts follow --severity critical --json | while read -r alert; do page "$alert"; done`
}

// Run prints alerts as they come.
func (c *alertsFollowCommand) Run(ctx context.Context, e *env) error {
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
	shown := lru.New[string, *api.Alert](maxShown)
	for news, err := range hub.FollowAlertNews(ctx, q) {
		switch {
		case err != nil:
			return err
		case news.More != nil:
			err = c.more(p, shown, news.More)
		case c.JSON:
			shown.Put(news.Alert.ID, news.Alert)
			err = p.Document(news.Alert)
		default:
			shown.Put(news.Alert.ID, news.Alert)
			err = p.Alert(news.Alert)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// maxShown is of how many alerts it is remembered that they were shown.
const maxShown = 1000

// more tells that an alert goes on, where it is one that was shown.
func (c *alertsFollowCommand) more(p *terminal.Printer, shown *lru.Map[string, *api.Alert], growth *api.AlertGrowth) error {
	a, ok := shown.Get(growth.ID)
	if !ok || c.JSON && !c.More {
		return nil
	}
	return p.More(a, growth)
}
