//go:build linux

package unit

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/regular"
)

const (
	// maxEntries is how many entries of a folder are read, and how many files
	// and links all folders together may have.
	maxEntries = 50_000
	maxFolders = 5_000
	maxHops    = 8
)

// Where a unit file lies says who made it.
const (
	vendor = iota
	config
	runtime
	generated
	transient
)

// folders are where systemd looks for units, the first first.
// Source: systemd.unit(5), unit file load path of the system manager.
var folders = []struct {
	path  string
	scope int
}{
	{"/etc/systemd/system.control", config},
	{"/run/systemd/system.control", runtime},
	{"/run/systemd/transient", transient},
	{"/run/systemd/generator.early", generated},
	{"/etc/systemd/system", config},
	{"/etc/systemd/system.attached", config},
	{"/run/systemd/system", runtime},
	{"/run/systemd/system.attached", runtime},
	{"/run/systemd/generator", generated},
	{"/usr/local/lib/systemd/system", vendor},
	{"/usr/lib/systemd/system", vendor},
	{"/lib/systemd/system", vendor},
	{"/run/systemd/generator.late", generated},
}

// Tree is the unit files of a host. It keeps what it read of a file until the
// file changes. It is not safe for concurrent use.
type Tree struct {
	root  string
	files map[string]*file
}

// New returns the unit files below root; "" means those of the host.
func New(root string) *Tree {
	return &Tree{root: strings.TrimSuffix(root, "/"), files: make(map[string]*file)}
}

// file is what was read of a unit file.
type file struct {
	stat     stamp
	settings []setting
	err      error
}

// stamp tells one state of a file from another.
type stamp struct {
	dev, inode   uint64
	size         int64
	mtime, ctime unix.Timespec
}

// Flaw is what could not be read.
type Flaw struct {
	Cause  string // one of fact's Loss constants
	Reason string
	Count  int64
}

// entry is a unit file as a folder has it.
type entry struct {
	folder int // index in folders
	link   string
}

// Scan is the unit files at one moment.
type Scan struct {
	// Folders are all that were looked into or for, as paths on the host.
	Folders []string
	// Flaws say what is missing.
	Flaws []Flaw

	tree    *Tree
	kinds   []string
	entries map[string]entry
	links   map[string][]link            // names in X.wants and the like
	spawned map[string][]link            // the same of instances, by their template
	aliases map[string][]link            // what a unit is called besides, by links
	dropins map[string]map[string]string // by what they are for and their name
	fresh   map[string]*file
	left    int
}

// link is a link by which a unit is enabled: its name and where it lies.
type link struct {
	name  string
	scope int
}

// Scan looks at every folder for units of these kinds, as in ".service".
func (t *Tree) Scan(kinds ...string) *Scan {
	s := &Scan{
		tree: t, kinds: kinds, left: maxEntries,
		entries: make(map[string]entry), links: make(map[string][]link), aliases: make(map[string][]link),
		spawned: make(map[string][]link),
		dropins: make(map[string]map[string]string), fresh: make(map[string]*file),
	}
	var seen []stamp
	for i := range folders {
		s.Folders = append(s.Folders, folders[i].path)
		var st unix.Stat_t
		if unix.Stat(t.root+folders[i].path, &st) != nil {
			continue
		}
		// /lib may be a link to /usr/lib.
		here, again := stamp{dev: st.Dev, inode: st.Ino}, false
		for _, other := range seen {
			again = again || other == here
		}
		if !again {
			seen = append(seen, here)
			s.folder(i)
		}
	}
	return s
}

// list reads a folder; what it lacks is a flaw.
func (s *Scan) list(folder string) []os.DirEntry {
	entries, more, err := regular.List(s.tree.root+folder, max(s.left, 0))
	s.left -= len(entries)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		s.flaw(fact.LossUnreadable, err.Error(), 1)
	case more:
		s.flaw(fact.LossInventory, "too many unit files: "+folder, 1)
	}
	return entries
}

func (s *Scan) flaw(cause, reason string, count int64) {
	s.Flaws = append(s.Flaws, Flaw{cause, reason, count})
}

func (s *Scan) folder(i int) {
	at := folders[i].path
	for _, e := range s.list(at) {
		name := e.Name()
		switch base, kind := name, path.Ext(name); kind {
		case ".wants", ".requires", ".upholds":
			s.wants(at+"/"+name, folders[i].scope)
		case ".d":
			base = strings.TrimSuffix(name, kind)
			if s.kind(base) || s.kind("."+base) {
				s.dropin(at+"/"+name, base)
			}
		default:
			if s.kind(name) && valid(name) {
				s.entry(i, e)
			}
		}
	}
}

// kind tells whether the name is of a unit that is looked for.
func (s *Scan) kind(name string) bool {
	ext := path.Ext(name)
	for _, k := range s.kinds {
		if ext == k {
			return true
		}
	}
	return false
}

// watched notes a folder, within bounds.
func (s *Scan) watched(folder string) bool {
	if len(s.Folders) >= maxFolders {
		s.flaw(fact.LossInventory, "too many folders of units: "+folder, 1)
		return false
	}
	s.Folders = append(s.Folders, folder)
	return true
}

func (s *Scan) wants(folder string, scope int) {
	if !s.watched(folder) {
		return
	}
	for _, e := range s.list(folder) {
		name := e.Name()
		if e.Type()&fs.ModeSymlink == 0 || !s.kind(name) || !valid(name) {
			continue
		}
		s.links[name] = append(s.links[name], link{name, scope})
		if of, _, ok := template(name); ok {
			s.spawned[of] = append(s.spawned[of], link{name, scope})
		}
	}
}

func (s *Scan) dropin(folder, of string) {
	if !s.watched(folder) {
		return
	}
	for _, e := range s.list(folder) {
		if path.Ext(e.Name()) != ".conf" {
			continue
		}
		if s.dropins[of] == nil {
			s.dropins[of] = make(map[string]string)
		}
		if _, ok := s.dropins[of][e.Name()]; !ok { // the first folder wins
			s.dropins[of][e.Name()] = folder + "/" + e.Name()
		}
	}
}

// entry notes a unit file. The first folder that has the name wins; a link of
// another name below it still counts as enabling the unit.
func (s *Scan) entry(i int, e os.DirEntry) {
	name, target := e.Name(), ""
	if e.Type()&fs.ModeSymlink != 0 {
		target, _ = os.Readlink(s.tree.root + folders[i].path + "/" + name)
		if base := path.Base(target); base != name && s.kind(base) {
			s.aliases[base] = append(s.aliases[base], link{name, folders[i].scope})
		}
	}
	if _, ok := s.entries[name]; !ok {
		s.entries[name] = entry{i, target}
	}
}
