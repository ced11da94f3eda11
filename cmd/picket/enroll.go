package main

import (
	"context"
	"fmt"
	"time"

	"picket.internal/api"
	"picket.internal/wire"
)

type enrollCommands struct {
	Token tokenCommand `cmd:"" help:"Make a token that lets a host in."`
}

type tokenCommand struct {
	hubFlags
	TTL  time.Duration `name:"ttl" default:"1h" help:"How long it is good for."`
	Uses int           `default:"1" help:"How many hosts it lets in."`
	Name string        `placeholder:"NOTE" help:"A note for whoever looks at the list of tokens."`
}

// Help is shown below the one line of help.
func (*tokenCommand) Help() string {
	return `The token is shown this once, on standard output; what to do with it goes to standard error.

    $ picket enroll token --ttl 10m > token
    picket: good for 1 host until 15:14:05; whoever has it can enroll
    picket: on each of them, with the token in a file: picket-sensor enroll --state DIR --token-file FILE
    $ picket enroll token | ssh web1 picket-sensor enroll --state /var/lib/picket`
}

// Run asks the hub for a token and prints it.
func (c *tokenCommand) Run(ctx context.Context, e *env) error {
	if c.TTL < time.Second {
		return usageError{fmt.Errorf("--ttl %v is shorter than a second", c.TTL)}
	}
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	reply, err := hub.CreateEnrollToken(ctx, api.EnrollTokenRequest{TTLSeconds: int64(c.TTL / time.Second), Uses: c.Uses, Name: c.Name})
	if err != nil {
		return err
	}
	if c.JSON {
		return p.Document(reply)
	}
	if _, err := fmt.Fprintln(e.options.Out, reply.Token); err != nil {
		return err
	}
	p.Note("good for %s until %s; whoever has it can enroll", count(c.Uses, "host"), reply.Expires.Local().Format("15:04:05"))
	p.Note("on each of them, with the token in a file: picket-sensor enroll --state DIR --token-file FILE")
	if token, err := wire.ParseToken(reply.Token); err == nil {
		p.Note("they must reach the hub at %s", token.Address)
	}
	return nil
}
