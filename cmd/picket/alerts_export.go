package main

import (
	"bufio"
	"context"
	"fmt"

	"picket.internal/dossier"
)

type alertsExportCommand struct {
	ID     string `arg:"" help:"The alert, as in picket alerts list --json."`
	Output string `short:"o" type:"path" placeholder:"FILE" help:"File to make, which must not exist; standard output if left out."`
	hubFlags
}

// Help is shown below the one line of help.
func (*alertsExportCommand) Help() string {
	return `One JSON document with all that shows the alert to somebody who has only public keys:
the alert, the batches that its facts came in as the sensor signed them, the rules with
their lists and filters as they ran, tokens, approvals and receipts, and for each the
proof that the hub's log holds it. picket verify checks it without any hub. At most 32 MiB
and 256 batches: what had to be left out is said, and is then not shown.

    $ picket alerts export 01JCB3Y6K2W8Q4V0N7M5T1R9XE -o alert.json
    $ picket verify alert.json --trust trust.json`
}

// Run exports an alert.
func (c *alertsExportCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	data, err := hub.Dossier(ctx, c.ID)
	if err != nil {
		return err
	}
	if _, err := dossier.Parse(data); err != nil {
		return fmt.Errorf("the hub's answer: %w", err)
	}
	if c.Output == "" {
		_, err := e.options.Out.Write(data)
		return err
	}
	// Facts may hold what only the owner should read.
	if err := writeOnce(c.Output, func(w *bufio.Writer) error { _, err := w.Write(data); return err }); err != nil {
		return fmt.Errorf("exporting an alert: %w", err)
	}
	p.Note("%d bytes in %s; picket verify %s --trust FILE checks it", len(data), c.Output, c.Output)
	return nil
}
