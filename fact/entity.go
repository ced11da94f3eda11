package fact

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sort"
	"strings"

	"picket.internal/strictjson"
)

// Entity is what an inventory fact says of one thing on the host: which one,
// and how it is. Sensor and hub derive it alike, so that both can tell by one
// digest whether they hold the same.
type Entity struct {
	// Kind is the inventory that it belongs to.
	Kind Kind
	// Key names it within its kind; two facts with one key are about one thing.
	Key string
	// State is how it is: its block in canonical form, without what happened
	// to it and how it was before.
	State []byte
}

// Inventories are the kinds whose facts are about entities that stay. A login
// is an event and not among them.
func Inventories() []Kind {
	return []Kind{
		KindPackage, KindService, KindListener, KindUser, KindGroup, KindSSHKey,
		KindMount, KindModule, KindSchedule, KindSudoers, KindFile,
	}
}

// Entity returns what an inventory fact is about. ok is false for facts of
// other kinds, and where the block is missing.
func (f *Fact) Entity() (e Entity, ok bool, err error) {
	key, state := f.identity()
	if state == nil {
		return Entity{}, false, nil
	}
	data, err := strictjson.Encode(state)
	if err != nil {
		return Entity{}, false, fmt.Errorf("encoding %s entity: %w", f.Kind, err)
	}
	return Entity{Kind: f.Kind, Key: strings.Join(key, "\x00"), State: data}, true, nil
}

// identity is what names the entity and a copy of its block that says only how
// it is; nil where the fact is not about an entity.
func (f *Fact) identity() (key []string, state any) {
	switch f.Kind {
	case KindPackage:
		if p := f.Package; p != nil {
			s := *p
			s.Action, s.PreviousVersion = "", ""
			return []string{p.Type, p.Name, p.Architecture, p.Instance}, &s
		}
	case KindService:
		if p := f.Service; p != nil {
			s := *p
			s.Action, s.PreviousState, s.PreviousExecutable = "", "", ""
			return []string{p.Manager, p.Name}, &s
		}
	case KindListener:
		if p := f.Listener; p != nil {
			s := *p
			s.Action, s.PreviousExecutable = "", ""
			return []string{p.Transport, p.Type, p.Address, fmt.Sprint(p.Port), p.Interface}, &s
		}
	case KindUser:
		if p := f.User; p != nil {
			s := *p
			s.Action, s.Before, s.Audit = "", nil, nil
			return []string{p.Name}, &s
		}
	case KindGroup:
		if p := f.Group; p != nil {
			s := *p
			s.Action, s.PreviousMembers = "", nil
			return []string{p.Name}, &s
		}
	case KindSSHKey:
		if p := f.SSHKey; p != nil {
			s := *p
			s.Action, s.PreviousOptions = "", nil
			return []string{p.Use, p.Path, p.Account, p.Fingerprint}, &s
		}
	}
	return f.identityMore()
}

func (f *Fact) identityMore() (key []string, state any) {
	switch f.Kind {
	case KindMount:
		if p := f.Mount; p != nil {
			s := *p
			s.Action, s.PreviousOptions = "", nil
			return []string{p.Path, p.Type, p.Source}, &s
		}
	case KindModule:
		if p := f.Module; p != nil {
			s := *p
			s.Action = ""
			return []string{p.Name}, &s
		}
	case KindSchedule:
		if p := f.Schedule; p != nil {
			s := *p
			s.Action, s.PreviousWhen, s.PreviousCommand = "", "", ""
			if p.Type == "timer" {
				return []string{p.Type, p.Name}, &s
			}
			// A line of a crontab has no name but what it says.
			return []string{p.Type, p.Path, p.Name, p.Account, p.When, p.Command}, &s
		}
	case KindSudoers:
		if p := f.Sudoers; p != nil {
			s := *p
			s.Action = ""
			return []string{p.Path, p.Type, p.Text}, &s
		}
	case KindFile:
		if p := f.File; p != nil {
			s := *p
			s.Action, s.Before = "", nil
			return []string{p.Path, p.PathB64}, &s
		}
	}
	return nil, nil
}

// KeyHash is the first 8 bytes of the SHA-256 of the key: what names an entity
// where the key itself would take too much.
func (e *Entity) KeyHash() [8]byte {
	sum := sha256.Sum256([]byte(e.Key))
	return [8]byte(sum[:8])
}

// FromState is Entity the other way: the fact of an entity that is as state
// says, with the action. Id, time and host are the caller's to fill in.
func FromState(kind Kind, state []byte, action string) (*Fact, error) {
	f := &Fact{Kind: kind}
	block := f.newBlock()
	if block == nil {
		return nil, fmt.Errorf("no entity is of kind %q", kind)
	}
	if err := strictjson.Decode(state, limits, block, func(string) {}); err != nil {
		return nil, fmt.Errorf("malformed %s state: %w", kind, err)
	}
	f.SetAction(action)
	return f, nil
}

// newBlock gives the fact of an inventory kind its empty block.
func (f *Fact) newBlock() any {
	switch f.Kind {
	case KindPackage:
		f.Package = new(Package)
		return f.Package
	case KindService:
		f.Service = new(Service)
		return f.Service
	case KindListener:
		f.Listener = new(Listener)
		return f.Listener
	case KindUser:
		f.User = new(User)
		return f.User
	case KindGroup:
		f.Group = new(Group)
		return f.Group
	case KindSSHKey:
		f.SSHKey = new(SSHKey)
		return f.SSHKey
	case KindMount:
		f.Mount = new(Mount)
		return f.Mount
	case KindModule:
		f.Module = new(Module)
		return f.Module
	case KindSchedule:
		f.Schedule = new(Schedule)
		return f.Schedule
	case KindSudoers:
		f.Sudoers = new(Sudoers)
		return f.Sudoers
	case KindFile:
		f.File = new(File)
		return f.File
	}
	return nil
}

// SetAction says what happened to what the fact is about; nothing where the
// block is missing that the kind is named after.
func (f *Fact) SetAction(action string) {
	if a := f.action(); a != nil {
		*a = action
	}
}

// Sum is the SHA-256 over the kind, a zero byte, the length of the key in 8
// bytes with the highest first, the key and the state.
func (e *Entity) Sum() [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte(e.Kind))
	h.Write(binary.BigEndian.AppendUint64([]byte{0}, uint64(len(e.Key))))
	h.Write([]byte(e.Key))
	h.Write(e.State)
	return [sha256.Size]byte(h.Sum(nil))
}

type rising [][sha256.Size]byte

func (a rising) Len() int           { return len(a) }
func (a rising) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a rising) Less(i, j int) bool { return bytes.Compare(a[i][:], a[j][:]) < 0 }

// Digest sums up an inventory: SHA-256 over the sums of its entities in rising
// order. sums is sorted in place.
func Digest(sums [][sha256.Size]byte) [sha256.Size]byte {
	sort.Sort(rising(sums))
	h := sha256.New()
	for i := range sums {
		h.Write(sums[i][:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}
