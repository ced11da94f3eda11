package eat

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"picket.internal/envelope"
	"picket.internal/strictjson"
)

const (
	maxTrust     = 64 << 10
	maxHubKeys   = 8
	maxOperators = 32
)

// TrustStore is whom a host believes, in a file that only root can write.
type TrustStore struct {
	// V is the version, 1.
	V int `json:"v"`
	// Hub is the id of the hub whose tokens are taken.
	Hub string `json:"hub"`
	// HubKeys are the keys that the hub signs tokens with, at most 8.
	HubKeys []HubKey `json:"hub_keys"`
	// Operators are the people whose signatures count, at most 32.
	Operators []Operator `json:"operators,omitempty"`
	// Log is the key of the hub's log, as golang.org/x/mod/sumdb/note writes
	// it: name, hash and key with a + between them.
	Log string `json:"log"`
	// EvidenceKey is what evidence is sealed to on its way to the hub: the 32
	// bytes of an X25519 public key, in base64. Empty means that evidence stays
	// on the host.
	EvidenceKey []byte `json:"evidence_key,omitempty"`
	// Revoked are the ids of keys that no longer count, whatever else is said
	// of them.
	Revoked []string `json:"revoked,omitempty"`
}

// HubKey is a key that a hub signs tokens with.
type HubKey struct {
	// Key is the public key.
	Key envelope.PublicKey `json:"key"`
	// NotAfter is when it stops counting, by the host's clock, UTC.
	NotAfter time.Time `json:"not_after"`
}

// Operator is a person with a key.
type Operator struct {
	// Name is what host policies call the person.
	Name string `json:"name"`
	// Key is the public key. A person has one, and no two have the same.
	Key envelope.PublicKey `json:"key"`
}

// ParseTrust reads a trust store, strictly. Its error is ErrTrust; nobody is
// trusted then.
func ParseTrust(data []byte) (*TrustStore, error) {
	t := new(TrustStore)
	limits := strictjson.Limits{Bytes: maxTrust, Depth: 8, String: 4096, IntegersOnly: true}
	if err := strictjson.Decode(data, limits, t, nil); err != nil {
		return nil, refuse(ErrTrust, "%v", err)
	}
	if err := t.Validate(); err != nil {
		return nil, err
	}
	return t, nil
}

// Encode returns the file, indented for people. Its error is ErrTrust.
func (t *TrustStore) Encode() ([]byte, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	return indented(t, ErrTrust)
}

// Validate checks every member; its error is ErrTrust with the member's name.
func (t *TrustStore) Validate() error {
	c := checks{kind: ErrTrust}
	c.number("v", int64(t.V), version, version)
	c.field(validID(t.Hub, "u_"), "hub", t.Hub)
	c.number("hub_keys", int64(len(t.HubKeys)), 1, maxHubKeys)
	c.count("operators", len(t.Operators), maxOperators)
	var keys []envelope.PublicKey
	// A key in two roles would count in both: one theft, two signatures.
	add := func(name string, key envelope.PublicKey) {
		c.that(!key.IsZero() && !slices.Contains(keys, key), "%s: no key, or one that is there already", name)
		keys = append(keys, key)
	}
	for _, k := range t.HubKeys {
		add("hub_keys.key", k.Key)
		c.time("hub_keys.not_after", k.NotAfter)
	}
	for i, o := range t.Operators {
		c.field(validOperator(o.Name) && !slices.ContainsFunc(t.Operators[:i], func(p Operator) bool { return p.Name == o.Name }), "operators.name", o.Name)
		add("operators.key", o.Key)
	}
	if key, err := logKey(t.Log); err != nil {
		c.that(false, "log: %v", err)
	} else {
		add("log", key)
	}
	c.that(len(t.EvidenceKey) == 0 || len(t.EvidenceKey) == 32, "evidence_key: %d bytes where 32 belong", len(t.EvidenceKey))
	c.listed("revoked", t.Revoked, func(id string) bool { return isHex(id, 32) })
	return c.err
}

// logKey reads a note verifier key and checks it as every key of ours is, which
// package note does not.
func logKey(vkey string) (envelope.PublicKey, error) {
	if _, err := note.NewVerifier(vkey); err != nil {
		return envelope.PublicKey{}, err
	}
	parts := strings.SplitN(vkey, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) == 0 {
		return envelope.PublicKey{}, refuse(ErrTrust, "malformed key %.80q", vkey)
	}
	return envelope.ParsePublicKey(raw[1:]) // behind the byte that says Ed25519
}

func (t *TrustStore) revoked(key envelope.PublicKey) bool {
	return slices.Contains(t.Revoked, key.ID())
}
