package send

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"picket.internal/envelope"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// What the state folder holds.
const (
	keyFile      = "host.key"      // the host's private key, PKCS #8 in PEM, 0600
	identityFile = "identity.json" // whom the hub says the host is, and which hub that is
	lockFileName = "lock"          // held by whatever uses the folder
)

const maxIdentity = 64 << 10

// Errors of the state folder, for callers that tell a person what to do.
var (
	ErrNotEnrolled     = errors.New("identity.not_enrolled")
	ErrAlreadyEnrolled = errors.New("enrol.already_enrolled")
	ErrStateExposed    = errors.New("identity.folder_exposed")
	ErrStateInUse      = errors.New("identity.in_use")
)

// Identity is whom a host is and which hub it trusts.
type Identity struct {
	Host      string              // the host's id, given by the hub
	Hub       string              // the hub's id
	Addresses []string            // where the hub is, host:port each
	Pins      []wire.Pin          // the hub's TLS keys
	HubKey    envelope.PublicKey  // the hub's online key, which signs acknowledgements
	Key       envelope.PrivateKey // the host's own
}

// identityDocument is identity.json.
type identityDocument struct {
	V         int                `json:"v"`
	Host      string             `json:"host"`
	Hub       string             `json:"hub"`
	Addresses []string           `json:"addresses"`
	Pins      []wire.Pin         `json:"pins"`
	HubKey    envelope.PublicKey `json:"hub_key"`
	Key       envelope.PublicKey `json:"key"` // the public half of host.key
}

// State is a state folder that this process holds. No other process can open
// it meanwhile: two senders with one key would look to the hub like a copied
// host.
type State struct {
	dir  string
	lock *os.File
}

// OpenState takes an existing state folder for this process.
func OpenState(dir string) (*State, error) {
	if err := checkFolder(dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFileName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening state folder: %w", err)
	}
	if err := lockFile(f); err != nil {
		f.Close()
		if errors.Is(err, errLocked) {
			return nil, fmt.Errorf("%w: another picket-sensor uses %q; stop it first", ErrStateInUse, dir)
		}
		return nil, fmt.Errorf("locking state folder %q: %w", dir, err)
	}
	return &State{dir: dir, lock: f}, nil
}

// CreateState makes the state folder, mode 0700, where there is none, and
// takes it for this process.
func CreateState(dir string) (*State, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making state folder: %w", err)
	}
	return OpenState(dir)
}

// Close gives the folder back. The lock file stays: removing it would let two
// processes hold locks on two files of one name.
func (s *State) Close() error { return s.lock.Close() }

// checkFolder refuses a folder that others may change: whoever can replace
// identity.json decides which hub the host believes.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is no state folder %q; run picket-sensor enroll first", ErrNotEnrolled, dir)
	}
	if err != nil {
		return fmt.Errorf("opening state folder: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("opening state folder: %q is no folder", dir)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%w: others may change %q (mode %04o); run chmod 700 on it", ErrStateExposed, dir, info.Mode().Perm())
	}
	return nil
}

// Identity loads what enrollment stored. It never makes one.
func (s *State) Identity() (*Identity, error) {
	doc, err := s.document()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %q holds no identity; run picket-sensor enroll first", ErrNotEnrolled, s.dir)
	}
	if err != nil {
		return nil, err
	}
	key, err := envelope.LoadPrivateKey(filepath.Join(s.dir, keyFile))
	if err != nil {
		return nil, fmt.Errorf("loading identity: %w", err)
	}
	if key.Public() != doc.Key {
		return nil, fmt.Errorf("loading identity: %s in %q is not the key that was enrolled; restore it, or enroll anew", keyFile, s.dir)
	}
	return &Identity{
		Host: doc.Host, Hub: doc.Hub, Addresses: doc.Addresses, Pins: doc.Pins,
		HubKey: doc.HubKey, Key: key,
	}, nil
}

func (s *State) document() (*identityDocument, error) {
	path := filepath.Join(s.dir, identityFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("loading identity: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxIdentity+1))
	if err != nil {
		return nil, fmt.Errorf("loading identity: %w", err)
	}
	var doc identityDocument
	if err := strictjson.Decode(data, strictjson.Limits{Bytes: maxIdentity}, &doc, nil); err != nil {
		return nil, fmt.Errorf("loading identity: malformed %q: %w", path, err)
	}
	if doc.V != 1 || doc.Host == "" || doc.Hub == "" || len(doc.Addresses) == 0 || len(doc.Pins) == 0 {
		return nil, fmt.Errorf("loading identity: malformed %q: version, host, hub, address or pin is missing", path)
	}
	return &doc, nil
}

// enrolled refuses to go on where an identity is stored already.
func (s *State) enrolled() error {
	_, err := os.Lstat(filepath.Join(s.dir, identityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for an identity: %w", err)
	}
	return fmt.Errorf("%w: %q holds an identity; to start over as a new host, disable this one at the hub, remove %s and %s there, and enroll again",
		ErrAlreadyEnrolled, s.dir, identityFile, keyFile)
}

// newKey makes the host key, or takes the one of an enrollment that did not
// come to its end: the hub may know it already. A file without a whole key is
// what a crash left before the key was ever used.
func (s *State) newKey() (envelope.PrivateKey, error) {
	path := filepath.Join(s.dir, keyFile)
	key, err := envelope.LoadPrivateKey(path)
	switch {
	case err == nil:
		return key, nil
	case errors.Is(err, envelope.ErrKeyMalformed):
		if err := os.Remove(path); err != nil {
			return envelope.PrivateKey{}, fmt.Errorf("removing half-made key: %w", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return envelope.PrivateKey{}, err
	}
	return envelope.CreatePrivateKey(path)
}

// store makes the identity durable. It comes last: a state folder either has
// all of an identity or counts as not enrolled.
//
// Order: openat(O_CREAT|O_TRUNC, identity.json.new, 0600), write, fsync(file),
// close, rename(identity.json), fsync(folder).
func (s *State) store(id *Identity) error {
	data, err := strictjson.Encode(identityDocument{
		V: 1, Host: id.Host, Hub: id.Hub, Addresses: id.Addresses, Pins: id.Pins,
		HubKey: id.HubKey, Key: id.Key.Public(),
	})
	if err != nil {
		return fmt.Errorf("storing identity: %w", err)
	}
	path := filepath.Join(s.dir, identityFile)
	fresh := path + ".new"
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("storing identity: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(fresh, path)
	}
	if err == nil {
		err = syncFolder(s.dir)
	}
	if err != nil {
		return fmt.Errorf("storing identity: %w", err)
	}
	return nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
