package home

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/hub/internal/audit"
	"picket.internal/wire"
)

func idOf(public []byte) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:16])
}

// loadKeys reads every private key that the folder's list names.
func (h *Home) loadKeys() (err error) {
	if h.ring, err = loadRing(h.Dir); err != nil {
		return err
	}
	fresh := h.ring == nil
	if fresh {
		h.ring = firstRing(h.Dir, &h.Identity)
	}
	for i := range h.ring.Keys {
		k := &h.ring.Keys[i]
		if k.File == "" {
			continue
		}
		public, err := h.loadKey(*k)
		if err != nil {
			return fmt.Errorf("loading the %s key: %w", k.Role, err)
		}
		if fresh {
			k.Public, k.ID = public, idOf(public)
		} else if !bytes.Equal(k.Public, public) {
			return fmt.Errorf("loading the %s key: %q is another key than %s, which %q names; restore the files that belong together", k.Role, k.File, k.ID, h.Dir.ring())
		}
	}
	return h.arrange()
}

// loadKey reads a private key, and returns its public half.
func (h *Home) loadKey(k Key) (public []byte, err error) {
	path := filepath.Join(h.Dir.keys(), k.File)
	if k.Role == RoleEvidence {
		key, err := loadEvidenceKey(path)
		if err != nil {
			return nil, err
		}
		h.opening[idOf(key.PublicKey().Bytes())] = key
		return key.PublicKey().Bytes(), nil
	}
	key, err := envelope.LoadPrivateKey(path)
	if err != nil {
		return nil, err
	}
	h.signing[key.Public().ID()] = key
	return key.Public().Bytes(), nil
}

// arrange gives each role its keys.
func (h *Home) arrange() (err error) {
	one := func(role string) envelope.PrivateKey { return h.signing[h.ring.of(role, InUse)[0].ID] }
	h.TLS, h.Online, h.EAT, h.Log = one(RoleTLS), one(RoleOnline), one(RoleToken), one(RoleLog)
	h.EATNotAfter = h.ring.of(RoleToken, InUse)[0].NotAfter
	for _, k := range h.ring.of(RoleLog, Next, Old) {
		h.LogBeside = append(h.LogBeside, h.signing[k.ID])
	}
	for _, k := range h.ring.of(RoleEvidence, InUse, Old) {
		h.Evidence = append(h.Evidence, h.opening[k.ID])
	}
	for _, k := range h.ring.of(RoleTLS, InUse, Next) {
		pin, err := wire.PinOf(h.signing[k.ID].Public())
		if err != nil {
			return err
		}
		h.Pins = append(h.Pins, pin)
	}
	return nil
}

// Keys are all keys that the hub has and had, in no order.
func (h *Home) Keys() []Key { return slices.Clone(h.ring.Keys) }

// Changed reports whether a key of the folder was ever changed.
func (h *Home) Changed() bool {
	_, err := os.Lstat(h.Dir.ring())
	return err == nil
}

// LogBefore are the keys that have signed checkpoints and do not any more.
func (h *Home) LogBefore() []envelope.PublicKey { return h.publics(RoleLog, Retired, Revoked) }

// Signers are the keys that tokens are signed with: the one in use, and those
// whose tokens may still be on their way.
func (h *Home) Signers() []envelope.PublicKey { return h.publics(RoleToken, InUse, Old) }

func (h *Home) publics(role string, states ...string) (out []envelope.PublicKey) {
	for _, k := range h.ring.of(role, states...) {
		// Every role but evidence has a key that was checked before it was written.
		if key, err := envelope.ParsePublicKey(k.Public); err == nil {
			out = append(out, key)
		}
	}
	return out
}

// Trust is whom the hub asks hosts to believe. Its error is eat.ErrTrust where
// hosts would not take it.
func (h *Home) Trust(operators []eat.Operator) (*eat.TrustStore, error) {
	log, err := eat.LogVerifier(audit.Name(h.Hub), h.Log.Public())
	if err != nil {
		return nil, err
	}
	t := &eat.TrustStore{V: 1, Hub: h.Hub, Operators: operators, Log: log}
	// In the order in which they were made: that another is put to use is then no
	// change of what hosts keep.
	for _, k := range h.ring.Keys {
		if k.Role != RoleToken || k.File == "" {
			continue
		}
		key, err := envelope.ParsePublicKey(k.Public)
		if err != nil {
			return nil, fmt.Errorf("reading the list of keys: %w", err)
		}
		t.HubKeys = append(t.HubKeys, eat.HubKey{Key: key, NotAfter: k.NotAfter})
	}
	if len(h.Evidence) > 0 {
		t.EvidenceKey = h.Evidence[0].PublicKey().Bytes()
	}
	for _, k := range h.ring.Keys {
		if k.State == Revoked {
			t.Revoked = append(t.Revoked, k.ID)
		}
	}
	return t, t.Validate()
}

// Opening is the private half of a key for evidence; nil where it is gone.
func (h *Home) Opening(id string) *ecdh.PrivateKey { return h.opening[id] }

// Strays are key files that no list names: what a change has left behind that was
// cut off. Nothing uses them.
func (h *Home) Strays() ([]string, error) {
	names, err := filepath.Glob(filepath.Join(h.Dir.keys(), "*.pem"))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(names, func(path string) bool {
		return slices.ContainsFunc(h.ring.Keys, func(k Key) bool { return k.File == filepath.Base(path) })
	}), nil
}

// knows reports whether a pin is of one of the hub's TLS keys, of now or before.
func (h *Home) knows(pin wire.Pin) bool {
	return slices.ContainsFunc(h.publics(RoleTLS, InUse, Next, Old, Retired, Revoked), func(k envelope.PublicKey) bool {
		p, err := wire.PinOf(k)
		return err == nil && p == pin
	})
}

// private is a private key of either kind, in PEM, with its public half.
func private(role string) (text, public []byte, err error) {
	if role == RoleEvidence {
		return newEvidenceKey()
	}
	key, err := envelope.GenerateKey()
	if err != nil {
		return nil, nil, err
	}
	return key.MarshalPEM(), key.Public().Bytes(), nil
}

// make makes a key of its own file, which counts once the list names it.
func (h *Home) make(k Key) (Key, error) {
	text, public, err := private(k.Role)
	if err != nil {
		return Key{}, fmt.Errorf("making a %s key: %w", k.Role, err)
	}
	k.Public, k.ID = public, idOf(public)
	k.File = strings.Join([]string{k.Role, k.ID}, "-") + ".pem"
	if err := WriteNew(filepath.Join(h.Dir.keys(), k.File), text); err != nil {
		return Key{}, fmt.Errorf("making a %s key: %w", k.Role, err)
	}
	return k, nil
}
