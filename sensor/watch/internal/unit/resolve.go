//go:build linux

package unit

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/regular"
)

// Names are the units that have a file or are enabled, and those of loaded
// besides, in order.
func (s *Scan) Names(loaded []string) []string {
	names := make(map[string]bool, len(s.entries))
	for name := range s.entries {
		names[name] = true
	}
	for name := range s.links {
		if of, _, ok := template(name); ok {
			if _, ok := s.entries[of]; ok {
				names[name] = true
			}
		}
	}
	for _, name := range loaded {
		if s.kind(name) && valid(name) {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Keep makes what this scan read the tree's memory and forgets what others
// read. It is to be called when all units were asked for.
func (s *Scan) Keep() { s.tree.files = s.fresh }

// Unit resolves a name to its file, reads it with its drop-ins and tells its
// state. Path is empty where there is none.
func (s *Scan) Unit(name string) Unit {
	u := Unit{Name: name, Target: name}
	at, scope, how := s.resolve(&u)
	u.Path = at
	if how == "masked" || at == "" {
		u.Enabled = suffixed(how, scope)
		return u
	}
	if f := s.read(at); f != nil {
		if f.stat.size == 0 && f.err == nil { // systemd takes an empty file for /dev/null
			u.Enabled = suffixed("masked", scope)
			return u
		}
		u.apply(f.settings)
	}
	for _, d := range s.dropinsOf(u.Target) {
		if f := s.read(d); f != nil {
			u.apply(f.settings)
		}
	}
	switch {
	case how != "":
		u.Enabled = suffixed(how, scope)
	case scope == generated:
		u.Enabled = "generated"
	case scope == transient:
		u.Enabled = "transient"
	default:
		u.Enabled = s.enabled(&u)
	}
	return u
}

// suffixed is a state as systemctl(1) names it for what is gone after a boot.
func suffixed(how string, scope int) string {
	if scope == runtime && (how == "masked" || how == "linked") {
		return how + "-runtime"
	}
	return how
}

// resolve finds the file of a unit and follows its links. how is masked,
// linked or alias where that decides the state.
func (s *Scan) resolve(u *Unit) (at string, scope int, how string) {
	name := u.Name
	for range maxHops {
		e, ok := s.entries[name]
		if of, _, isInstance := template(name); !ok && isInstance {
			e, ok = s.entries[of]
			name = of
		}
		if !ok {
			return "", 0, how
		}
		at, scope = folders[e.folder].path+"/"+name, folders[e.folder].scope
		if e.link == "" {
			return at, scope, how
		}
		target := e.link
		if !path.IsAbs(target) {
			target = folders[e.folder].path + "/" + target
		}
		target = path.Clean(target)
		if target == "/dev/null" {
			return at, scope, "masked"
		}
		base, in := path.Base(target), folderOf(path.Dir(target))
		switch {
		case in < 0: // outside of where systemd looks
			return target, scope, "linked"
		case base == name:
			return target, folders[in].scope, how
		}
		how = "alias"
		name, u.Target = base, base
	}
	return "", 0, "bad"
}

// folderOf is which of folders the path is; -1 where it is none.
func folderOf(p string) int {
	for i := range folders {
		if folders[i].path == p {
			return i
		}
	}
	return -1
}

// read reads a unit file, once as long as it stays the same. nil says that it
// could not be read.
func (s *Scan) read(p string) *file {
	if f := s.fresh[p]; f != nil {
		return f
	}
	var st unix.Stat_t
	if err := unix.Stat(s.tree.root+p, &st); err != nil {
		if err != unix.ENOENT { // it went while we looked, or a link leads nowhere
			s.flaw(fact.LossUnreadable, "stat "+p+": "+err.Error(), 1)
		}
		return nil
	}
	now := stamp{st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim}
	f := s.tree.files[p]
	if f == nil || f.stat != now {
		f = &file{stat: now}
		var data []byte
		if data, _, f.err = regular.Read(s.tree.root+p, maxFile); f.err == nil {
			f.settings, f.err = parse(data)
		}
	}
	s.fresh[p] = f
	switch {
	case errors.Is(f.err, errForm), errors.Is(f.err, regular.ErrTooLarge), errors.Is(f.err, regular.ErrNotRegular):
		s.flaw(fact.LossMalformed, f.err.Error(), 1)
	case f.err != nil && !errors.Is(f.err, fs.ErrNotExist):
		s.flaw(fact.LossUnreadable, f.err.Error(), 1)
	}
	return f
}

// dropinsOf are the drop-ins of a unit in the order in which they apply, by
// name: for the unit, its template, each part of its name that ends in a dash,
// and all of its kind. Of two with one name the one for the nearest wins.
func (s *Scan) dropinsOf(name string) []string {
	if len(s.dropins) == 0 {
		return nil
	}
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	owners := []string{name}
	if of, _, ok := template(name); ok {
		owners = append(owners, of)
		stem, _, _ = strings.Cut(stem, "@")
	}
	for i := len(stem) - 1; i > 0; i-- {
		if stem[i] == '-' && i < len(stem)-1 {
			owners = append(owners, stem[:i+1]+ext)
		}
	}
	owners = append(owners, ext[1:])
	chosen := make(map[string]string)
	for _, o := range owners {
		for n, p := range s.dropins[o] {
			if _, ok := chosen[n]; !ok {
				chosen[n] = p
			}
		}
	}
	paths := make([]string, 0, len(chosen))
	for _, n := range slices.Sorted(maps.Keys(chosen)) {
		paths = append(paths, chosen[n])
	}
	return paths
}

// enabled is the state of a unit file that is neither linked nor masked, by
// the rules of systemctl(1) is-enabled.
func (s *Scan) enabled(u *Unit) string {
	of, _, isInstance := template(u.Name)
	best := ""
	note := func(l link, indirect bool) {
		state := ""
		switch {
		case indirect && (l.scope == config || l.scope == runtime):
			state = "indirect"
		case indirect:
		case l.scope == config:
			state = "enabled"
		case l.scope == runtime:
			state = "enabled-runtime"
		case isInstance: // made by the vendor, for good
			state = "static"
		}
		if rank(state) > rank(best) {
			best = state
		}
	}
	for _, l := range s.links[u.Name] {
		note(l, false)
	}
	for _, l := range s.spawned[u.Name] {
		_, instance, _ := template(l.name)
		note(l, instance != u.instance)
	}
	for _, l := range s.aliases[u.Name] {
		note(l, !slices.Contains(u.alias, l.name))
	}
	switch {
	case best != "":
	case isInstance && s.entries[of].link == "" && !u.wanted:
		best = "static"
	case u.wanted:
		best = "disabled"
	case len(u.also) > 0:
		best = "indirect"
	default:
		best = "static"
	}
	return best
}

// rank orders the states that links make: the strongest wins.
func rank(state string) int {
	return slices.Index([]string{"", "static", "indirect", "enabled-runtime", "enabled"}, state)
}
