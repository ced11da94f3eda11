package inventory

import (
	"bytes"

	"picket.internal/fact"
)

// delta is one thing to be told about one entity.
type delta struct {
	kind fact.Kind
	key  [8]byte
	fact *fact.Fact
}

// compare tells what became of each entity between two stocks of one kind; now
// are the items that the second one was made of.
func compare(before, after *stock, now []item) []delta {
	var out []delta
	say := func(key [8]byte, f *fact.Fact) {
		if f != nil {
			out = append(out, delta{after.kind, key, f})
		}
	}
	i, j := 0, 0
	for i < before.len() || j < len(now) {
		order := 0
		switch {
		case i == before.len():
			order = 1
		case j == len(now):
			order = -1
		default:
			order = bytes.Compare(before.entries[i].key[:], now[j].key[:])
		}
		switch {
		case order < 0:
			say(before.entries[i].key, before.fact(i, fact.Removed))
			i++
		case order > 0:
			say(now[j].key, told(now[j].fact, fact.Added))
			j++
		default:
			if before.entries[i].sum != [8]byte(now[j].sum[:8]) && now[j].fact != nil {
				f := told(now[j].fact, fact.Changed)
				if was := before.fact(i, ""); was != nil {
					remember(f, was)
				}
				say(now[j].key, f)
			}
			i, j = i+1, j+1
		}
	}
	return out
}

func told(f *fact.Fact, action string) *fact.Fact {
	if f != nil {
		f.SetAction(action)
	}
	return f
}

// remember fills in what a changed entity was before.
func remember(f, was *fact.Fact) {
	switch f.Kind {
	case fact.KindPackage:
		f.Package.PreviousVersion = was.Package.Version
	case fact.KindService:
		f.Service.PreviousState = otherThan(f.Service.State, was.Service.State)
		f.Service.PreviousExecutable = otherThan(f.Service.Executable, was.Service.Executable)
	case fact.KindListener:
		f.Listener.PreviousExecutable = otherThan(f.Listener.Executable, was.Listener.Executable)
	case fact.KindUser:
		u := was.User
		f.User.Before = &fact.UserState{ID: u.ID, GroupID: u.GroupID, Home: u.Home, Shell: u.Shell, Groups: u.Groups}
	case fact.KindGroup:
		f.Group.PreviousMembers = was.Group.Members
	case fact.KindSSHKey:
		f.SSHKey.PreviousOptions = was.SSHKey.Options
	case fact.KindMount:
		f.Mount.PreviousOptions = was.Mount.Options
	case fact.KindSchedule:
		f.Schedule.PreviousWhen = otherThan(f.Schedule.When, was.Schedule.When)
		f.Schedule.PreviousCommand = otherThan(f.Schedule.Command, was.Schedule.Command)
	case fact.KindFile:
		f.File.Before = fileBefore(f.File, was.File)
	}
}

func otherThan(now, was string) string {
	if now == was {
		return ""
	}
	return was
}

func fileBefore(now, was *fact.File) *fact.FileState {
	b := &fact.FileState{
		Mode: otherThan(now.Mode, was.Mode), UID: otherThan(now.UID, was.UID),
		GID: otherThan(now.GID, was.GID), MTime: otherThan(now.MTime, was.MTime),
	}
	if now.Size != was.Size {
		b.Size = was.Size
	}
	if was.Hash != nil && (now.Hash == nil || *now.Hash != *was.Hash) {
		b.Hash = was.Hash
	}
	return b
}
