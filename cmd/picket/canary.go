package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"picket.internal/display"
	"picket.internal/plant"
)

type canaryCommands struct {
	Plant  canaryPlantCommand  `cmd:"" help:"Plant files that nobody has a reason to touch."`
	List   canaryListCommand   `cmd:"" help:"List what was planted, without touching it."`
	Remove canaryRemoveCommand `cmd:"" help:"Take planted canaries away."`
}

// canaryFlags say where it is written down what was planted.
type canaryFlags struct {
	Manifest string `placeholder:"FILE" default:"/var/lib/picket/canaries.json" help:"What was planted; for root alone (${default})."`
	JSON     bool   `name:"json" help:"Print one JSON document a line."`
}

type canaryPlantCommand struct {
	canaryFlags
	Canaries []string `arg:"" optional:"" name:"type[=path]" help:"aws, ssh, env, dump, browser, kube or shadow, and where; all of them in their usual places if left out."`
	Config   string   `placeholder:"FILE" help:"Sensor's configuration to add them to, as in /etc/picket/sensor.json. Left out, the lines for it are printed."`
	Home     string   `placeholder:"DIR" help:"Home folder that the usual places are in; yours if left out."`
}

// Help is shown below the one line of help.
func (*canaryPlantCommand) Help() string {
	return `The content is random, opens nothing and is different on every host. The files
belong to the owner of their folder and look as old as those beside them. No file
is overwritten and no symbolic link followed. The sensor watches them after its
next start.

    $ sudo picket canary plant --config /etc/picket/sensor.json
    $ sudo picket canary plant ssh=/home/deploy/.ssh/id_backup aws --home /home/deploy

Exits 1 where one of them could not be planted; the others are.`
}

// planted is a canary as the commands print it.
type planted struct {
	plant.Planted
	State string `json:"state"`
}

// Run plants the canaries.
func (c *canaryPlantCommand) Run(e *env) error {
	m, config, err := openCanaries(c.Manifest, c.Config)
	if err != nil {
		return err
	}
	taken := func(string) bool { return false }
	if config != nil {
		taken = config.Has
	}
	plans, err := c.plans()
	if err != nil {
		return usageError{err}
	}
	var failed bool
	for _, plan := range plans {
		p, err := m.Plant(plan.kind, plan.path, time.Now(), taken)
		if err != nil {
			failed = true
			e.printer(c.JSON).Error(err)
			continue
		}
		// At once: what is planted and not written down is never taken away.
		if err := m.Save(c.Manifest); err != nil {
			return err
		}
		if config != nil {
			config.Add(p)
			if err := config.Save(); err != nil {
				return err
			}
		}
		if err := c.tell(e, p); err != nil {
			return err
		}
	}
	return verdict(!failed, nil)
}

func (c *canaryPlantCommand) tell(e *env, p plant.Planted) (err error) {
	switch {
	case c.JSON:
		return e.printer(true).Document(planted{p, "ok"})
	case c.Config != "":
		_, err = fmt.Fprintf(e.options.Out, "planted %s at %s\n", display.Line(p.ID), display.Line(p.Path))
	default:
		_, err = fmt.Fprintf(e.options.Out, "{\"id\": %q, \"path\": %q, \"type\": %q},\n", p.ID, p.Path, p.Type)
	}
	return err
}

type canaryPlan struct {
	kind plant.Kind
	path string
}

// plans are what the command line asks for.
func (c *canaryPlantCommand) plans() (plans []canaryPlan, err error) {
	home := c.Home
	if home == "" {
		if home, err = os.UserHomeDir(); err != nil {
			return nil, fmt.Errorf("finding the home folder: %w; say it with --home", err)
		}
	}
	if home, err = filepath.Abs(home); err != nil {
		return nil, err
	}
	wanted := c.Canaries
	if len(wanted) == 0 {
		for _, k := range plant.Kinds {
			wanted = append(wanted, k.Type)
		}
	}
	for _, w := range wanted {
		name, path, given := strings.Cut(w, "=")
		kind, err := plant.KindOf(name)
		if err != nil {
			return nil, err
		}
		if !given {
			path = kind.Path
			if below, ok := strings.CutPrefix(path, "~/"); ok {
				path = filepath.Join(home, below)
			}
		} else if path == "" {
			return nil, fmt.Errorf("malformed canary %q: no path behind =", w)
		}
		if path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
		plans = append(plans, canaryPlan{kind, path})
	}
	return plans, nil
}

