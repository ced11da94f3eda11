//go:build linux

package schedules

import (
	"os"
	"path"
	"strings"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/unit"
	"picket.internal/sensor/watch/inventory"
)

// timerKinds are the units that are looked for: a timer starts a unit, by
// default the service of its own name.
var timerKinds = []string{".timer", ".service"}

// booted tells whether systemd runs the host. Source: sd_booted(3).
func (s *Source) booted() bool {
	_, err := os.Lstat(s.root + "/run/systemd/system")
	return err == nil
}

// timers reads the timers of systemd that are not masked. What they run is
// what the unit that they start would, or that unit's name.
func (s *Source) timers(r *inventory.Reading) {
	scan := s.units.Scan(timerKinds...)
	for _, name := range scan.Names(nil) {
		if path.Ext(name) != ".timer" || unit.Template(name) {
			continue
		}
		u := scan.Unit(name)
		if u.Path == "" || u.Target != name || strings.HasPrefix(u.Enabled, "masked") {
			continue
		}
		starts := u.Starts
		if starts == "" {
			starts = strings.TrimSuffix(name, ".timer") + ".service"
		}
		service := scan.Unit(starts)
		one := fact.Schedule{
			Type: "timer", Name: name, When: describe.Plain(strings.Join(u.Triggers, ", "), maxText),
			Command: describe.Plain(strings.Join(service.Commands, "; "), maxText),
			Path:    describe.Plain(u.Path, maxName), Account: describe.Plain(service.User, maxName),
		}
		if one.Command == "" {
			one.Command = describe.Plain(starts, maxName)
		}
		add(r, one)
	}
	scan.Keep()
	s.folders = scan.Folders
	for _, f := range scan.Flaws {
		r.Miss(fact.KindSchedule, f.Cause, f.Reason, f.Count)
	}
}
