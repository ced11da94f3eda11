package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"time"

	"picket.internal/terminal"
)

// Config says how Up runs.
type Config struct {
	// Dir is where everything lives. Must be set; see client.DefaultDir.
	Dir Dir
	// Listen is where the hub takes sensors and API, host:port. Empty means
	// where it was last time, at first 127.0.0.1:7443, and where that is taken
	// any free port.
	Listen string
	// Rules is a folder of rules; empty means the shipped ones.
	Rules string
	// Programs is the folder of picket-hub and picket-sensor; empty means
	// beside this executable, else PATH.
	Programs string
	// Show says how and where everything is printed; its Out must be set.
	Show terminal.Options
}

// How children that die are treated.
const (
	// silenceFirst is how long a sensor that died stays dead: longer than it
	// takes the hub to miss it, because a sensor's silence must become an alert
	// also where the one who would cover it up is Picket itself.
	silenceFirst = time.Minute
	// A hub is started again at once, because while it is away nothing alerts;
	// but one that dies too often will not be helped by that.
	hubLives  = 5
	hubWithin = time.Minute
)

// Up runs Picket in a folder until ctx ends, and prints what happens.
func Up(ctx context.Context, cfg Config) (err error) {
	dir, err := cfg.Dir.prepare()
	if err != nil {
		return err
	}
	release, err := dir.acquire()
	if err != nil {
		return err
	}
	defer release()
	m := &machine{dir: dir, spawn: newSpawner(), listen: cfg.Listen}
	defer m.tearDown()
	if m.hubProg, err = program(cfg.Programs, "picket-hub"); err != nil {
		return err
	}
	if m.senProg, err = program(cfg.Programs, "picket-sensor"); err != nil {
		return err
	}
	if cfg.Rules != "" {
		m.hubArgs = append(m.hubArgs, "--rules", cfg.Rules)
	}
	err = (&up{machine: m, show: newReporter(cfg.Show)}).run(ctx)
	if ctx.Err() != nil {
		return nil // it was asked to end, and whatever failed then failed of that
	}
	return err
}

// up is a running machine whose alerts are shown.
type up struct {
	*machine
	show reporter

	hubDeaths []time.Time
	restart   <-chan time.Time // when the sensor is to be started again; nil while it runs
}

func (u *up) run(ctx context.Context) error {
	if err := u.setUp(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	after, err := u.lastAlert(ctx)
	if err != nil {
		return err
	}
	w, err := u.startWatching(ctx)
	if err != nil {
		return err
	}
	ready, err := u.describe(ctx, w)
	if err != nil {
		return err
	}
	if err := u.show.ready(ready); err != nil {
		return err
	}
	alerts := u.followAlerts(ctx, after)
	for {
		if err := u.next(ctx, alerts); err != nil {
			return err
		}
	}
}

// next handles the one thing that happens next.
func (u *up) next(ctx context.Context, alerts <-chan followed) error {
	sensorDone := u.sensor.done
	if u.restart != nil {
		sensorDone = nil
	}
	select {
	case a, ok := <-alerts:
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !ok:
			return errors.New("the hub's stream of alerts ended")
		case a.err != nil:
			return a.err
		}
		return u.show.Alert(a.alert)
	case <-u.hub.done:
		return u.hubDied(ctx)
	case <-sensorDone:
		u.restart = time.After(silenceFirst)
		return u.show.child(ended(u.sensor.died(), fmt.Sprintf("it is started again in %v, so that its silence becomes an alert", silenceFirst)))
	case <-u.restart:
		u.restart = nil
		if err := u.startSensor(); err != nil {
			return err
		}
		return u.show.child(Child{Event: "child", Name: "picket-sensor", State: childStarted})
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (u *up) hubDied(ctx context.Context) error {
	died := u.hub.died()
	now := time.Now()
	u.hubDeaths = append(u.hubDeaths, now)
	if n := len(u.hubDeaths); n > hubLives && now.Sub(u.hubDeaths[n-1-hubLives]) < hubWithin {
		return died
	}
	if err := u.show.child(ended(died, "it is started again")); err != nil {
		return err
	}
	if err := u.startHub(ctx); err != nil {
		return err
	}
	return u.show.child(Child{Event: "child", Name: "picket-hub", State: childStarted, Detail: u.uiURL})
}

// describe gathers what the header tells.
func (u *up) describe(ctx context.Context, w *watching) (Ready, error) {
	status, err := u.client.Status(ctx)
	if err != nil {
		return Ready{}, err
	}
	name, err := os.Hostname()
	if err != nil {
		name = u.host
	}
	r := Ready{Event: "ready", Dir: string(u.dir), Hub: u.client.Hub(), UI: u.uiURL, Host: name,
		Rules: status.Rules.Loaded, RulesError: status.Rules.Error, Processes: w.processes, Limits: slices.Sorted(maps.Values(w.limits))}
	if who, err := user.Current(); err == nil {
		r.User = who.Username
	}
	for _, c := range u.canaries {
		r.Canaries = append(r.Canaries, c.Path)
	}
	return r, nil
}
