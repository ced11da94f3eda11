package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"picket.internal/client"
	"picket.internal/internal/version"
	"picket.internal/terminal"
	"picket.internal/wire"
)

const description = `Host security without eBPF.

    $ picket up                        run Picket on this machine and follow its alerts
    $ picket alerts list --since 1h    in another terminal: what came in the last hour
    $ picket alerts show ID            all there is to know about one
    $ picket demo                      see it work, in half a minute

Exit codes: 0 done, 1 the answer is no, 2 wrong use or broken input.`

// cli is the whole grammar.
type cli struct {
	Up      upCommand      `cmd:"" help:"Run hub, sensor and three canaries on this machine, and follow the alerts."`
	Demo    demoCommand    `cmd:"" help:"Play an intrusion against a Picket of its own, and say which alerts came."`
	Alerts  alertsCommands `cmd:"" help:"List, show and follow alerts."`
	Hosts   hostsCommands  `cmd:"" help:"List hosts, shut them out, let them in."`
	Facts   factsCommands  `cmd:"" help:"Query and follow what hosts have observed."`
	Enroll  enrollCommands `cmd:"" help:"Let new hosts in."`
	Access  accessCommands `cmd:"" help:"Let people's programs in, or shut them out."`
	Eat     eatCommands    `cmd:"" help:"Emergency actions: ask for them, approve them, see what became of them."`
	Audit   auditCommands  `cmd:"" help:"Verify and export the hub's append-only log."`
	Verify  verifyCommand  `cmd:"" help:"Check what an exported alert claims, without a hub and with public keys alone."`
	Rules   rulesCommands  `cmd:"" help:"Check and test detection rules."`
	Canary  canaryCommands `cmd:"" help:"Plant files that nobody has a reason to touch, and take them away."`
	Version versionCommand `cmd:"" help:"Print the version."`

	DemoStep demoStepCommand `cmd:"" hidden:""`
}

// env is what commands work with besides their own flags.
type env struct {
	options terminal.Options
	getenv  func(string) string
}

// printer prints rows or documents.
func (e *env) printer(json bool) *terminal.Printer {
	e.options.JSON = json
	return terminal.New(e.options)
}

// hubFlags say which hub is asked, with which token, and how to answer.
type hubFlags struct {
	Dir       string `placeholder:"DIR" help:"Folder that picket up uses; the profile in it says where the hub is. PICKET_DIR says the same."`
	Hub       string `placeholder:"URL" help:"Hub to ask, as in https://hub.example:7443, instead of the address in the profile or token."`
	TokenFile string `placeholder:"FILE" help:"File with an access token, instead of the profile's. PICKET_TOKEN holds a token itself."`
	JSON      bool   `name:"json" help:"Print one JSON document a line."`
}

// connect prepares the client that flags and environment describe. What is on
// the command line goes before what is in the environment.
func (f *hubFlags) connect(e *env) (*client.Client, *terminal.Printer, error) {
	p := e.printer(f.JSON)
	o := client.Options{Profile: f.Dir, HubURL: f.Hub, Reconnecting: func(cause error, after time.Duration) {
		p.Note("%v; trying again in %v", cause, after.Round(10*time.Millisecond))
	}}
	var err error
	switch inherited := e.getenv("PICKET_TOKEN"); {
	case f.TokenFile != "" && f.Dir != "":
		return nil, nil, usageError{errors.New("--dir and --token-file both say which token to use; give one of them")}
	case f.TokenFile != "":
		o.Token, err = loadToken(f.TokenFile)
	case f.Dir == "" && inherited != "":
		if o.Token, err = wire.ParseAccessToken(inherited); err != nil {
			err = fmt.Errorf("reading PICKET_TOKEN: %w", err)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	c, err := client.New(o)
	return c, p, err
}

// maxTokenFile is far beyond what a token takes.
const maxTokenFile = 16 << 10

func loadToken(path string) (*wire.AccessToken, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading access token: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading access token: %w", err)
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("reading access token: others may read %q; run chmod 600 on it", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxTokenFile))
	if err != nil {
		return nil, fmt.Errorf("reading access token: %w", err)
	}
	token, err := wire.ParseAccessToken(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("reading access token from %q: %w", path, err)
	}
	return token, nil
}

type versionCommand struct {
	JSON bool `name:"json" help:"Print a JSON document."`
}

// Run prints the version.
func (c *versionCommand) Run(e *env) error {
	if c.JSON {
		return e.printer(true).Document(map[string]string{"version": version.String()})
	}
	_, err := fmt.Fprintln(e.options.Out, "picket", version.String())
	return err
}
