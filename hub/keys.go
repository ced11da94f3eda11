package hub

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"picket.internal/eat"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/home"
	"picket.internal/hub/internal/store"
	"picket.internal/strictjson"
)

// Key is a key that a hub has or had.
type Key = home.Key

// Keyring is what a hub's folder says of its keys.
type Keyring struct {
	// Keys are all that it has and had, in no order.
	Keys []Key
	// Strays are key files that are none of them: left by a change that was cut
	// off. Nothing uses them.
	Strays []string
}

// Keys reads the list of a hub's keys. It may run beside the hub.
func Keys(dir string) (Keyring, error) {
	h, err := home.Open(home.Dir(dir))
	if err != nil {
		return Keyring{}, err
	}
	strays, err := h.Strays()
	return Keyring{Keys: h.Keys(), Strays: strays}, err
}

// AddKey makes the next key of a role: token, log or evidence. life is how long
// hosts believe one for tokens; empty means two years. A hub that runs takes this
// and every other change of its keys at its next start.
func AddKey(dir, role string, life time.Duration) (Key, error) {
	return changeKeys(dir, func(h *home.Home) (Key, error) { return h.AddKey(role, life, now()) })
}

// UseKey puts the next key of a role to use: token, log, evidence or tls. Where
// hosts are not known to believe it yet it is refused, with fault key.locks_out,
// unless force is set.
func UseKey(ctx context.Context, dir, role string, force bool) (Key, error) {
	return changeKeys(dir, func(h *home.Home) (Key, error) {
		if !force {
			if err := usable(ctx, h, role); err != nil {
				return Key{}, err
			}
		}
		return h.UseKey(role, now())
	})
}

// RetireKey has hosts believe a key no longer that another took the place of: the
// one with the id, or the only old one of the role. stolen has them told never to
// believe it again. Where hosts are not known to believe the other, or something
// could not be read any more, it is refused unless force is set.
func RetireKey(ctx context.Context, dir, role, id string, stolen, force bool) (Key, error) {
	return changeKeys(dir, func(h *home.Home) (Key, error) {
		k, err := h.Retirable(role, id)
		if err != nil {
			return Key{}, err
		}
		if !force && k.State == home.Old {
			if err := dispensable(ctx, h, k); err != nil {
				return Key{}, err
			}
		}
		return h.RetireKey(role, id, stolen, now())
	})
}

func now() time.Time { return time.Now().UTC() }

func changeKeys(dir string, change func(*home.Home) (Key, error)) (k Key, err error) {
	if _, err := home.Open(home.Dir(dir)); err != nil { // before a lock is left where no hub is
		return Key{}, err
	}
	release, err := home.LockKeys(home.Dir(dir))
	if err != nil {
		return Key{}, err
	}
	defer func() { err = errors.Join(err, release()) }()
	h, err := home.Open(home.Dir(dir))
	if err != nil {
		return Key{}, err
	}
	return change(h)
}

// usable refuses to put a key to use that hosts are not known to believe.
func usable(ctx context.Context, h *home.Home, role string) (err error) {
	s, done, err := store.Look(ctx, h.Dir.Database(), optionsOf(h))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	switch role {
	case home.RoleToken:
		return believes(ctx, h, s)
	case home.RoleTLS:
		for _, k := range h.Keys() {
			if k.Role != role || k.State != home.Next || k.First() {
				continue
			}
			names, err := s.EnrolledWithout(ctx, k.ID)
			if err != nil || len(names) == 0 {
				return err
			}
			return fault.KeyLocksOut.With("%s enrolled before the hub told of its next TLS key, and believe none but those of then: let them enroll again, as docs/keys.md says; --force locks them out", some(names))
		}
	}
	return nil // a checkpoint has the old signature too, and the old key opens what was sealed to it
}

// dispensable refuses to retire a key that is still needed.
func dispensable(ctx context.Context, h *home.Home, k Key) (err error) {
	s, done, err := store.Look(ctx, h.Dir.Database(), optionsOf(h))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	switch k.Role {
	case home.RoleLog:
		return believes(ctx, h, s)
	case home.RoleEvidence:
		n, err := s.SealedTo(ctx, h.Opening(k.ID))
		if err != nil {
			return err
		}
		if n > 0 {
			return fault.KeyLocksOut.With("%d bundles of evidence are sealed to the key and could not be read any more; picket eat evidence saves one, --force lets go of them", n)
		}
		return believes(ctx, h, s)
	}
	return nil // tokens are signed with another key already
}

// believes refuses unless every host that takes orders has attested the trust
// store that the hub publishes.
func believes(ctx context.Context, h *home.Home, s *store.Store) error {
	operators, err := s.Operators(ctx)
	if err != nil {
		return err
	}
	t, err := h.Trust(operators)
	if err != nil {
		return err
	}
	printed, err := strictjson.Encode(t)
	if err != nil {
		return err
	}
	indented, err := t.Encode()
	if err != nil {
		return err
	}
	var digests []string
	for _, text := range [][]byte{printed, append(printed, '\n'), indented} {
		sum := sha256.Sum256(text)
		digests = append(digests, hex.EncodeToString(sum[:]))
	}
	names, of, err := s.Lagging(ctx, digests)
	if err != nil || len(names) == 0 {
		return err
	}
	return fault.KeyLocksOut.With("%d of %d hosts have not attested the trust store that the hub publishes now, and may refuse its tokens then: %s; "+
		"picket hosts attest HOST asks one, --force says that they have it", len(names), of, some(names))
}

// some is a list for a person.
func some(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// recordKeys writes into the log which keys the hub has, once any was changed:
// each key, whenever it comes into another state.
func (h *Hub) recordKeys(ctx context.Context) error {
	if !h.home.Changed() {
		return nil
	}
	for _, k := range h.home.Keys() {
		detail := map[string]string{"role": k.Role, "state": k.State, "since": k.Since.Format(time.RFC3339), "public": base64.StdEncoding.EncodeToString(k.Public)}
		if !k.NotAfter.IsZero() {
			detail["not_after"] = k.NotAfter.Format(time.RFC3339)
		}
		if err := h.store.RecordOnce(ctx, eat.EventKey, k.ID, "state", detail); err != nil {
			return err
		}
	}
	return nil
}

// optionsOf are those of a hub's store that its folder decides.
func optionsOf(h *home.Home) store.Options {
	return store.Options{Hub: h.Hub, Key: h.Online, Log: h.Log, LogBeside: h.LogBeside, LogBefore: h.LogBefore()}
}

func (h *Hub) storeOptions() store.Options {
	o := optionsOf(h.home)
	o.Params, o.EvidenceBytes, o.Now, o.Logger = h.cfg.StoreParams, h.cfg.EvidenceBytes, h.cfg.Now, h.log
	return o
}
