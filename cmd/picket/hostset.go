package main

import (
	"context"
	"strings"

	"picket.internal/api"
)

type hostWrapperKeyCommand struct {
	ID  string `arg:"" help:"The host, by its name or its id."`
	Key string `arg:"" help:"The public key, as in /etc/picket/wrapper.pub on the host."`
	hubFlags
}

// Help is shown below the one line of help.
func (*hostWrapperKeyCommand) Help() string {
	return `A host names this key when it enrolls. It changes where the wrapper is installed
anew. Read the new one on the host itself, not from what the sensor says. The log
keeps the one before, and what that has signed until now stays shown.

    $ picket hosts wrapper-key web1 "$(ssh web1 cat /etc/picket/wrapper.pub)"`
}

// Run sets the key.
func (c *hostWrapperKeyCommand) Run(ctx context.Context, e *env) error {
	s := api.HostSetting{WrapperKey: strings.TrimSpace(c.Key)}
	return setHost(ctx, e, &c.hubFlags, c.ID, s, "receipts of "+c.ID+" are verified with the key now")
}

type hostLabelCommand struct {
	ID     string   `arg:"" help:"The host, by its name or its id."`
	Labels []string `arg:"" help:"The labels, as in role=db."`
	hubFlags
}

// Help is shown below the one line of help.
func (*hostLabelCommand) Help() string {
	return `Response policies can leave hosts with a label alone (limits.never.labels). How many
operators must sign for a host is not decided here, but by the labels that root
wrote on the host itself.

    $ picket hosts label web1 role=db site=west`
}

// Run sets labels.
func (c *hostLabelCommand) Run(ctx context.Context, e *env) error {
	return setHost(ctx, e, &c.hubFlags, c.ID, api.HostSetting{Labels: c.Labels}, c.ID+" has the labels "+strings.Join(c.Labels, " ")+" now")
}

func setHost(ctx context.Context, e *env, flags *hubFlags, host string, s api.HostSetting, words string) error {
	hub, p, err := flags.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	id, err := hostNamed(ctx, hub, host)
	if err != nil {
		return err
	}
	if err := hub.SetHost(ctx, id, s); err != nil {
		return err
	}
	if flags.JSON {
		return p.Document(map[string]any{"id": id, "set": s})
	}
	p.Note("%s", words)
	return nil
}
