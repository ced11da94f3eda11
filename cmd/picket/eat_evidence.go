package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"picket.internal/api"
)

type eatEvidenceCommand struct {
	ID         string `arg:"" help:"The response, as in picket eat list."`
	Out        string `short:"o" placeholder:"FILE" help:"Where to write it; the file must not be there yet."`
	Again      bool   `help:"Have the host send what is not here."`
	Reason     string `placeholder:"TEXT" help:"Why it is asked for again, in one line. It goes into the token and the hub's log."`
	Signatures int    `placeholder:"N" help:"How many operators must sign that, where the host's policy asks for it."`
	hubFlags
}

// Help is shown below the one line of help.
func (*eatEvidenceCommand) Help() string {
	return `A bundle is one JSON document a line: processes, sockets, logins, files. It may
hold secrets of the host, so the file is for you alone, and the hub's log says
who has read it. What is written is what the host's wrapper has signed, or the
command fails and leaves no file.

The hub has it in chunks, which hosts send right behind the receipt. Where some
did not come, picket eat show says how many, and --again asks for the others. A
host keeps its newest 16 bundles, of 256 MiB together at most.

    $ picket eat evidence 01K3Z9V6W4Q2N8T1XEJ5B7RMCD -o web1.jsonl
    $ picket eat evidence 01K3Z9V6W4Q2N8T1XEJ5B7RMCD --again --reason "case 4711"`
}

// Run saves a bundle, or asks for it again.
func (c *eatEvidenceCommand) Run(ctx context.Context, e *env) error {
	switch {
	case c.Again == (c.Out != ""):
		return usageError{errors.New("give either -o FILE, to save the evidence, or --again, to have it sent again")}
	case c.Again && c.Reason == "":
		return usageError{errors.New("say why it is asked for again with --reason TEXT")}
	}
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	if c.Again {
		r, err := hub.EvidenceAgain(ctx, c.ID, api.DecisionRequest{Reason: c.Reason, Signatures: c.Signatures})
		return told(p, c.JSON, &r, err)
	}
	r, err := hub.Response(ctx, c.ID)
	if err != nil {
		return err
	}
	sum := "" // the hub says better than we could why there is nothing to be read
	if r.Evidence != nil {
		sum = r.Evidence.SHA256
	}
	if err := writeOnce(c.Out, func(w *bufio.Writer) error { return hub.Evidence(ctx, c.ID, sum, w) }); err != nil {
		return err
	}
	if c.JSON {
		return p.Document(r.Evidence)
	}
	p.Note("%s has the evidence: %d bytes, sha256 %s", c.Out, r.Evidence.Bytes, sum)
	return nil
}

// writeOnce writes a file that must not be there yet, for its owner only, and
// leaves nothing where that fails.
func writeOnce(path string, write func(*bufio.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("making the file: %w", err)
	}
	w := bufio.NewWriter(f)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
