//go:build linux

package accounts

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/account"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/regular"
	"picket.internal/sensor/watch/inventory"
)

// bounds of passwd, group and shadow. A line of group holds all its members.
var bounds = regular.Bounds{Bytes: 16 << 20, Line: 256 << 10}

const (
	costName = 256
	costPath = 2 << 10
	costList = 16 << 10
)

// accounts reads users and groups, which name each other.
func (r *reading) accounts() {
	var users []account.User
	var user account.User
	usersOK := r.entries(fact.KindUser, "passwd", func(line []byte) (name string, ok bool) {
		user, ok = account.ParseUser(line)
		return user.Name, ok
	}, func() { users = append(users, user) })
	var groups []account.Group
	var group account.Group
	groupsOK := r.entries(fact.KindGroup, "group", func(line []byte) (name string, ok bool) {
		group, ok = account.ParseGroup(line)
		return group.Name, ok
	}, func() { groups = append(groups, group) })
	if !usersOK {
		users = nil
	}
	if !groupsOK {
		groups = nil
	}
	passwords := r.shadow(users)

	names := make(map[uint32]string, len(groups))
	member := make(map[string][]string)
	for _, g := range groups {
		if _, taken := names[g.GID]; !taken { // as in the C library, the first of an id wins
			names[g.GID] = g.Name
		}
		for _, m := range g.Members {
			member[m] = append(member[m], g.Name)
		}
	}
	if usersOK && !groupsOK {
		r.gap(fact.KindUser, fact.LossUnreadable, int64(len(users)), false, "the groups of users are not known: group(5) could not be read")
	}
	for _, u := range users {
		p := u.Password
		if p == account.PasswordElsewhere {
			p = passwords[u.Name]
		}
		r.Facts = append(r.Facts, &fact.Fact{Kind: fact.KindUser, User: &fact.User{
			ID: strconv.FormatUint(uint64(u.UID), 10), Name: text(u.Name, costName),
			GroupID: strconv.FormatUint(uint64(u.GID), 10), GroupName: text(names[u.GID], costName),
			Home: text(u.Home, costPath), Shell: text(u.Shell, costPath),
			Groups: list(member[u.Name]),
			Locked: p == account.PasswordLocked, NoPassword: p == account.PasswordNone,
		}})
	}
	for _, g := range groups {
		r.Facts = append(r.Facts, &fact.Fact{Kind: fact.KindGroup, Group: &fact.Group{
			ID: strconv.FormatUint(uint64(g.GID), 10), Name: text(g.Name, costName), Members: list(g.Members),
		}})
	}
}

// entries reads a file of one entry a line: parse takes a line and says its
// name, keep keeps what was parsed last. As in the C library, the first line
// of a name wins. False means that there is nothing to go by, also not what
// was kept.
func (r *reading) entries(of fact.Kind, file string, parse func([]byte) (name string, ok bool), keep func()) bool {
	path := filepath.Join(r.root, "etc", file)
	seen := make(map[string]bool)
	var malformed, over int64
	lack, _, err := regular.Lines(path, bounds, func(line []byte) {
		if account.Blank(line) {
			return
		}
		name, ok := parse(line)
		key := text(name, costName)
		switch {
		case !ok || seen[key]:
			malformed++
		case len(seen) == inventory.MaxEntities:
			over++
		default:
			seen[key] = true
			keep()
		}
	})
	if err != nil {
		r.gap(of, fact.LossUnreadable, 1, true, fmt.Sprintf("read %s: %s", file, why(err)))
		return false
	}
	r.gap(of, fact.LossMalformed, malformed+lack.Long, false, fmt.Sprintf("lines of %s are malformed, too long, or of a name that an earlier line has", file))
	if lack.Cut {
		over++
	}
	r.gap(of, fact.LossInventory, over, false, fmt.Sprintf("%s is larger than the sensor reads", file))
	return true
}

// shadow reads what kind of password each account has. The map has no entry
// where that is not known; an account that shadow(5) does not list has none
// that could be right.
func (r *reading) shadow(users []account.User) map[string]account.Password {
	passwords := make(map[string]account.Password)
	var malformed int64
	lack, _, err := regular.Lines(filepath.Join(r.root, "etc/shadow"), bounds, func(line []byte) {
		if account.Blank(line) {
			return
		}
		name, p, ok := account.ParseShadow(line)
		if !ok {
			malformed++
			return
		}
		if _, taken := passwords[name]; !taken && len(passwords) < inventory.MaxEntities {
			passwords[name] = p
		}
	})
	hidden := int64(0) // accounts whose state is not known
	for _, u := range users {
		if u.Password == account.PasswordElsewhere && err != nil {
			hidden++
		}
	}
	if err != nil {
		r.gap(fact.KindUser, fact.LossUnreadable, hidden, false, fmt.Sprintf("which accounts are locked is not known: read shadow: %s", why(err)))
		return nil
	}
	r.gap(fact.KindUser, fact.LossMalformed, malformed+lack.Long, false, "lines of shadow are malformed or too long")
	for _, u := range users {
		if _, ok := passwords[u.Name]; !ok && !lack.Cut {
			passwords[u.Name] = account.PasswordLocked
		}
	}
	return passwords
}

// why is an error without the path, which the sensor's root is part of.
func why(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	if _, after, ok := strings.Cut(err.Error(), `": `); ok {
		return after
	}
	return err.Error()
}

func text(s string, cost int) string {
	plain, _ := describe.Text(s, cost)
	return plain
}

// list is names as a fact carries them: sorted, each once, and cut where they
// would not fit, with the digest of all as the last so that a change shows.
func list(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)
	out, left := make([]string, 0, min(len(names), 64)), costList
	for i, n := range names {
		plain := text(n, costName)
		if left -= 6*len(plain) + 3; left < 0 {
			return append(out, fmt.Sprintf("and %d more, %s", len(names)-i, digest(strings.Join(names, "\x00"))))
		}
		out = append(out, plain)
	}
	return out
}
