package main

import (
	"context"
	"errors"
	"fmt"

	"picket.internal/api"
	"picket.internal/client"
	"picket.internal/eat"
	"picket.internal/terminal"
)

type eatCommands struct {
	Issue     eatIssueCommand    `cmd:"" help:"Have a host do something, once."`
	List      eatListCommand     `cmd:"" help:"List responses: what alerts led to and what people asked for."`
	Show      eatShowCommand     `cmd:"" help:"Show a response with its token, what it means, and its receipts."`
	Approve   eatApproveCommand  `cmd:"" help:"Say yes to a response, with your signature where one is asked for."`
	Reject    eatRejectCommand   `cmd:"" help:"Say no to a response."`
	Undo      eatUndoCommand     `cmd:"" help:"Take back what a response put in force."`
	Evidence  eatEvidenceCommand `cmd:"" help:"Save what a response has gathered on its host, or have it sent again."`
	Verify    eatVerifyCommand   `cmd:"" help:"Verify a token in a file, with a trust store and no hub."`
	Pause     eatPauseCommand    `cmd:"" help:"Stop everything that policies would do by themselves, on all hosts."`
	Resume    eatResumeCommand   `cmd:"" help:"Let policies act by themselves again."`
	Policies  policiesCommand    `cmd:"" help:"List the response policies that the hub runs, or check a folder of them."`
	Operators operatorsCommands  `cmd:"" help:"List, add and remove the people whose signatures count."`
	Key       eatKeyCommand      `cmd:"" help:"Make a key to sign approvals with."`
}

type eatListCommand struct {
	State string `help:"Only those in a state, as in waiting." placeholder:"STATE"`
	Host  string `help:"Only those of a host, by id." placeholder:"ID"`
	Limit int    `default:"${rows}" help:"How many, the newest first; 0 means all."`

	Scheduled bool `help:"Also what the hub asked by itself, on a schedule: attestations."`
	hubFlags
}

// Help is shown below the one line of help.
func (*eatListCommand) Help() string {
	return `WHY says what a response waits for, or why it ended as it did.

    $ picket eat list --state waiting
    MADE      STATE    ACTION           HOST  BY              WHY                                          ID
    15:04:06  WAITING  isolate_network  web1  canary-touched  the policy asks for the signatures of 1 ...  01K3...`
}

// Run lists responses.
func (c *eatListCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	n, err := p.Responses(hub.Responses(ctx, api.ResponseQuery{State: c.State, HostID: c.Host, Scheduled: c.Scheduled, Limit: c.Limit}))
	if err == nil && n == 0 && !c.JSON {
		p.Note("no responses; picket eat policies shows what would lead to one")
	}
	return err
}

type eatShowCommand struct {
	ID       string `arg:"" help:"The response, as in picket eat list."`
	Envelope bool   `help:"Print the token's envelope alone, as it is delivered, for picket eat verify."`
	hubFlags
}

// Help is shown below the one line of help.
func (*eatShowCommand) Help() string {
	return `What the token says is read from its signed bytes, not from what the hub says
beside them.

    $ picket eat show 01K3Z9V6W4Q2N8T1XEJ5B7RMCD
    $ picket eat show 01K3Z9V6W4Q2N8T1XEJ5B7RMCD --envelope > token.json`
}

// Run shows a response.
func (c *eatShowCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	r, err := hub.Response(ctx, c.ID)
	if err != nil {
		return err
	}
	if c.Envelope {
		switch {
		case r.Token == nil:
			return usageError{fmt.Errorf("the response is %s and has no token", r.State)}
		case len(r.Token.Envelope) == 0:
			return usageError{errors.New("the hub has pruned the token's signed form; its document is in the log: picket audit export")}
		}
		_, err := fmt.Fprintf(e.options.Out, "%s\n", r.Token.Envelope)
		return err
	}
	words, err := wordsOf(ctx, hub, &r)
	if err != nil {
		return err
	}
	return p.ShowResponse(&r, words)
}

// wordsOf reads a response's token by the keys of the hub's own trust store:
// this shows what the hub has, and proves nothing of the hub.
func wordsOf(ctx context.Context, hub *client.Client, r *api.Response) ([]string, error) {
	if r.Token == nil || len(r.Token.Envelope) == 0 {
		return nil, nil
	}
	trust, err := trustOf(ctx, hub, "")
	if err != nil {
		return nil, err
	}
	opened, _, err := openToken(r.Token.Envelope, trust)
	if err != nil {
		return nil, fmt.Errorf("reading the token of response %s: %w", r.ID, err)
	}
	return eat.Words(opened.Token), nil
}

type eatRejectCommand struct {
	ID     string `arg:"" help:"The response, as in picket eat list."`
	Reason string `required:"" help:"Why, in one line. It goes into the hub's log." placeholder:"TEXT"`
	hubFlags
}

// Help is shown below the one line of help.
func (*eatRejectCommand) Help() string {
	return `    $ picket eat reject 01K3Z9V6W4Q2N8T1XEJ5B7RMCD --reason "that is the backup"`
}

// Run rejects a response.
func (c *eatRejectCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	r, err := hub.Reject(ctx, c.ID, api.DecisionRequest{Reason: c.Reason})
	return told(p, c.JSON, &r, err)
}

// told prints what has become of a response.
func told(p *terminal.Printer, json bool, r *api.Response, err error) error {
	if err != nil {
		return err
	}
	if json {
		return p.Document(r)
	}
	why := ""
	if r.Why != "" {
		why = " (" + r.Why + ")"
	}
	p.Note("%s on %s is %s%s: %s", r.Action, hostOf(r), r.State, why, r.ID)
	return nil
}

func hostOf(r *api.Response) string {
	if r.Host.Name != "" {
		return r.Host.Name
	}
	return r.Host.ID
}

type eatPauseCommand struct {
	Reason string `required:"" help:"Why, in one line, for whoever finds it paused." placeholder:"TEXT"`
	hubFlags
}

// Help is shown below the one line of help.
func (*eatPauseCommand) Help() string {
	return `From then on what a policy would do by itself waits for a person, on every host,
and what was decided and not fetched yet is held back. What a person asks for or
approves goes on. It outlives a restart of the hub.

    $ picket eat pause --reason "rule web.recon fires on the new scanner"
    $ picket eat resume`
}

// Run pauses.
func (c *eatPauseCommand) Run(ctx context.Context, e *env) error {
	return setPause(ctx, e, &c.hubFlags, api.Pause{Paused: true, Reason: c.Reason})
}

type eatResumeCommand struct{ hubFlags }

// Help is shown below the one line of help.
func (*eatResumeCommand) Help() string {
	return `What waits meanwhile goes on waiting: a person decided to stop it, and a person
decides about it.

    $ picket eat resume`
}

// Run resumes.
func (c *eatResumeCommand) Run(ctx context.Context, e *env) error {
	return setPause(ctx, e, &c.hubFlags, api.Pause{})
}

func setPause(ctx context.Context, e *env, flags *hubFlags, want api.Pause) error {
	hub, p, err := flags.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	now, err := hub.SetPause(ctx, want)
	if err != nil {
		return err
	}
	if flags.JSON {
		return p.Document(now)
	}
	if now.Paused {
		p.Note("policies do nothing by themselves now; picket eat resume lifts it")
	} else {
		p.Note("policies act by themselves again, within their limits")
	}
	return nil
}

var errNoToken = errors.New("the hub made no token")
