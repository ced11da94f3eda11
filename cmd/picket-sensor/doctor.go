package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"picket.internal/sensor"
	"picket.internal/sensor/doctor"
)

const doctorUsage = `picket-sensor doctor - tell what this host allows the sensor to see

Usage:
  picket-sensor doctor [--config FILE] [--json]

Prints a line for each thing that the sensor can make use of: whether it is
there for the user who asks, what it costs to lack it, and what allows it. It
asks the kernel for real, changes nothing, and talks to nobody over the network.
Run it as the user, and in the unit or container, that the sensor runs as; only
root can say which audit rules there are.

Flags:
  --config FILE  hold it against what this configuration needs
  --json         print one JSON document a line: check, ok, needed, detail, fix

The first word of a line:
  ok       it is there
  no       it is not, and the sensor does with less
  missing  it is not, and what the configuration asks for will not work

Exit status:
  0  all that the configuration needs is there
  1  something that it needs is missing
  2  wrong use, or a broken configuration

Examples:
  sudo picket-sensor doctor --config /etc/picket/sensor.json
  picket-sensor doctor --json
`

// errMissing says that the host does not allow what the configuration needs.
var errMissing = errors.New("something that the sensor needs is missing")

// examine tells what the host allows.
func examine(_ context.Context, args []string, _ io.Reader, out, _ io.Writer) error {
	var file string
	var asJSON bool
	err := flags("doctor", args, flagSet{"config": &file, "json": &asJSON})
	if err != nil {
		return err
	}
	var ask doctor.Config
	if file != "" {
		cfg, _, err := load(file, "doctor", sensor.LoadWatchConfig)
		if err != nil {
			return err
		}
		ask.Path, ask.StateDir, ask.Launch = cfg.Path, cfg.StateDir, string(cfg.Launch)
		for _, c := range cfg.Canaries {
			ask.Canaries = append(ask.Canaries, c.Path)
		}
	}
	all := doctor.Run(ask)
	for _, f := range all {
		if asJSON {
			err = printJSON(out, f)
		} else {
			err = printFinding(out, f)
		}
		if err != nil {
			return err
		}
	}
	if !doctor.Well(all) {
		return errMissing
	}
	return nil
}

// printFinding prints a finding for people: a line, and the fix below it.
func printFinding(out io.Writer, f doctor.Finding) error {
	word := "ok"
	switch {
	case !f.OK && f.Needed:
		word = "missing"
	case !f.OK:
		word = "no"
	}
	if _, err := fmt.Fprintf(out, "%-7s  %-19s  %s\n", word, f.Check, printable(errors.New(f.Detail))); err != nil {
		return err
	}
	if f.Fix == "" {
		return nil
	}
	for line := range strings.SplitSeq(f.Fix, "\n") {
		if _, err := fmt.Fprintf(out, "%31s%s\n", "", printable(errors.New(line))); err != nil {
			return err
		}
	}
	return nil
}
