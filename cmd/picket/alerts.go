package main

import (
	"context"

	"picket.internal/api"
)

type alertsCommands struct {
	List   alertsListCommand   `cmd:"" help:"List alerts, the newest first."`
	Show   alertsShowCommand   `cmd:"" help:"Show all there is to know about one alert."`
	Follow alertsFollowCommand `cmd:"" help:"Print alerts as they come."`
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
	return `Two lines an alert: what, and who did it. A count behind the title says how often it happened.

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
	ID string `arg:"" help:"The alert, as in picket alerts list --json."`
	hubFlags
}

// Help is shown below the one line of help.
func (*alertsShowCommand) Help() string {
	return `Exits 1 where there is no such alert.

    $ picket alerts show 01JCB3Y6K2W8Q4V0N7M5T1R9XE`
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
	return p.ShowAlert(&alert)
}

type alertsFollowCommand struct {
	alertFilter
	After string `placeholder:"ID" help:"Begin after this alert instead of now, so that none is missed."`
	hubFlags
}

// Help is shown below the one line of help.
func (*alertsFollowCommand) Help() string {
	return `Runs until Ctrl-C. A hub that goes away and comes back is taken up again without a gap.

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
	for a, err := range hub.FollowAlerts(ctx, q) {
		switch {
		case err != nil:
			return err
		case c.JSON:
			err = p.Document(&a)
		default:
			err = p.Alert(&a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
