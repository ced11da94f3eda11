package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"picket.internal/terminal"
)

// DemoConfig says how Demo runs.
type DemoConfig struct {
	// Rules is a folder of rules; empty means the shipped ones.
	Rules string
	// Programs is the folder of picket, picket-hub and picket-sensor; empty
	// means beside this executable, else PATH.
	Programs string
	// Temp is where the demo makes its folder; empty means $TMPDIR or /tmp.
	Temp string
	// Show says how and where everything is printed; its Out must be set.
	Show terminal.Options
}

// MissingError says which expected alerts did not come.
type MissingError struct{ Rules []string }

func (e *MissingError) Error() string {
	return count(int64(len(e.Rules)), "expected alert", "expected alerts") + " did not come: " + strings.Join(e.Rules, ", ")
}

// ErrStopped says that the demo was stopped before its end.
var ErrStopped = errors.New("the demo was stopped before its end")

// How fast a demo's sensor works, so that nobody has to wait for it.
const (
	demoHeartbeat    = "1s"
	demoScanInterval = "200ms"
	demoFlushAfter   = "50ms"
)

// Demo runs Picket in a folder of its own, plays an intrusion against it and
// prints the alerts. It returns a MissingError where one did not come. What it
// made is gone when it returns.
func Demo(ctx context.Context, cfg DemoConfig) (err error) {
	temp, err := os.MkdirTemp(cfg.Temp, "picket-demo-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() {
		if failed := os.RemoveAll(temp); failed != nil {
			err = errors.Join(err, fmt.Errorf("clearing away: %w", failed))
		}
	}()
	m, s, err := newDemo(cfg, temp)
	if err != nil {
		return err
	}
	defer m.tearDown()
	show := newDemoReporter(cfg.Show)
	p := &play{stage: s, seen: show.scene, patience: scenePatience}
	if err := show.begin(len(scenes)); err != nil {
		return err
	}
	if err := p.onMachine(ctx, m); err != nil {
		if ctx.Err() != nil {
			return ErrStopped
		}
		return err
	}
	if err := show.summary(p); err != nil {
		return err
	}
	if missing := p.missing(); len(missing) > 0 {
		return &MissingError{missing}
	}
	return nil
}

// newDemo prepares a machine with a sensor that may be spoiled, and the stage.
func newDemo(cfg DemoConfig, temp string) (*machine, *stage, error) {
	dir, err := Dir(filepath.Join(temp, "picket")).prepare()
	if err != nil {
		return nil, nil, err
	}
	hub, err := program(cfg.Programs, "picket-hub")
	if err != nil {
		return nil, nil, err
	}
	original, err := program(cfg.Programs, "picket-sensor")
	if err != nil {
		return nil, nil, err
	}
	self, err := program(cfg.Programs, "picket")
	if err != nil {
		return nil, nil, err
	}
	sensor := filepath.Join(temp, "picket-sensor")
	if err := copyProgram(original, sensor); err != nil {
		return nil, nil, fmt.Errorf("copying the sensor: %w", err)
	}
	m := &machine{dir: dir, spawn: newSpawner(), hubProg: hub, senProg: sensor, listen: anyPort, uiListen: anyPort,
		hubArgs: []string{"--heartbeat", demoHeartbeat, "--learn-for", "0s"},
		tuning:  sensorConfig{Heartbeat: demoHeartbeat, ScanInterval: demoScanInterval, Send: &sensorSend{demoFlushAfter}}}
	if cfg.Rules != "" {
		m.hubArgs = append(m.hubArgs, "--rules", cfg.Rules)
	}
	return m, &stage{spawn: m.spawn, temp: temp, self: self, binary: sensor}, nil
}

// onMachine sets the machine up and plays on it.
func (p *play) onMachine(ctx context.Context, m *machine) error {
	if err := m.setUp(ctx); err != nil {
		return err
	}
	after, err := m.lastAlert(ctx)
	if err != nil {
		return err
	}
	if _, err := m.startWatching(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.alerts = m.followAlerts(ctx, after)
	p.stage.sensor, p.stage.canaries = m.sensor, map[string]string{}
	for _, c := range m.canaries {
		p.stage.canaries[c.ID] = c.Path
	}
	err = p.run(ctx, scenes)
	if m.hub.ended() {
		return m.hub.died()
	}
	return err
}

func copyProgram(from, to string) error {
	image, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, image, 0o755)
}
