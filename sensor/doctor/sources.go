//go:build linux

package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// systemd checks for the service manager: its version lies in the name of its
// library, which asks nobody.
func systemd(h *host) *Finding {
	if !h.exists("/run/systemd/system") {
		return no("systemd does not run: services are read from OpenRC or init scripts", "")
	}
	what := "systemd"
	if v := h.systemdVersion(); v > 0 {
		what = fmt.Sprintf("systemd %d", v)
	}
	if err := h.probes.dial(h.Root + "/run/dbus/system_bus_socket"); err != nil {
		return no(fmt.Sprintf("%s runs, its bus is not reached (%v): services and timers are not told", what, err), "systemctl start dbus.socket")
	}
	return yes(what + " runs, and its bus is reached")
}

func (h *host) systemdVersion() int {
	for _, dir := range []string{"/usr/lib/systemd", "/lib/systemd", "/usr/lib64/systemd", "/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib/aarch64-linux-gnu/systemd"} {
		for _, name := range h.names(dir) {
			if rest, ok := strings.CutPrefix(name, "libsystemd-shared-"); ok {
				digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
				if n, err := strconv.Atoi(rest[:max(digits, 0)]); err == nil {
					return n
				}
			}
		}
	}
	return 0
}

// packageDatabases are where they lie, by kind.
var packageDatabases = [][2]string{
	{"dpkg", "/var/lib/dpkg/status"},
	{"apk", "/lib/apk/db/installed"}, {"apk", "/usr/lib/apk/db/installed"},
	{"rpm", "/var/lib/rpm/rpmdb.sqlite"}, {"rpm", "/usr/lib/sysimage/rpm/rpmdb.sqlite"},
	{"rpm", "/var/lib/rpm/Packages.db"}, {"rpm", "/usr/lib/sysimage/rpm/Packages.db"},
	{"rpm", "/var/lib/rpm/Packages"}, {"rpm", "/usr/lib/sysimage/rpm/Packages"},
}

func packages(h *host) *Finding {
	for _, db := range packageDatabases {
		if !h.exists(db[1]) {
			continue
		}
		if err := h.readable(db[1]); err != nil {
			return no(fmt.Sprintf("the %s database cannot be read (%v): packages are not told, and vouch for nothing", db[0], plain(err)), "unit: AmbientCapabilities=CAP_DAC_READ_SEARCH")
		}
		return yes(db[0] + " database at " + db[1])
	}
	return no("there is no package database of dpkg, apk or rpm: packages are not told, and vouch for nothing", "")
}

// plain is an error without the path that stands beside it already.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// logins checks for a log of who logged in, over SSH above all.
func logins(h *host) *Finding {
	var found, closed []string
	see := func(path string) {
		if !h.exists(path) {
			return
		}
		if err := h.readable(path); err != nil {
			closed = append(closed, path)
			return
		}
		found = append(found, path)
	}
	see("/var/log/auth.log")
	see("/var/log/secure")
	for _, root := range []string{"/var/log/journal", "/run/log/journal"} {
		for _, id := range h.names(root) {
			for _, name := range h.names(root + "/" + id) {
				if name == "system.journal" {
					see(root + "/" + id + "/" + name)
				}
			}
		}
	}
	see("/var/log/wtmp")
	if len(closed) == 0 && len(found) > 0 {
		return yes("logins are read from " + strings.Join(found, ", "))
	}
	const fix = "unit: SupplementaryGroups=adm systemd-journal\nor unit: AmbientCapabilities=CAP_DAC_READ_SEARCH"
	if len(closed) > 0 {
		return no("may not be read: "+strings.Join(closed, ", ")+": failed logins are not told", fix)
	}
	return no("there is no journal, auth.log, secure or wtmp: logins are not told", "install rsyslog, or run systemd-journald")
}