// openCanaries reads the manifest and, where one is named, the configuration.
func openCanaries(manifest, config string) (m *plant.Manifest, c *plant.SensorConfig, err error) {
	if m, err = plant.Load(manifest); err == nil && config != "" {
		c, err = plant.OpenSensorConfig(config)
	}
	return m, c, err
}

type canaryListCommand struct{ canaryFlags }

// Run lists what was planted.
func (c *canaryListCommand) Run(e *env) error {
	m, err := plant.Load(c.Manifest)
	if err != nil {
		return err
	}
	for _, p := range m.Canaries {
		if c.JSON {
			err = e.printer(true).Document(planted{p, p.State()})
		} else {
			_, err = fmt.Fprintf(e.options.Out, "%-8s %-12s %s\n", p.State(), display.Line(p.ID), display.Line(p.Path))
		}
		if err != nil {
			return err
		}
	}
	if len(m.Canaries) == 0 && !c.JSON {
		e.printer(false).Note("nothing is planted, says %s", c.Manifest)
	}
	return nil
}

type canaryRemoveCommand struct {
	canaryFlags
	IDs    []string `arg:"" optional:"" name:"id" help:"Canaries to take away."`
	All    bool     `help:"Take all of them away."`
	Config string   `placeholder:"FILE" help:"Sensor's configuration to take them out of."`
	Force  bool     `help:"Also take away what is not as it was planted."`
}

// Help is shown below the one line of help.
func (*canaryRemoveCommand) Help() string {
	return `Only what picket canary plant made is taken away, and only if it is unchanged.
A sensor that watches it tells of that, as of anybody else who does it: take it
out of the sensor's configuration first and restart the sensor, or expect the alert.

    $ sudo picket canary remove ssh --config /etc/picket/sensor.json

Exits 1 where one of them was not there, or was left.`
}

// Run takes canaries away.
func (c *canaryRemoveCommand) Run(e *env) error {
	m, config, err := openCanaries(c.Manifest, c.Config)
	if err != nil {
		return err
	}
	if c.All == (len(c.IDs) > 0) {
		return usageError{errors.New("name the canaries to take away, or --all")}
	}
	var failed bool
	for _, p := range append([]plant.Planted(nil), m.Canaries...) {
		if c.All {
			c.IDs = append(c.IDs, p.ID)
		}
	}
	for _, id := range c.IDs {
		before := append([]plant.Planted(nil), m.Canaries...)
		if err := m.Remove(id, c.Force); err != nil {
			failed = true
			e.printer(c.JSON).Error(err)
		}
		if len(m.Canaries) == len(before) {
			continue
		}
		if err := m.Save(c.Manifest); err != nil {
			return err
		}
		if err := c.drop(e, config, id, before); err != nil {
			return err
		}
	}
	return verdict(!failed, nil)
}

// drop takes one out of the configuration, and says that it is gone.
func (c *canaryRemoveCommand) drop(e *env, config *plant.SensorConfig, id string, before []plant.Planted) error {
	for _, p := range before {
		if p.ID != id {
			continue
		}
		if config != nil {
			config.Drop(p)
			if err := config.Save(); err != nil {
				return err
			}
		}
		if c.JSON {
			return e.printer(true).Document(planted{p, "gone"})
		}
		_, err := fmt.Fprintf(e.options.Out, "removed %s at %s\n", display.Line(p.ID), display.Line(p.Path))
		return err
	}
	return nil
}
