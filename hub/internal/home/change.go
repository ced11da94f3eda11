package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"picket.internal/hub/internal/fault"
)

// TokenKeyLife is how long a key that signs tokens is good for where nobody says
// otherwise. A trust store names its end, so that a key that was lost sight of
// does not count for ever.
const TokenKeyLife = 2 * 365 * 24 * time.Hour

// A change of a key is made under LockKeys. It takes effect in one step, by a new
// keys.json; a private key is on the disk before that names it, and goes after.
// So a change that is cut off has not happened, or it has, and all that can be
// left of it is a file that nothing names. A hub that runs goes on with the keys
// that it has read.

// AddKey makes the next key of a role. life is how long hosts believe one for
// tokens; empty means TokenKeyLife.
func (h *Home) AddKey(role string, life time.Duration, now time.Time) (Key, error) {
	if err := h.changeable(role); err != nil {
		return Key{}, err
	}
	if role == RoleTLS {
		return Key{}, fault.KeyState.With("the next TLS key is there always; picket-hub keys use tls puts it to use and makes another")
	}
	if next := h.ring.of(role, Next); len(next) > 0 {
		return Key{}, fault.KeyState.With("there is a next %s key already, %s; put it to use, or retire it", role, next[0].ID)
	}
	if len(h.ring.of(role, InUse, Old)) >= believed {
		return Key{}, fault.KeyState.With("hosts believe %d %s keys at most; retire an old one first", believed, role)
	}
	k := Key{Role: role, State: Next, Since: now}
	if role == RoleToken {
		if life <= 0 {
			life = TokenKeyLife
		}
		k.NotAfter = now.Add(life).Truncate(time.Second)
	}
	k, err := h.make(k)
	if err != nil {
		return Key{}, err
	}
	h.at("made")
	return k, h.commit(append(slices.Clone(h.ring.Keys), k))
}

// UseKey puts the next key of a role to use. Of TLS, the one before is gone then,
// and there is another next one.
func (h *Home) UseKey(role string, now time.Time) (Key, error) {
	if err := h.changeable(role); err != nil {
		return Key{}, err
	}
	next := h.ring.of(role, Next)
	if len(next) == 0 {
		return Key{}, fault.KeyState.With("there is no next %s key; make one with picket-hub keys add %s, and let hosts learn it", role, role)
	}
	keys := slices.Clone(h.ring.Keys)
	var used Key
	for i := range keys {
		switch k := &keys[i]; {
		case k.ID == next[0].ID:
			k.State, k.Since = InUse, now
			used = *k
		case k.Role == role && k.State == InUse && role == RoleTLS:
			k.State, k.Since, k.File = Retired, now, ""
		case k.Role == role && k.State == InUse:
			k.State, k.Since = Old, now
		}
	}
	if role == RoleTLS {
		k, err := h.make(Key{Role: role, State: Next, Since: now})
		if err != nil {
			return Key{}, err
		}
		h.at("made")
		keys = append(keys, k)
	}
	return used, h.commit(keys)
}

// RetireKey takes a key that is not in use out of what hosts are asked to
// believe, and its private half off the disk: the one with the id, or the only
// old one of its role. stolen has hosts told never to believe it again.
func (h *Home) RetireKey(role, id string, stolen bool, now time.Time) (Key, error) {
	k, err := h.Retirable(role, id)
	if err != nil {
		return Key{}, err
	}
	keys := slices.Clone(h.ring.Keys)
	at := slices.IndexFunc(keys, func(one Key) bool { return one.ID == k.ID })
	keys[at].State, keys[at].Since, keys[at].File = Retired, now, ""
	if stolen {
		keys[at].State = Revoked
	}
	return keys[at], h.commit(keys)
}

// Retirable is the key that RetireKey would take out.
func (h *Home) Retirable(role, id string) (Key, error) {
	if err := h.changeable(role); err != nil {
		return Key{}, err
	}
	if role == RoleTLS {
		return Key{}, fault.KeyState.With("no host believes a TLS key of before; the hub has none")
	}
	found := h.ring.of(role, Old)
	if id != "" {
		found = slices.DeleteFunc(h.ring.of(role, InUse, Next, Old), func(k Key) bool { return k.ID != id })
	}
	switch {
	case len(found) == 0 && id != "":
		return Key{}, fault.KeyState.With("there is no %s key %.40q to be retired; see picket-hub keys list", role, id)
	case len(found) == 0:
		return Key{}, fault.KeyState.With("there is no old %s key; the one in use is retired once another is: picket-hub keys add %s, and then use", role, role)
	case len(found) > 1:
		return Key{}, fault.KeyState.With("there are %d old %s keys; say which: picket-hub keys retire %s ID", len(found), role, role)
	case found[0].State == InUse:
		return Key{}, fault.KeyState.With("%s is in use; put another to use first: picket-hub keys add %s, and then use", id, role)
	}
	return found[0], nil
}

func (h *Home) changeable(role string) error {
	switch role {
	case RoleToken, RoleLog, RoleEvidence, RoleTLS:
		return nil
	case RoleOnline:
		return fault.KeyState.With("hosts learn the online key when they enroll, and have no other way: it cannot be changed")
	}
	return fault.KeyState.With("no key of the hub has the role %.40q: want token, log, evidence or tls", role)
}

// commit makes the change, and then takes off the disk what nothing names any
// more of it.
func (h *Home) commit(keys []Key) error {
	before := h.ring.Keys
	r := &ring{V: 1, Keys: keys}
	if err := r.store(h.Dir); err != nil {
		return err
	}
	h.ring = r
	h.at("listed")
	var errs []error
	for _, k := range before {
		if k.File == "" || slices.ContainsFunc(keys, func(one Key) bool { return one.File == k.File }) {
			continue
		}
		path := filepath.Join(h.Dir.keys(), k.File)
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("the key is out of use, and its file stays: remove it yourself: %w", err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return syncDir(h.Dir.keys())
}

// at is where a test ends the program.
func (h *Home) at(step string) {
	if h.step != nil {
		h.step(step)
	}
}
