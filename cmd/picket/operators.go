package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"picket.internal/api"
	"picket.internal/policies"
)

type operatorsCommands struct {
	List   operatorsListCommand  `cmd:"" help:"List the people whose signatures count."`
	Add    operatorAddCommand    `cmd:"" help:"Tell the hub a person's public key."`
	Remove operatorRemoveCommand `cmd:"" help:"Make the hub forget a person."`
	Trust  operatorsTrustCommand `cmd:"" help:"Print the trust store that the hub asks hosts to keep."`
}

type operatorsListCommand struct{ hubFlags }

// Run lists operators.
func (c *operatorsListCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	n, err := p.Operators(hub.Operators(ctx))
	if err == nil && n == 0 && !c.JSON {
		p.Note("no operators yet; picket eat key makes a key, picket eat operators add tells the hub")
	}
	return err
}

type operatorAddCommand struct {
	Name string `arg:"" help:"What host policies call the person, as in alice."`
	Key  string `arg:"" help:"The public key, as picket eat key prints it."`
	hubFlags
}

// Help is shown below the one line of help.
func (*operatorAddCommand) Help() string {
	return `The hub then takes this person's signatures. Hosts take them once the key is in
their own trust store, /etc/picket/trust/trust.json, which only root there can
write: picket eat operators trust prints what belongs into it.

    $ picket eat operators add alice 0yPmeY2aEyp8ZMi7dHIi8gPXdYYX7DpPHoDFZ3Gdf1Q=`
}

// Run adds an operator.
func (c *operatorAddCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	o := api.Operator{Name: c.Name, Key: c.Key}
	if err := hub.AddOperator(ctx, o); err != nil {
		return err
	}
	if c.JSON {
		return p.Document(o)
	}
	p.Note("the hub takes signatures of %s now; hosts do once their trust store names the key", c.Name)
	return nil
}

type operatorRemoveCommand struct {
	Name string `arg:"" help:"The person's name."`
	hubFlags
}

// Run removes an operator.
func (c *operatorRemoveCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	if err := hub.RemoveOperator(ctx, c.Name); err != nil {
		return err
	}
	if c.JSON {
		return p.Document(api.Operator{Name: c.Name})
	}
	p.Note("the hub has forgotten %s; take the key out of the hosts' trust stores, or revoke it there", c.Name)
	return nil
}

type operatorsTrustCommand struct{ hubFlags }

// Run prints the trust store.
func (c *operatorsTrustCommand) Run(ctx context.Context, e *env) error {
	hub, _, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	data, err := hub.Trust(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.options.Out, "%s\n", strings.TrimSpace(string(data)))
	return err
}

type policiesCommand struct {
	Check string `type:"existingdir" placeholder:"DIR" help:"Check a folder of policies instead of asking the hub."`
	hubFlags
}

// Help is shown below the one line of help.
func (*policiesCommand) Help() string {
	return `An action's mode stands behind it. The shipped policies say dry_run: they record
what they would have done. docs/respond.md says how to go on from there.

    $ picket eat policies
    POLICY          MODE     ACTIONS                                       RESPONSES  TITLE
    canary-touched  dry_run  suspend_process (dry_run), collect_evid...            2  Stop what ...
    $ picket eat policies --check /etc/picket/policies`
}

// Run lists policies, or checks a folder.
func (c *policiesCommand) Run(ctx context.Context, e *env) error {
	if c.Check != "" {
		return c.check(e)
	}
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	n, err := p.Policies(hub.Policies(ctx))
	if err == nil && n == 0 && !c.JSON {
		p.Note("no policies: alerts lead to nothing")
	}
	return err
}

func (c *policiesCommand) check(e *env) error {
	p := e.printer(c.JSON)
	list, err := policies.Load(os.DirFS(c.Check))
	if err != nil {
		if c.JSON {
			if err := p.Document(map[string]any{"ok": false, "error": err.Error()}); err != nil {
				return err
			}
		} else {
			p.Note("%v", err)
		}
		return errNo
	}
	var all []api.Policy
	for _, one := range list {
		r := api.Policy{Name: one.Name, Title: one.Title, Mode: one.Mode, File: one.File, Source: c.Check, Actions: []string{}}
		for _, a := range one.Actions {
			r.Actions = append(r.Actions, a.Name+" ("+a.Mode+")")
		}
		all = append(all, r)
	}
	_, err = p.Policies(func(yield func(api.Policy, error) bool) {
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	})
	return err
}
