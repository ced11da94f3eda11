package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"picket.internal/display"
	"picket.internal/hub"
)

type keysCmd struct {
	List   keysListCmd   `cmd:"" help:"Which keys there are, and which of them count."`
	Add    keysAddCmd    `cmd:"" help:"Make the next key, for hosts to learn."`
	Use    keysUseCmd    `cmd:"" help:"Put the next key to use."`
	Retire keysRetireCmd `cmd:"" help:"Have hosts believe a key no longer that another took the place of."`
}

// Help is what keys --help says beyond its flags.
func (c *keysCmd) Help() string {
	return `The keys of a hub are changed in three steps, so that no host is left behind:

  $ picket-hub keys add token --dir DIR      the hub publishes it; hosts learn it
  $ picket-hub keys use token --dir DIR      the hub signs with it
  $ picket-hub keys retire token --dir DIR   the old one is forgotten

The hub may run meanwhile. It takes each step at its next start, and its log
then has a record of it. Root acts as the user that the folder belongs to.
docs/keys.md says what to do between the steps, and after a theft.`
}

type keysDir struct {
	Dir  string `required:"" type:"existingdir" placeholder:"DIR" help:"Folder of the hub."`
	JSON bool   `name:"json" help:"Print one JSON document."`
}

type keysListCmd struct{ keysDir }

// order is that of reading.
var (
	roles  = []string{"token", "log", "evidence", "tls", "online"}
	states = []string{"in_use", "next", "old", "retired", "revoked"}
)

// Run lists the keys.
func (c *keysListCmd) Run(e *env) error {
	r, err := hub.Keys(c.Dir)
	if err != nil {
		return err
	}
	slices.SortStableFunc(r.Keys, func(a, b hub.Key) int {
		return cmp.Or(slices.Index(roles, a.Role)-slices.Index(roles, b.Role), slices.Index(states, a.State)-slices.Index(states, b.State), a.Since.Compare(b.Since))
	})
	if c.JSON {
		return json.NewEncoder(e.out).Encode(map[string]any{"keys": r.Keys, "strays": append([]string{}, r.Strays...)})
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ROLE\tSTATE\tSINCE\tNOT AFTER\tID")
	for _, k := range r.Keys {
		until := "-"
		if !k.NotAfter.IsZero() {
			until = k.NotAfter.Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.Role, k.State, k.Since.Format(time.DateOnly), until, k.ID)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, path := range r.Strays {
		fmt.Fprintf(e.err, "picket-hub: %s is none of the hub's keys: a change was cut off; remove it\n", display.Line(path))
	}
	return nil
}

type keysAddCmd struct {
	Role string        `arg:"" enum:"token,log,evidence" help:"What the key is for: token, log or evidence."`
	Life time.Duration `default:"17520h" help:"How long hosts believe a key for tokens (default 17520h, two years)."`
	keysDir
}

// Run makes a key.
func (c *keysAddCmd) Run(e *env) error {
	if err := asOwner(c.Dir); err != nil {
		return err
	}
	if c.Life < 24*time.Hour {
		return fmt.Errorf("--life %s: want a day or more; hosts have to learn the key first", c.Life)
	}
	k, err := hub.AddKey(c.Dir, c.Role, c.Life)
	return changed(e, c.keysDir, k, err, "is the next one for "+c.Role+"; start the hub again, and let hosts learn its trust store")
}

type keysUseCmd struct {
	Role  string `arg:"" enum:"token,log,evidence,tls" help:"What the key is for: token, log, evidence or tls."`
	Force bool   `help:"Also where hosts are not known to believe the key: those that do not are locked out."`
	keysDir
}

// Help is what keys use --help says beyond its flags.
func (c *keysUseCmd) Help() string {
	return `A key for tokens is put to use once every host that takes orders has attested
the trust store that the hub publishes, as picket eat operators trust prints it.
Of TLS, the next key is there from the start, and hosts know it since they
enrolled. One that enrolled before the next key was made does not know it.`
}

// Run puts a key to use.
func (c *keysUseCmd) Run(ctx context.Context, e *env) error {
	if err := asOwner(c.Dir); err != nil {
		return err
	}
	k, err := hub.UseKey(ctx, c.Dir, c.Role, c.Force)
	return changed(e, c.keysDir, k, err, "is in use for "+c.Role+" once the hub starts again")
}

type keysRetireCmd struct {
	Role   string `arg:"" enum:"token,log,evidence" help:"What the key is for: token, log or evidence."`
	ID     string `arg:"" optional:"" help:"The key, as in picket-hub keys list; needed where there are several old ones."`
	Stolen bool   `aliases:"revoked" help:"Have hosts told never to believe it again: its id is in revoked of the trust store."`
	Force  bool   `help:"Also where hosts are not known to believe the key in use, or evidence is sealed to this one."`
	keysDir
}

// Run retires a key.
func (c *keysRetireCmd) Run(ctx context.Context, e *env) error {
	if err := asOwner(c.Dir); err != nil {
		return err
	}
	k, err := hub.RetireKey(ctx, c.Dir, c.Role, c.ID, c.Stolen, c.Force)
	return changed(e, c.keysDir, k, err, "is "+cmp.Or(k.State, "retired")+"; start the hub again, and let hosts learn its trust store")
}

// changed says what was done.
func changed(e *env, c keysDir, k hub.Key, err error, words string) error {
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(e.out).Encode(k)
	}
	_, err = fmt.Fprintf(e.out, "%s %s\n", k.ID, words)
	return err
}
