package main

import (
	"context"
	"encoding/json"
	"fmt"

	"picket.internal/hub"
)

type backupCmd struct {
	Dir  string `required:"" type:"existingdir" placeholder:"DIR" help:"Folder of the hub."`
	Out  string `required:"" type:"path" placeholder:"FILE" help:"File to make. It must not exist."`
	JSON bool   `name:"json" help:"Print one JSON document."`
}

// Help is what backup --help says beyond its flags.
func (c *backupCmd) Help() string {
	return `Copies the database as it is at one moment; the hub may run. The hub's keys
(DIR/keys and DIR/hub.json) are not in it, so whoever steals a backup cannot sign
tokens or acknowledgements. Copy those to a place of their own, and again when a
key was changed: a database without its keys does not start.

  $ picket-hub backup --dir /var/lib/picket-hub --out /backup/picket-2026-05-01.db

A hub that is set back to a backup has a log that hosts have seen further: they
refuse its tokens (eat.log_rollback) until it has grown past that, and then say
that it forked. Restore only what is lost otherwise.`
}

// Run copies.
func (c *backupCmd) Run(ctx context.Context, e *env) error {
	if err := hub.Backup(ctx, c.Dir, c.Out); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(e.out).Encode(map[string]string{"event": "backup", "file": c.Out})
	}
	_, err := fmt.Fprintf(e.out, "the database is copied to %s; the keys are not in it\n", c.Out)
	return err
}
