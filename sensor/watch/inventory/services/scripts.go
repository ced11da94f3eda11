//go:build linux

package services

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/regular"
	"picket.internal/sensor/watch/inventory"
)

const (
	initScripts = "/etc/init.d"
	runlevels   = "/etc/runlevels" // of OpenRC
	maxScripts  = 10_000
	// maxScript is how much of a script is read: what it runs is told at its
	// beginning.
	maxScript = 32 << 10
)

// rcFolders are where SysV init finds what to start, by runlevel. Source:
// init(8); the first on Debian, the second on others.
var rcFolders = []string{"/etc/rc", "/etc/rc.d/rc"}

// levels are the folders whose entries enable scripts.
func (s *Source) levels() []string {
	levels := []string{runlevels}
	for _, e := range s.list(nil, runlevels) {
		levels = append(levels, runlevels+"/"+e.Name())
	}
	for _, prefix := range rcFolders {
		for _, level := range "S2345" {
			if folder := prefix + string(level) + ".d"; s.has(folder) {
				levels = append(levels, folder)
			}
		}
	}
	return levels
}

// list lists a folder; r, where there is one, notes what is missing.
func (s *Source) list(r *inventory.Reading, folder string) []os.DirEntry {
	entries, more, err := regular.List(s.root+folder, maxScripts)
	if r != nil && err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.Miss(fact.KindService, fact.LossUnreadable, err.Error(), 1)
	}
	if r != nil && more {
		r.Miss(fact.KindService, fact.LossInventory, "too many entries in "+folder, 1)
	}
	return entries
}

// openrc reads what rc-status(8) would say.
func (s *Source) openrc(r *inventory.Reading) {
	states := make(map[string]string)
	for _, state := range []struct{ folder, word string }{
		{"started", "active"}, {"starting", "activating"}, {"stopping", "deactivating"},
		{"inactive", "inactive"}, {"failed", "failed"},
	} {
		for _, e := range s.list(r, "/run/openrc/"+state.folder) {
			states[e.Name()] = state.word
		}
	}
	for name, one := range s.scripts(r, "openrc") {
		one.State = states[name]
		if one.State == "" {
			one.State = "inactive"
		}
		add(r, one)
	}
}

// sysv reads init scripts. What runs of them nobody keeps: they have no state.
func (s *Source) sysv(r *inventory.Reading) {
	for _, one := range s.scripts(r, "sysv") {
		add(r, one)
	}
}

// scripts are the init scripts by their names, without their states.
func (s *Source) scripts(r *inventory.Reading, manager string) map[string]fact.Service {
	enabled := make(map[string]bool)
	for _, level := range s.levels() {
		for _, e := range s.list(r, level) {
			name := e.Name()
			if !strings.HasPrefix(level, runlevels) { // as in S01ssh
				if len(name) < 4 || name[0] != 'S' {
					continue
				}
				name = name[3:]
			}
			enabled[name] = true
		}
	}
	all := make(map[string]fact.Service)
	for _, e := range s.list(r, initScripts) {
		name := e.Name()
		if e.IsDir() || !isScript(name) {
			continue
		}
		one := fact.Service{
			Name: describe.Plain(name, maxName), Manager: manager, Enabled: "disabled",
			Path: describe.Plain(initScripts+"/"+name, maxName),
		}
		if enabled[name] {
			one.Enabled = "enabled"
		}
		data, err := s.head(initScripts + "/" + name)
		if err != nil {
			r.Miss(fact.KindService, fact.LossUnreadable, err.Error(), 1)
		}
		one.Executable, one.Account = ParseScript(data)
		all[name] = one
	}
	return all
}

// isScript leaves out what lies beside the scripts and is none.
func isScript(name string) bool {
	switch name {
	case "README", "skeleton", "functions", "functions.sh", "rc", "rcS", "rc.local.bak":
		return false
	}
	return name[0] != '.' && !strings.HasSuffix(name, "~") && !strings.Contains(name, ".dpkg-") && !strings.Contains(name, ".rpm")
}

// head reads the beginning of a script.
func (s *Source) head(path string) ([]byte, error) {
	f, _, err := regular.Open(s.root + path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxScript))
}

// ParseScript finds the program that an init script starts and the account
// that it runs as, where the script sets them to a plain value: command= and
// command_user= for OpenRC, DAEMON= and DAEMON_USER= as is usual for SysV.
// Source: openrc-run(8).
func ParseScript(data []byte) (program, account string) {
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		key, value, ok := bytes.Cut(bytes.TrimSpace(line), []byte("="))
		if !ok {
			continue
		}
		var into *string
		switch string(key) {
		case "command", "DAEMON":
			into = &program
		case "command_user", "DAEMON_USER":
			into = &account
		default:
			continue
		}
		if *into == "" {
			*into = describe.Plain(string(bytes.Trim(value, `"'`)), maxName)
		}
	}
	return program, account
}
