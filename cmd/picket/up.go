package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"picket.internal/client"
	"picket.internal/local"
)

type upCommand struct {
	Dir    string `placeholder:"DIR" help:"Folder to live in; else PICKET_DIR, $$XDG_STATE_HOME/picket or ~/.local/state/picket."`
	Listen string `placeholder:"ADDR" help:"Where the hub takes sensors and commands; else 127.0.0.1:7443, or a free port where that is taken."`
	Rules  string `placeholder:"DIR" help:"Folder of rules; the shipped ones if left out."`
	JSON   bool   `name:"json" help:"Print one JSON document a line: ready, then alerts."`
}

// Help is shown below the one line of help.
func (*upCommand) Help() string {
	return `Needs no root. Everything lies in one folder and is used again the next time; other commands find the hub there. Ctrl-C stops all of it.

    $ picket up
    Watching   web1 as alice: 3 canaries, 143 processes, the sensor's own file, load, 24 rules
    Limits     executables of other users cannot be hashed
    Browser    http://127.0.0.1:7444/?key=…
    Try        cat ~/.local/state/picket/canaries/aws/credentials      (Ctrl-C stops everything)

A sensor that dies is started again after a minute, so that its silence becomes an alert first; a hub that dies is started again at once.`
}

// Run runs Picket until it is told to stop.
func (c *upCommand) Run(ctx context.Context, e *env) error {
	if c.Listen != "" {
		if _, _, err := net.SplitHostPort(c.Listen); err != nil {
			return usageError{fmt.Errorf("malformed --listen %q: write it as HOST:PORT", c.Listen)}
		}
	}
	dir := c.Dir
	if dir == "" {
		dir = client.DefaultDir()
	}
	e.options.JSON = c.JSON
	return showDied(e, local.Up(ctx, local.Config{Dir: local.Dir(dir), Listen: c.Listen, Rules: c.Rules, Show: e.options}))
}

type demoCommand struct {
	Rules string `placeholder:"DIR" help:"Folder of rules; the shipped ones if left out."`
	JSON  bool   `name:"json" help:"Print one JSON document an expected alert, then a summary."`
}

// Help is shown below the one line of help.
func (*demoCommand) Help() string {
	return `Runs a hub and a sensor in a temporary folder, does to them what an intruder would, and removes everything again. Exits 0 where every expected alert came, 1 where one did not.

    $ picket demo
    15:04:05  HIGH      web1  A canary file was read: …/aws/credentials     canary.read
                        /usr/bin/cat (pid 4711, alice) ← picket  8.2 ms
    …
    14 of 14 expected alerts came`
}

// Run plays the demo.
func (c *demoCommand) Run(ctx context.Context, e *env) error {
	e.options.JSON = c.JSON
	err := local.Demo(ctx, local.DemoConfig{Rules: c.Rules, Show: e.options})
	var missing *local.MissingError
	if errors.As(err, &missing) {
		e.printer(c.JSON).Error(err)
		return errNo
	}
	return showDied(e, err)
}

// showDied shows what a program wrote last, where it is the reason to stop.
func showDied(e *env, err error) error {
	var died *local.DiedError
	if errors.As(err, &died) {
		p := e.printer(false)
		for _, line := range died.Tail {
			p.Note("%s: %s", died.Name, line)
		}
	}
	return err
}

// demoStepCommand is a part that the demo has this program play: to replace
// itself by a program in memory.
type demoStepCommand struct {
	Memfd struct {
		Program string   `arg:""`
		Argv    []string `arg:"" passthrough:""`
	} `cmd:""`
}

// Run plays the part.
func (c *demoStepCommand) Run() error { return local.RunFromMemory(c.Memfd.Program, c.Memfd.Argv) }
