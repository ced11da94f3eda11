package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"picket.internal/strictjson"
)

// What a key of the hub is for.
const (
	RoleToken    = "token"    // signs Emergency Action Tokens
	RoleLog      = "log"      // signs checkpoints of the log
	RoleEvidence = "evidence" // opens what hosts have sealed
	RoleTLS      = "tls"      // is shown to who connects
	RoleOnline   = "online"   // signs acknowledgements and the hub's own facts
)

// How far a key has come.
const (
	InUse   = "in_use"  // it signs, opens or is shown
	Next    = "next"    // hosts are asked to believe it already
	Old     = "old"     // another took its place, and hosts still believe it
	Retired = "retired" // hosts are not asked to believe it any more
	Revoked = "revoked" // hosts are asked never to believe it again
)

// Key is a key of the hub, as keys.json has it.
type Key struct {
	// Role is what it is for: token, log, evidence, tls, online.
	Role string `json:"role"`
	// State is in_use, next, old, retired or revoked.
	State string `json:"state"`
	// ID is the first 32 hexadecimal digits of the SHA-256 of the public key.
	ID string `json:"id"`
	// Public is the public key: 32 bytes.
	Public []byte `json:"public"`
	// File is the private half, in the folder of the keys; empty once it is gone.
	File string `json:"file,omitempty"`
	// Since is when it came into its state, UTC.
	Since time.Time `json:"since"`
	// NotAfter is when hosts stop to believe it, UTC; of tokens alone.
	NotAfter time.Time `json:"not_after,omitzero"`
}

// First reports whether the key was made with the hub: every host was told of it.
func (k Key) First() bool { return k.File != "" && !strings.Contains(k.File, k.ID) }

// ring is keys.json: every key that the hub has and had. Whatever is not named
// in it is no key of the hub's, so one replacement of the file changes a key. A
// folder without one has the keys that Create makes.
type ring struct {
	// V is the version, 1.
	V    int   `json:"v"`
	Keys []Key `json:"keys"`
}

const maxRing = 64 << 10

// believed is how many keys of one role hosts are asked to believe at once: as
// many as a trust store takes for tokens.
const believed = 8

// loadRing reads keys.json; nil where there is none.
func loadRing(dir Dir) (*ring, error) {
	text, err := os.ReadFile(dir.ring())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the list of keys: %w", err)
	}
	r := new(ring)
	if err := strictjson.Decode(text, strictjson.Limits{Bytes: maxRing}, r, nil); err != nil {
		return nil, fmt.Errorf("malformed %q: %w", dir.ring(), err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("malformed %q: %w", dir.ring(), err)
	}
	return r, nil
}

// firstRing are the keys of a folder whose keys were never changed.
func firstRing(dir Dir, id *Identity) *ring {
	made := id.EATNotAfter.Add(-TokenKeyLife)
	r := &ring{V: 1}
	for _, k := range []Key{
		{Role: RoleToken, State: InUse, File: dir.eat(), NotAfter: id.EATNotAfter},
		{Role: RoleLog, State: InUse, File: dir.log()},
		{Role: RoleEvidence, State: InUse, File: dir.evidence()},
		{Role: RoleTLS, State: InUse, File: dir.tls()},
		{Role: RoleTLS, State: Next, File: dir.tlsNext()},
		{Role: RoleOnline, State: InUse, File: dir.online()},
	} {
		if _, err := os.Lstat(k.File); k.Role == RoleEvidence && errors.Is(err, fs.ErrNotExist) {
			continue // a folder of an older hub
		}
		k.File, k.Since = filepath.Base(k.File), made
		r.Keys = append(r.Keys, k)
	}
	return r
}

func (r *ring) check() error {
	if r.V != 1 {
		return fmt.Errorf("version %d", r.V)
	}
	ids := map[string]bool{}
	for _, k := range r.Keys {
		if ids[k.ID] {
			return fmt.Errorf("key %.40q is there twice", k.ID)
		}
		ids[k.ID] = true
		if err := k.check(); err != nil {
			return fmt.Errorf("key %.40q: %w", k.ID, err)
		}
	}
	for _, role := range []string{RoleToken, RoleLog, RoleEvidence, RoleTLS, RoleOnline} {
		used, next := len(r.of(role, InUse)), len(r.of(role, Next))
		switch {
		case used > 1 || next > 1 || used == 0 && role != RoleEvidence:
			return fmt.Errorf("%d keys in use and %d next ones for %q", used, next, role)
		case role == RoleTLS && next == 0:
			return fmt.Errorf("no next key for %q", role)
		case len(r.of(role, InUse, Next, Old)) > believed:
			return fmt.Errorf("more than %d keys for %q", believed, role)
		}
	}
	return nil
}

func (k Key) check() error {
	switch k.Role {
	case RoleToken, RoleLog, RoleEvidence, RoleTLS, RoleOnline:
	default:
		return fmt.Errorf("the role %.40q", k.Role)
	}
	gone := false
	switch k.State {
	case InUse, Next, Old:
	case Retired, Revoked:
		gone = true
	default:
		return fmt.Errorf("the state %.40q", k.State)
	}
	switch {
	case len(k.Public) != 32 || k.ID != idOf(k.Public):
		return errors.New("its id is not that of its public half")
	case gone != (k.File == ""):
		return fmt.Errorf("it is %s, and its file is %.80q", k.State, k.File)
	case !gone && (k.File != filepath.Base(k.File) || !strings.HasSuffix(k.File, ".pem")):
		return fmt.Errorf("malformed file name %.80q", k.File)
	case (k.Role == RoleToken) == k.NotAfter.IsZero():
		return errors.New("not_after is for keys of tokens, and each of them has one")
	}
	return nil
}

// of are the keys of a role in one of the states, in the order of the states.
func (r *ring) of(role string, states ...string) (out []Key) {
	for _, state := range states {
		for _, k := range r.Keys {
			if k.Role == role && k.State == state {
				out = append(out, k)
			}
		}
	}
	return out
}

// store puts the list in the place of the one that is there.
func (r *ring) store(dir Dir) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("internal error: writing the list of keys: %w", err)
	}
	text, err := strictjson.Encode(r)
	if err == nil && len(text) >= maxRing {
		err = fmt.Errorf("%d keys are too many for it", len(r.Keys))
	}
	if err == nil {
		err = replace(dir.ring(), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("writing the list of keys: %w", err)
	}
	return nil
}
