package main

import (
	"context"
	"fmt"

	"picket.internal/api"
)

type accessCommands struct {
	List   accessListCommand   `cmd:"" help:"List the access tokens, which let people's programs in."`
	New    accessNewCommand    `cmd:"" help:"Make an access token."`
	Revoke accessRevokeCommand `cmd:"" help:"Shut out whoever has an access token."`
}

type accessListCommand struct{ hubFlags }

// Run lists access tokens.
func (c *accessListCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	for t, err := range hub.AccessTokens(ctx) {
		if err != nil {
			return err
		}
		if c.JSON {
			err = p.Document(t)
		} else {
			state := "good"
			if t.Revoked {
				state = "REVOKED"
			}
			err = p.Lines(fmt.Sprintf("%s  %-7s  %s  %s", t.ID, state, t.Created.Local().Format("2006-01-02 15:04"), t.Name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type accessNewCommand struct {
	Name string `placeholder:"NOTE" help:"A note for whoever looks at the list of tokens, as in the name of its owner."`
	hubFlags
}

// Help is shown below the one line of help.
func (*accessNewCommand) Help() string {
	return `The token is shown this once, on standard output. What is done with it goes into the
hub's log under its id, so give each person one of their own.

    $ picket access new --name bob > bob.token`
}

// Run makes an access token.
func (c *accessNewCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	made, err := hub.CreateAccessToken(ctx, api.AccessTokenRequest{Name: c.Name})
	if err != nil {
		return err
	}
	if c.JSON {
		return p.Document(made)
	}
	if _, err := fmt.Fprintln(e.options.Out, made.Token); err != nil {
		return err
	}
	p.Note("the token %s is shown this once; picket access revoke %s takes it back", made.ID, made.ID)
	return nil
}

type accessRevokeCommand struct {
	ID string `arg:"" help:"The token, as in picket access list."`
	hubFlags
}

// Help is shown below the one line of help.
func (*accessRevokeCommand) Help() string {
	return `From the next request on the token lets nobody in; a stream that is open goes on
until it ends. The last token that is good is not revoked.

    $ picket access revoke t_uag3witmuqki5keub7kw3jk7oe`
}

// Run revokes an access token.
func (c *accessRevokeCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	if err := hub.RevokeAccessToken(ctx, c.ID); err != nil {
		return err
	}
	if c.JSON {
		return p.Document(api.AccessToken{ID: c.ID, Revoked: true})
	}
	p.Note("the token %s lets nobody in any more", c.ID)
	return nil
}
