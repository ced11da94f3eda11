package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"picket.internal/hub"
	"picket.internal/internal/version"
)

type serveCmd struct {
	Dir         string        `required:"" type:"existingdir" placeholder:"DIR" help:"Folder that init made."`
	Listen      string        `placeholder:"ADDR" help:"Address for sensors and clients, host:port (default: what init was given)."`
	UI          string        `name:"ui" placeholder:"ADDR" help:"Address of the web page, host:port, or ${noui} (default: what init was given)."`
	Advertise   string        `placeholder:"ADDR" help:"Address that enrollment tokens name, host:port (default: the one listened on)."`
	Rules       string        `type:"existingdir" placeholder:"DIR" help:"Folder of rules, reloaded when it changes (default: the rules that Picket ships)."`
	Policies    string        `type:"existingdir" placeholder:"DIR" help:"Folder of response policies, read again when it changes (default: the policies that Picket ships, which only record)."`
	HostActions int           `default:"30" placeholder:"N" help:"How often policies act by themselves on one host within an hour, all together (default 30)."`
	Heartbeat   time.Duration `default:"15s" help:"How often a healthy sensor is heard (default 15s)."`
	SilentAfter time.Duration `placeholder:"TIME" help:"How long nothing may be heard of a host (default: two heartbeats)."`
	LearnFor    time.Duration `default:"24h" help:"How long after its enrollment a host's first times mean nothing (default 24h)."`
	Attest      time.Duration `default:"1h" help:"How often each host's wrapper, which is root's, is asked to hash the sensor; 0 means only when a person asks (default 1h)."`
	AttestKeep  time.Duration `default:"720h" help:"How long the signed forms of such attestations are kept where they agree; 0 means for ever (default 720h)."`
	JSON        bool          `name:"json" help:"Print the ready line as JSON."`
	Verbose     bool          `short:"v" help:"Log more."`
}

// Help is what serve --help says beyond its flags.
func (c *serveCmd) Help() string {
	return `Serves until SIGINT or SIGTERM, and then ends in order; a second signal ends it
at once. It may be killed at any time: what was acknowledged is on the disk, and
sensors send the rest again.

The first line on standard output says where the hub is, once it takes
connections. With --json:

  {"event":"ready","hub":"https://HOST:PORT","ui":"http://HOST:PORT/?key=..."}

The web page's address holds its key, which changes with every start. A service
manager is told too (sd_notify), where NOTIFY_SOCKET says how.

On the address for sensors and clients there are also /healthz (the process
lives), /readyz (the store answers) and /metrics (for Prometheus; give it the
access token as a bearer token).

A folder of rules with a mistake in it does not stop the hub: the last good
rules go on, at the start those that Picket ships, and the status says so. A
folder of policies with a mistake in it does stop the start: a limit that was
mistyped must not be no limit. While the hub runs the last good policies go on.`
}

// Run serves.
func (c *serveCmd) Run(ctx context.Context, e *env) error {
	if err := asOwner(c.Dir); err != nil {
		return err
	}
	level := slog.LevelInfo
	if c.Verbose {
		level = slog.LevelDebug
	}
	if c.LearnFor == 0 {
		c.LearnFor = -1 // told so: at once, not the default
	}
	if c.Attest == 0 {
		c.Attest = -1
	}
	if c.AttestKeep == 0 {
		c.AttestKeep = -1
	}
	if c.HostActions < 1 {
		return fmt.Errorf("--host-actions %d: want 1 or more; picket eat pause stops policies on all hosts", c.HostActions)
	}
	log := slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: level}))
	h, err := hub.New(ctx, hub.Config{
		Dir: c.Dir, Listen: c.Listen, UIListen: c.UI, Advertise: c.Advertise, Rules: c.Rules, Policies: c.Policies, HostActions: c.HostActions,
		Heartbeat: c.Heartbeat, SilentAfter: c.SilentAfter, LearnFor: c.LearnFor, AttestEvery: c.Attest, AttestKeep: c.AttestKeep, Version: version.String(), Logger: log,
	})
	if err != nil {
		return err
	}
	if err := c.ready(e, h); err != nil {
		return err
	}
	tell := func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.Warn("telling the service manager", "state", state, "error", err)
		}
	}
	tell(daemon.SdNotifyReady)
	context.AfterFunc(ctx, func() { tell(daemon.SdNotifyStopping) })
	return h.Run(ctx)
}

// ready tells where the hub is. The addresses are bound by now, so whoever
// reads the line can connect.
func (c *serveCmd) ready(e *env, h *hub.Hub) error {
	address := "https://" + h.Address()
	if c.JSON {
		line := map[string]string{"event": "ready", "hub": address}
		if h.UIURL() != "" {
			line["ui"] = h.UIURL()
		}
		return json.NewEncoder(e.out).Encode(line)
	}
	_, err := fmt.Fprintf(e.out, "hub %s takes sensors and clients at %s\n", h.ID(), address)
	if err == nil && h.UIURL() != "" {
		_, err = fmt.Fprintf(e.out, "web page: %s\n", h.UIURL())
	}
	return err
}
