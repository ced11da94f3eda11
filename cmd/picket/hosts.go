package main

import (
	"context"
	"errors"

	"picket.internal/api"
	"picket.internal/client"
	"picket.internal/terminal"
)

type hostsCommands struct {
	List    hostsListCommand   `cmd:"" help:"List hosts."`
	Show    hostShowCommand    `cmd:"" help:"Show a host and what is installed and configured on it."`
	Disable hostDisableCommand `cmd:"" help:"Shut a host out: nothing of it is accepted any more."`
	Enable  hostEnableCommand  `cmd:"" help:"Let a disabled host back in, or forgive a suspect one."`
	Approve hostApproveCommand `cmd:"" help:"Let in a host that waits for it."`
	Attest  hostAttestCommand  `cmd:"" help:"Have a host's wrapper, which is root's, hash the sensor now."`

	WrapperKey hostWrapperKeyCommand `cmd:"" help:"Tell the hub the key of a host's wrapper, which signs receipts."`
	Label      hostLabelCommand      `cmd:"" help:"Give a host labels, as in role=db, in the place of those it has."`
}

type hostsListCommand struct{ hubFlags }

// Help is shown below the one line of help.
func (*hostsListCommand) Help() string {
	return `LOST is how many facts the host had to drop before they were sent.

    $ picket hosts list
    HOST  STATE   LAST SEEN  SENSOR  FACTS  ALERTS  LOST  ID
    web1  up      3 s ago    v0.1    18204       2     0  h_gkq7xv6bq2v4d7ukm3h5zq3x2e
    web2  SILENT  14 min ago v0.1     9118       1     0  h_5n2m4c7ydqk6xv6jtw3e5gq2ba`
}

// Run lists hosts.
func (c *hostsListCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	n, err := p.Hosts(hub.Hosts(ctx))
	if err == nil && n == 0 && !c.JSON {
		p.Note("no hosts yet; picket enroll token makes a token that lets one in")
	}
	return err
}

type hostShowCommand struct {
	ID   string `arg:"" help:"The host, by its name or its id."`
	Kind string `help:"List one inventory, as in package." placeholder:"KIND"`
	hubFlags
}

// Help is shown below the one line of help.
func (*hostShowCommand) Help() string {
	return `Attested says whether the host's wrapper, which is root's, last found the sensor
that it says it is, and what else it found: see picket hosts attest. Log seen is how
much of the hub's log the wrapper has signed to have seen, and whether that is the
beginning of the hub's: see picket audit verify.

AGREED is when the hub last held just what the host says there is; where the
two differ, the hub asks for the difference.

    $ picket hosts show web1
    Attested  the wrapper finds what the sensor says
              Wed 6 May 2026 15:04:05.000 UTC

    Log seen  1234 records, as ours

    INVENTORY  ENTITIES  STATE    AGREED   CHANGED
    package        2311  in step  4 s ago  2 h ago
    service         187  in step  4 s ago  3 d ago

    $ picket hosts show web1 --kind package`
}

// Run shows a host.
func (c *hostShowCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	id, err := hostNamed(ctx, hub, c.ID)
	if err != nil {
		return err
	}
	var n int
	if c.Kind != "" {
		n, err = p.Entities(hub.Inventory(ctx, id, c.Kind))
	} else {
		if !c.JSON {
			if err := wrapperOf(ctx, hub, p, id); err != nil {
				return err
			}
		}
		n, err = p.Inventories(hub.Inventories(ctx, id))
	}
	if err == nil && n == 0 && !c.JSON {
		p.Note("nothing of it has been told yet")
	}
	return err
}

// wrapperOf shows what the wrapper of a host last said of its sensor, and which
// log of the hub it has seen.
func wrapperOf(ctx context.Context, hub *client.Client, p *terminal.Printer, id string) error {
	for h, err := range hub.Hosts(ctx) {
		if err != nil {
			return err
		}
		if h.ID == id {
			return errors.Join(p.Attestation(h.Attestation), p.LogSeen(h.Log))
		}
	}
	return nil // one that the hub does not know has no inventories either
}

type hostAttestCommand struct{ hostCommand }

// Help is shown below the one line of help.
func (*hostAttestCommand) Help() string {
	return `The wrapper hashes the sensor as it lies on the disk and as it runs, its units, the
sudoers file, the trust store and the policy, and signs the result with a key that
only root can read. The hub compares that with what the sensor says of itself and
with the time before. It asks by itself too, every hour unless it was told
otherwise (picket-hub serve --attest). The answer is judged once the sensor has
had a minute to say its own hash; picket hosts show has the verdict.

    $ picket hosts attest web1`
}

// Run asks for an attestation.
func (c *hostAttestCommand) Run(ctx context.Context, e *env) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	id, err := hostNamed(ctx, hub, c.ID)
	if err != nil {
		return err
	}
	r, err := hub.AttestHost(ctx, id)
	return told(p, c.JSON, &r, err)
}

// hostCommand changes what a host is to the hub.
type hostCommand struct {
	ID string `arg:"" help:"The host, by its name or its id."`
	hubFlags
}

func (c *hostCommand) change(ctx context.Context, e *env, change func(*client.Client, context.Context, string) (api.HostState, error)) error {
	hub, p, err := c.connect(e)
	if err != nil {
		return err
	}
	defer hub.Close()
	id, err := hostNamed(ctx, hub, c.ID)
	if err != nil {
		return err
	}
	state, err := change(hub, ctx, id)
	if err != nil {
		return err
	}
	if c.JSON {
		return p.Document(state)
	}
	p.Note("%s is %s now", state.ID, state.State)
	return nil
}

type hostDisableCommand struct{ hostCommand }

// Help is shown below the one line of help.
func (*hostDisableCommand) Help() string {
	return `Its sensor keeps trying, slowly, and is heard again once the host is enabled.

    $ picket hosts disable web1`
}

// Run disables a host.
func (c *hostDisableCommand) Run(ctx context.Context, e *env) error {
	return c.change(ctx, e, (*client.Client).DisableHost)
}

type hostEnableCommand struct{ hostCommand }

// Help is shown below the one line of help.
func (*hostEnableCommand) Help() string {
	return `Exits 1 where the host is neither disabled nor suspect.

    $ picket hosts enable h_gkq7xv6bq2v4d7ukm3h5zq3x2e`
}

// Run enables a host.
func (c *hostEnableCommand) Run(ctx context.Context, e *env) error {
	return c.change(ctx, e, (*client.Client).EnableHost)
}

type hostApproveCommand struct{ hostCommand }

// Help is shown below the one line of help.
func (*hostApproveCommand) Help() string {
	return `A host waits where its machine is enrolled already, as after it was installed anew.

    $ picket hosts approve h_gkq7xv6bq2v4d7ukm3h5zq3x2e`
}

// Run approves a host.
func (c *hostApproveCommand) Run(ctx context.Context, e *env) error {
	return c.change(ctx, e, (*client.Client).ApproveHost)
}
