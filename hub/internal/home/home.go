// Package home is a hub's folder: its identity, its keys, and where its
// database lies.
//
//	DIR/hub.json          the hub's id and the addresses that init was given
//	DIR/hub.db            everything that the hub knows (and -wal, -shm beside it)
//	DIR/keys/tls.pem      the TLS key that sensors and clients pin
//	DIR/keys/tls-next.pem the TLS key that follows it; pinned already, not in use
//	DIR/keys/online.pem   signs acknowledgements and the facts of the hub's own
//	DIR/keys/eat.pem      signs Emergency Action Tokens
//	DIR/keys/log.pem      signs checkpoints of the log of tokens and changes
//	DIR/keys/evidence.pem opens what hosts have sealed to the hub (X25519)
//	DIR/keys/keys.json    every key that the hub has and had, once one was changed;
//	                      those that came later are ROLE-ID.pem beside it
//	DIR/keys/lock         held while a key is changed
//	DIR/profile.json      an access token for client commands
//	DIR/lock              held while a hub serves the folder
//
// Keys are files of their own, so that a copy of the database holds none of
// them: who steals a backup can read, and not act. Making a folder and opening one
// are different calls, and making never overwrites: a hub that quietly became
// another one would lock out every host.
//
// The package must never widen a file's mode, and never hand out a key that
// others may read.
package home

import (
	"crypto/ecdh"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"picket.internal/envelope"
	"picket.internal/hub/internal/fault"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// Dir is a hub's folder.
type Dir string

func (d Dir) identity() string { return filepath.Join(string(d), "hub.json") }
func (d Dir) keys() string     { return filepath.Join(string(d), "keys") }
func (d Dir) tls() string      { return filepath.Join(d.keys(), "tls.pem") }
func (d Dir) tlsNext() string  { return filepath.Join(d.keys(), "tls-next.pem") }
func (d Dir) online() string   { return filepath.Join(d.keys(), "online.pem") }
func (d Dir) eat() string      { return filepath.Join(d.keys(), "eat.pem") }
func (d Dir) log() string      { return filepath.Join(d.keys(), "log.pem") }
func (d Dir) evidence() string { return filepath.Join(d.keys(), "evidence.pem") }
func (d Dir) ring() string     { return filepath.Join(d.keys(), "keys.json") }
func (d Dir) lock() string     { return filepath.Join(string(d), "lock") }
func (d Dir) keysLock() string { return filepath.Join(d.keys(), "lock") }

// Database is where the store lies.
func (d Dir) Database() string { return filepath.Join(string(d), "hub.db") }

// Profile is where client commands find their access token.
func (d Dir) Profile() string { return filepath.Join(string(d), "profile.json") }

// Identity is hub.json.
type Identity struct {
	// V is the version, 1.
	V int `json:"v"`
	// Hub is the hub's id.
	Hub string `json:"hub"`
	// Listen is the address for sensors and clients, host:port.
	Listen string `json:"listen"`
	// UI is the address of the web page, host:port, or "off".
	UI string `json:"ui"`
	// EATNotAfter is when hosts stop believing the key that signs tokens: of an
	// opened folder, the one in use; in the file, the first.
	EATNotAfter time.Time `json:"eat_not_after"`
}

// Home is an opened folder.
type Home struct {
	Dir Dir
	Identity
	// TLS is the key in use; Online signs acknowledgements.
	TLS, Online envelope.PrivateKey
	// EAT signs tokens, Log signs checkpoints of the log.
	EAT, Log envelope.PrivateKey
	// LogBeside sign checkpoints beside Log: the key that follows it, and those
	// whose place it took.
	LogBeside []envelope.PrivateKey
	// Evidence open evidence, the one that hosts are asked to seal to first; none
	// in a folder of an older hub, which takes none.
	Evidence []*ecdh.PrivateKey
	// Pins are of the TLS key in use and of the one that follows it.
	Pins []wire.Pin

	ring    *ring
	signing map[string]envelope.PrivateKey // by id
	opening map[string]*ecdh.PrivateKey    // by id
	step    func(string)                   // for tests; nil otherwise
}

// Create makes the folder's keys and identity. The folder may exist, but hold
// no hub. Where it fails it leaves nothing of its own behind.
func Create(dir Dir, listen, ui string) (_ *Home, err error) {
	if err := os.MkdirAll(string(dir), 0o700); err != nil {
		return nil, fmt.Errorf("making %q: %w", string(dir), err)
	}
	for _, path := range []string{dir.identity(), dir.Database(), dir.keys()} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return nil, fault.AlreadyExists.With("there is %q already; a hub is initialised once, choose another --dir", path)
		}
	}
	if err := os.Mkdir(dir.keys(), 0o700); err != nil {
		return nil, fmt.Errorf("making %q: %w", dir.keys(), err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, (&Home{Dir: dir}).Discard())
		}
	}()
	for _, path := range []string{dir.tls(), dir.tlsNext(), dir.online(), dir.eat(), dir.log()} {
		if _, err := envelope.CreatePrivateKey(path); err != nil {
			return nil, fmt.Errorf("making the hub's keys: %w", err)
		}
	}
	text, _, err := newEvidenceKey()
	if err == nil {
		err = WriteNew(dir.evidence(), text)
	}
	if err != nil {
		return nil, fmt.Errorf("making the hub's keys: %w", err)
	}
	id := Identity{V: 1, Hub: wire.NewHubID(), Listen: listen, UI: ui, EATNotAfter: time.Now().Add(TokenKeyLife).UTC().Truncate(time.Second)}
	if text, err = strictjson.Encode(&id); err != nil {
		return nil, fmt.Errorf("writing the hub's identity: %w", err)
	}
	if err := WriteNew(dir.identity(), append(text, '\n')); err != nil {
		return nil, fmt.Errorf("writing the hub's identity: %w", err)
	}
	return Open(dir)
}

// Open reads a folder that Create made.
func Open(dir Dir) (*Home, error) {
	text, err := os.ReadFile(dir.identity())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.NotInitialised.With("there is no hub in %q; run picket-hub init --dir %s first", string(dir), string(dir))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the hub's identity: %w", err)
	}
	h := &Home{Dir: dir, signing: map[string]envelope.PrivateKey{}, opening: map[string]*ecdh.PrivateKey{}}
	if err := strictjson.Decode(text, strictjson.Limits{Bytes: 4 << 10}, &h.Identity, nil); err != nil {
		return nil, fmt.Errorf("malformed %q: %w", dir.identity(), err)
	}
	if h.V != 1 || !wire.ValidHubID(h.Hub) {
		return nil, fmt.Errorf("malformed %q: hub %q, version %d", dir.identity(), h.Hub, h.V)
	}
	if h.EATNotAfter.IsZero() {
		return nil, fmt.Errorf("malformed %q: no eat_not_after: an older picket-hub made the folder; make a new one with picket-hub init", dir.identity())
	}
	if err := h.loadKeys(); err != nil {
		return nil, err
	}
	return h, nil
}

// Discard removes what Create and those who worked with it have made, where the
// hub could not be completed. It must not be called for a hub that ever ran.
func (h *Home) Discard() error {
	errs := []error{os.RemoveAll(h.Dir.keys())}
	db := h.Dir.Database()
	for _, path := range []string{h.Dir.identity(), h.Dir.Profile(), db, db + "-wal", db + "-shm", db + "-journal"} {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
