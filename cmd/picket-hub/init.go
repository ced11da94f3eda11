package main

import (
	"context"
	"encoding/json"
	"fmt"

	"picket.internal/hub"
)

type initCmd struct {
	Dir    string `required:"" type:"path" placeholder:"DIR" help:"Folder to make. It may exist, but hold no hub; nothing is ever overwritten."`
	Listen string `default:"${listen}" placeholder:"ADDR" help:"Address for sensors and clients, host:port (default ${listen}). Sensors on other machines need one that they reach. Port 0 is any."`
	UI     string `name:"ui" default:"${ui}" placeholder:"ADDR" help:"Address of the web page, host:port, or ${noui} (default ${ui}). It speaks plain HTTP and belongs on this machine."`
	JSON   bool   `name:"json" help:"Print one JSON document."`
}

// Help is what init --help says beyond its flags.
func (c *initCmd) Help() string {
	return `Makes the hub's identity, two TLS keys (the one in use and the one that follows
it; sensors and clients pin both), the key that signs acknowledgements, the key
that signs Emergency Action Tokens, the key of the append-only log, an empty
database, and DIR/profile.json with the first access token. All files are for
their owner only.

Whoever has profile.json may do everything at the hub. To use picket on another
machine, carry it there over a safe way and set PICKET_DIR to its folder.`
}

// Run makes the folder.
func (c *initCmd) Run(ctx context.Context, e *env) error {
	made, err := hub.Init(ctx, hub.InitConfig{Dir: c.Dir, Listen: c.Listen, UIListen: c.UI})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(e.out).Encode(map[string]any{"event": "initialised", "hub": made.Hub, "dir": c.Dir, "profile": made.Profile, "pins": made.Pins})
	}
	_, err = fmt.Fprintf(e.out, `hub %s is made in %s
an access token for picket is in %s

  picket-hub serve --dir %s
`, made.Hub, c.Dir, made.Profile, c.Dir)
	return err
}
