//go:build linux

package services

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/dbus"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/regular"
	"picket.internal/sensor/watch/internal/unit"
	"picket.internal/sensor/watch/inventory"
)

const maxStates = 50_000

var kinds = []string{".service", ".socket", ".timer"}

// sockets are where systemd answers: to everybody through the bus, to root
// also where there is no bus.
var sockets = []struct {
	path string
	bus  bool
}{
	{"/run/dbus/system_bus_socket", true},
	{"/run/systemd/private", false},
}

func (s *Source) systemd(ctx context.Context, r *inventory.Reading) {
	scan := s.units.Scan(kinds...)
	states := s.ask(ctx, r)
	loaded := make([]string, 0, len(states))
	for name := range states {
		loaded = append(loaded, name)
	}
	for _, name := range scan.Names(loaded) {
		u := scan.Unit(name)
		one := fact.Service{
			Name: name, State: states[u.Target], Enabled: u.Enabled, Manager: "systemd",
			Account: describe.Plain(u.User, maxName), Path: describe.Plain(u.Path, maxName),
		}
		if one.State == "" && !unit.Template(name) {
			one.State = "inactive" // systemd forgets units that nothing needs
		}
		if len(u.Commands) > 0 {
			one.Executable = describe.Plain(unit.Program(u.Commands[0]), maxName)
		}
		add(r, one)
	}
	scan.Keep()
	s.folders = scan.Folders
	for _, f := range scan.Flaws {
		r.Miss(fact.KindService, f.Cause, f.Reason, f.Count)
	}
}

// ask returns the active state of each unit that systemd has loaded. Where
// systemd cannot be asked it is told from its files; where it does not answer
// as it should, what it said last still counts, and that is a gap.
func (s *Source) ask(ctx context.Context, r *inventory.Reading) map[string]string {
	var failed error
	for _, at := range sockets {
		units, err := dbus.Units(ctx, s.root+at.path, at.bus, s.patience, []string{"*.service", "*.socket", "*.timer"})
		if err == nil {
			s.states = statesOf(units)
			return s.states
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.ECONNREFUSED) {
			failed = err
			break
		}
	}
	if failed != nil {
		cause := fact.LossMalformed
		if errors.Is(failed, os.ErrDeadlineExceeded) || errors.Is(failed, context.DeadlineExceeded) {
			cause = fact.LossTimeout
		}
		r.Miss(fact.KindService, cause, failed.Error(), 1)
		if s.states != nil {
			return s.states
		}
	}
	return s.running(r)
}

func statesOf(units []dbus.Unit) map[string]string {
	states := make(map[string]string, len(units))
	for _, u := range units {
		// A unit that others only name is not there.
		if u.Load == "not-found" && u.Active == "inactive" {
			continue
		}
		for _, k := range kinds {
			if strings.HasSuffix(u.Name, k) {
				states[u.Name] = describe.Plain(u.Active, maxName)
			}
		}
	}
	return states
}

// running tells the units that are not inactive or failed by what systemd
// keeps for the journal: a link with the invocation of each.
func (s *Source) running(r *inventory.Reading) map[string]string {
	const folder = "/run/systemd/units"
	entries, more, err := regular.List(s.root+folder, maxStates)
	if err != nil {
		r.Miss(fact.KindService, fact.LossUnreadable, "asking systemd: neither a bus nor "+folder, 1)
	}
	if more {
		r.Miss(fact.KindService, fact.LossInventory, "too many entries in "+folder, 1)
	}
	states := make(map[string]string)
	for _, e := range entries {
		if name, ok := strings.CutPrefix(e.Name(), "invocation:"); ok {
			states[name] = "active"
		}
	}
	return states
}
