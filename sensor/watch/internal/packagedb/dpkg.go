//go:build linux

package packagedb

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	dpkgDir = "var/lib/dpkg"
	// maxStatus is the largest status file, in bytes. A host with every
	// package of Debian would have one of about 100 MiB.
	maxStatus = 256 << 20
	// maxUpdates is how many files of updates are read. dpkg gathers them into
	// status at 250.
	maxUpdates = 1000
	// maxNames is how many names of a folder are looked at.
	maxNames = 1 << 20
)

// stanza is what is needed of one package in a status file.
type stanza struct {
	Package
	state string // the third word of Status
	files []conffile
	bad   bool
	arch  string // of the one before, nearly always the same
}

// conffile is a file of the package that people may change, with the MD5 of
// what the package brought.
type conffile struct{ path, sum string }

// onDisk tells whether files of the package may be there: in every state but
// those before unpacking and after removal. A package that is being replaced
// stays one that is installed.
func (s *stanza) onDisk() bool {
	switch s.state {
	case "installed", "unpacked", "half-configured", "half-installed", "triggers-awaited", "triggers-pending":
		return true
	}
	return false
}

// parseStatus reads stanzas as dpkg writes them (deb-control(5), dpkg(1)) and
// calls each with every one that has a name, valid until it returns. Of the
// configuration files it keeps those that wanted asks for; nil means none. It
// returns how many stanzas were malformed.
func parseStatus(l *lines, wanted func(path []byte) bool, each func(*stanza)) (bad int64) {
	var s stanza
	begun, configuration := false, false
	flush := func() {
		if begun && (s.bad || s.Name == "") {
			bad++
		} else if begun {
			each(&s)
		}
		s = stanza{arch: s.Architecture, files: s.files[:0]}
		begun, configuration = false, false
	}
	for l.next() {
		line := bytes.TrimRight(l.line, " \t\r")
		switch {
		case len(line) == 0:
			flush()
		case line[0] == ' ' || line[0] == '\t':
			if configuration && wanted != nil && !l.long {
				s.conffile(line, wanted)
			}
		default:
			begun = true
			name, value, ok := bytes.Cut(line, []byte(":"))
			configuration = string(name) == "Conffiles"
			s.set(string(name), bytes.TrimSpace(value), ok, l.long)
		}
	}
	flush()
	return bad
}

// set takes one field. Only the fields that are needed can be malformed.
func (s *stanza) set(name string, value []byte, ok, long bool) {
	to := &s.state
	switch name {
	case "Package":
		to = &s.Name
	case "Version":
		to = &s.Version
	case "Architecture":
		if to = &s.Architecture; string(value) == s.arch {
			s.Architecture = s.arch
			return
		}
	case "Status":
		value = value[bytes.LastIndexByte(value, ' ')+1:]
	default:
		s.bad = s.bad || !ok && !long
		return
	}
	*to, ok = text(value)
	s.bad = s.bad || !ok || long
}

func (s *stanza) conffile(line []byte, wanted func([]byte) bool) {
	f := bytes.Fields(line)
	if len(f) >= 2 && wanted(f[0]) {
		s.files = append(s.files, conffile{path: string(f[0]), sum: string(f[1])})
	}
}

// dpkgPackages lists what dpkg has installed: status, what dpkg noted in
// updates since it last wrote status, and the folder status.d of images that
// were made without dpkg.
func dpkgPackages(root string, l *list) {
	in := newLines(l.ctx)
	path := filepath.Join(root, dpkgDir, "status")
	switch err := in.open(path, maxStatus); {
	case err == nil:
		late := dpkgUpdates(root, l)
		l.bad += parseStatus(in, nil, func(s *stanza) {
			if _, changed := late[s.key()]; !changed {
				l.dpkg(s)
			}
		})
		if err := in.close(); err != nil {
			l.fail("reading "+path, err, true)
		}
		for _, s := range late {
			l.dpkg(&s)
		}
	case !absent(err):
		l.fail("reading status of dpkg", err, true)
	}
	dpkgStatusD(root, in, l.failing, func(s *stanza, bad int64) {
		if l.bad += bad; s != nil {
			l.dpkg(s)
		}
	})
}

func (l *list) failing(what string, err error) { l.fail(what, err, false) }

func (l *list) dpkg(s *stanza) {
	switch {
	case !s.onDisk():
	case s.Version == "":
		l.bad++
	default:
		l.add(s.Package)
	}
}

// key is what dpkg knows a package by.
func (s *stanza) key() string { return s.Name + ":" + s.Architecture }

// dpkgUpdates reads the notes that dpkg makes while it works, the last of a
// package counts. Nobody else writes there, and they are gone when it is done.
func dpkgUpdates(root string, l *list) map[string]stanza {
	dir := filepath.Join(root, dpkgDir, "updates")
	names, err := folder(dir, maxUpdates, func(name string) bool { return strings.Trim(name, "0123456789") == "" })
	if err != nil && !absent(err) {
		l.fail("reading updates of dpkg", err, false)
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	late := make(map[string]stanza)
	in := newLines(l.ctx)
	for _, name := range names {
		if err := in.open(filepath.Join(dir, name), lineBuffer); err != nil {
			continue // gathered into status meanwhile
		}
		parseStatus(in, nil, func(s *stanza) { late[s.key()] = *s })
		in.close()
	}
	return late
}

// dpkgStatusD reads status.d, where each file is a package that is there.
func dpkgStatusD(root string, in *lines, fail func(string, error), each func(s *stanza, bad int64)) {
	dir := filepath.Join(root, dpkgDir, "status.d")
	names, err := folder(dir, maxNames, func(name string) bool { return !strings.HasSuffix(name, ".md5sums") })
	if err != nil && !absent(err) {
		fail("reading status.d of dpkg", err)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := in.open(path, maxStatus); err != nil {
			fail("reading "+path, err)
			continue
		}
		bad := parseStatus(in, nil, func(s *stanza) {
			if s.state == "" {
				s.state = "installed"
			}
			each(s, 0)
		})
		if err := in.close(); err != nil {
			fail("reading "+path, err)
		}
		each(nil, bad)
	}
}

// folder is the names in a folder that are asked for, at most max of them. It
// reads a few at a time: a folder may hold millions.
func folder(path string, max int, want func(string) bool) ([]string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []string
	for seen := 0; seen < maxNames; {
		names, err := f.Readdirnames(1024)
		if len(names) == 0 || err != nil {
			return all, nil
		}
		seen += len(names)
		for _, name := range names {
			if want(name) && len(all) < max {
				all = append(all, name)
			}
		}
	}
	return all, nil
}
