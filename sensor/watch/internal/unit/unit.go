package unit

import (
	"path"
	"strings"
)

// Unit is what its files say of a unit.
type Unit struct {
	Name string
	// Target is the unit that the name stands for: another one for an alias.
	Target string
	// Path is the unit file; empty where there is none.
	Path string
	// Enabled is the state of the unit file in the words of systemctl(1).
	Enabled string
	// Commands are the ExecStart lines.
	Commands []string
	// User is the account that it runs as, as written.
	User string
	// Triggers are the On... settings of a timer, as in "OnCalendar=daily".
	Triggers []string
	// Starts is the unit that a timer starts.
	Starts string

	alias, also []string
	instance    string // DefaultInstance
	wanted      bool   // enabling it would make a link
}

// apply replays settings, as systemd does with the unit file and then with
// each drop-in: an empty value takes back what a list held.
func (u *Unit) apply(settings []setting) {
	for _, s := range settings {
		switch {
		case s.section == "Service" && s.key == "ExecStart":
			u.Commands = appendOrReset(u.Commands, s.value)
		case s.section == "Service":
			u.User = s.value
		case s.section == "Timer" && s.key == "Unit":
			u.Starts = s.value
		case s.section == "Timer":
			u.trigger(s)
		case s.key == "Alias":
			u.alias = append(u.alias, strings.Fields(s.value)...)
			u.wanted = u.wanted || s.value != ""
		case s.key == "Also":
			u.also = append(u.also, strings.Fields(s.value)...)
		case s.key == "DefaultInstance":
			u.instance = s.value
		default:
			u.wanted = u.wanted || s.value != ""
		}
	}
}

func appendOrReset(list []string, value string) []string {
	if value == "" {
		return nil
	}
	return append(list, value)
}

// trigger notes when a timer elapses. An empty value takes back every trigger
// of the timer, of whatever kind. OnClockChange= and OnTimezoneChange= are
// switches and count only where they are on.
func (u *Unit) trigger(s setting) {
	switch {
	case s.value == "":
		u.Triggers = nil
	case strings.HasSuffix(s.key, "Change") && !isTrue(s.value):
	default:
		u.Triggers = append(u.Triggers, s.key+"="+s.value)
	}
}

// Template tells whether the name is that of a template, which is no unit by
// itself.
func Template(name string) bool {
	return strings.HasSuffix(strings.TrimSuffix(name, path.Ext(name)), "@")
}

func isTrue(s string) bool {
	switch strings.ToLower(s) {
	case "1", "yes", "y", "true", "t", "on":
		return true
	}
	return false
}

// template is the template of an instance, as "getty@.service" of
// "getty@tty1.service", and the instance's name; ok is false for other units.
func template(name string) (of, instance string, ok bool) {
	at := strings.IndexByte(name, '@')
	suffix := path.Ext(name)
	if at < 0 || at+1 >= len(name)-len(suffix) {
		return "", "", false
	}
	return name[:at+1] + suffix, name[at+1 : len(name)-len(suffix)], true
}

// valid tells whether systemd would take the name for a unit's.
// Source: systemd.unit(5).
func valid(name string) bool {
	if len(name) > 255 {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte(`:-_.\@`, c) < 0 {
			return false
		}
	}
	return path.Ext(name) != name
}
