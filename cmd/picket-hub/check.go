package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"picket.internal/display"
	"picket.internal/hub"
)

type checkCmd struct {
	Dir  string `required:"" type:"existingdir" placeholder:"DIR" help:"Folder of the hub."`
	JSON bool   `name:"json" help:"Print one JSON document a fault, and a summary at the end."`
}

// Help is what check --help says beyond its flags.
func (c *checkCmd) Help() string {
	return `Reads the whole database: SQLite's own structure, the signature and digest of
every batch as it was received, the chain of every session, and that the index
finds every fact. It also verifies the append-only log of tokens, receipts and
changes: documents, records, the tree and every signed checkpoint. Evidence is
held to its receipts, and opened where the folder has the key. It changes nothing
and may run while the hub serves.

A gap (batches that never arrived) is no fault of the store and is only counted:
it was reported when it showed. Exit code 1 and a line for each place where
something does not hold.`
}

// Run checks.
func (c *checkCmd) Run(ctx context.Context, e *env) error {
	report, err := hub.Check(ctx, c.Dir, slog.New(slog.NewTextHandler(e.err, nil)))
	if err != nil {
		return err
	}
	for _, f := range report.Faults {
		if c.JSON {
			err = json.NewEncoder(e.out).Encode(f)
		} else {
			_, err = fmt.Fprintf(e.out, "%s: %s\n", display.Line(f.Where), display.Line(f.What))
		}
		if err != nil {
			return err
		}
	}
	if c.JSON {
		err = json.NewEncoder(e.out).Encode(map[string]any{"event": "summary", "ok": len(report.Faults) == 0, "faults": len(report.Faults),
			"hosts": report.Hosts, "sessions": report.Sessions, "batches": report.Batches, "facts": report.Facts,
			"refused": report.Refused, "evidence": report.Evidence, "opened": report.Opened, "pruned": report.Pruned, "audit": report.Audit, "gaps": report.Gaps, "alerts": report.Alerts})
	} else {
		_, err = fmt.Fprintf(e.out, "%d hosts, %d sessions, %d batches, %d facts (%d refused), %d alerts; %d batches missing; %d faults\n",
			report.Hosts, report.Sessions, report.Batches, report.Facts, report.Refused, report.Alerts, report.Gaps, len(report.Faults))
	}
	if err == nil && len(report.Faults) > 0 {
		return errNo
	}
	return err
}
