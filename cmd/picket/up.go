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
	Rules  string `type:"existingdir" placeholder:"DIR" help:"Folder of rules; the shipped ones if left out."`
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
	if err := c.check(); err != nil {
		return usageError{err}
	}
	dir := c.Dir
	if dir == "" {
		dir = client.DefaultDir()
	}
	e.options.JSON = c.JSON
	return showTail(e, local.Up(ctx, local.Config{Dir: local.Dir(dir), Listen: c.Listen, Rules: c.Rules, Show: e.options}))
}

// check refuses what a hub could listen on, but what no sensor could be told.
func (c *upCommand) check() error {
	if c.Listen == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("malformed --listen %q: write it as HOST:PORT", c.Listen)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("--listen %q names no machine, and sensors are told to look there; name an address of this one", c.Listen)
	}
	return nil
}

type demoCommand struct {
	Rules string `type:"existingdir" placeholder:"DIR" help:"Folder of rules; the shipped ones if left out."`
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
	if errors.As(err, &missing) || errors.Is(err, local.ErrStopped) {
		e.printer(c.JSON).Error(err)
		return errNo
	}
	return showTail(e, err)
}

// showTail shows what a program wrote last, where it is the reason to stop.
func showTail(e *env, err error) error {
	var program *local.ProgramError
	if errors.As(err, &program) {
		p := e.printer(false)
		p.Note("%s wrote last", program.Name)
		for _, line := range program.Tail {
			p.Note("  %s", line)
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
