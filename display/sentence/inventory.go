package sentence

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"picket.internal/fact"
)

// entity is an inventory fact taken apart.
type entity struct{ action, what, now, before string }

func inventory(f *fact.Fact) entity {
	switch {
	case f.Kind == fact.KindPackage && f.Package != nil:
		p := f.Package
		return entity{p.Action, p.Name, join(p.Version, p.Architecture), p.PreviousVersion}
	case f.Kind == fact.KindService && f.Service != nil:
		s := f.Service
		return entity{s.Action, s.Name, join(s.State, s.Enabled, s.Executable), join(s.PreviousState, s.PreviousExecutable)}
	case f.Kind == fact.KindListener && f.Listener != nil:
		l := f.Listener
		return entity{l.Action, l.Transport + " " + l.Address + " port " + strconv.FormatInt(l.Port, 10), join(l.Executable, User(f.User)), l.PreviousExecutable}
	case f.Kind == fact.KindMount && f.Mount != nil:
		m := f.Mount
		return entity{m.Action, m.Path, join(m.Type, m.Source, list(m.Options)), list(m.PreviousOptions)}
	case f.Kind == fact.KindModule && f.Module != nil:
		return entity{f.Module.Action, f.Module.Name, f.Module.Taints, ""}
	case f.Kind == fact.KindSchedule && f.Schedule != nil:
		s := f.Schedule
		return entity{s.Action, first(s.Name, s.Path), join(s.When, s.Command, s.Account), join(s.PreviousWhen, s.PreviousCommand)}
	case f.Kind == fact.KindFile && f.File != nil:
		return file(f.File)
	case f.Kind == fact.KindSnapshot && f.Snapshot != nil:
		return snapshot(f.Snapshot)
	}
	return rights(f)
}

// rights is what tells who may do what.
func rights(f *fact.Fact) entity {
	switch {
	case f.Kind == fact.KindUser && f.User != nil:
		return account(f.User)
	case f.Kind == fact.KindGroup && f.Group != nil:
		g := f.Group
		return entity{g.Action, g.Name, list(g.Members), list(g.PreviousMembers)}
	case f.Kind == fact.KindSSHKey && f.SSHKey != nil:
		k := f.SSHKey
		return entity{k.Action, k.Fingerprint, join(k.Path, k.Account, k.Comment, list(k.Options)), list(k.PreviousOptions)}
	case f.Kind == fact.KindSudoers && f.Sudoers != nil:
		s := f.Sudoers
		return entity{s.Action, first(s.Text, join(s.Who, s.Hosts, s.RunAs, s.Commands)), "in " + s.Path, ""}
	case f.Kind == fact.KindLogin && f.Login != nil:
		l := f.Login
		return entity{l.Action, first(User(f.User), "a login"), join(l.Outcome, l.Method, l.SourceIP, l.Service), ""}
	}
	return entity{}
}

// account says how an account is, and what of it was otherwise.
func account(u *fact.User) entity {
	e := entity{action: u.Action, what: User(u), now: u.Shell}
	b := u.Before
	if b == nil {
		return e
	}
	var now, was []string
	differ := func(a, b string) {
		if a != b {
			now, was = append(now, first(a, "none")), append(was, first(b, "none"))
		}
	}
	differ(u.ID, b.ID)
	differ(u.GroupID, b.GroupID)
	differ(u.Home, b.Home)
	if u.Shell != b.Shell {
		was = append(was, first(b.Shell, "none"))
	}
	if !slices.Equal(u.Groups, b.Groups) {
		differ(list(u.Groups), list(b.Groups))
	}
	e.now, e.before = join(append(now, u.Shell)...), join(was...)
	return e
}

// file says what of a file has changed.
func file(f *fact.File) entity {
	e := entity{action: f.Action, what: exact(f.Path, f.PathB64)}
	b := f.Before
	if b == nil {
		e.now = join(f.Type, f.Mode, digest(f.Hash))
		return e
	}
	var now, was []string
	differ := func(what, a, b string) {
		if b != "" {
			now, was = append(now, what+" "+first(a, "none")), append(was, what+" "+b)
		}
	}
	differ("content", digest(f.Hash), digest(b.Hash))
	differ("mode", f.Mode, b.Mode)
	differ("owner", f.UID, b.UID)
	differ("group", f.GID, b.GID)
	e.now, e.before = strings.Join(now, ", "), strings.Join(was, ", ")
	return e
}

func snapshot(s *fact.Snapshot) entity {
	if len(s.Gone) > 0 {
		return entity{string(s.Of), strconv.Itoa(len(s.Gone)), "gone", ""}
	}
	now := short(s.Digest)
	if s.Omitted > 0 {
		now = join(now, fmt.Sprintf("%d omitted: %s", s.Omitted, first(s.Reason, "nobody says why")))
	}
	return entity{string(s.Of), strconv.FormatInt(s.Count, 10), now, ""}
}

func list(words []string) string { return strings.Join(words, ",") }
