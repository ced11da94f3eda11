package wire

import (
	"time"

	"picket.internal/envelope"
	"picket.internal/strictjson"
)

// EnrollRequest asks a hub to take a host in. It is signed with the new host
// key, over a connection that the same key has opened.
type EnrollRequest struct {
	// V is the version, 1; SealEnroll fills it in.
	V int `json:"v"`
	// Token is the id of the enrollment token.
	Token string `json:"token"`
	// Secret is the token's secret.
	Secret string `json:"secret"`
	// Key is the new host key.
	Key envelope.PublicKey `json:"key"`
	// Machine tells machines apart without naming them: a SHA-256 over the
	// machine id, in hexadecimal.
	Machine string `json:"machine"`
	// Name is the host name.
	Name string `json:"name"`
	// OS is the operating system, as in "linux".
	OS string `json:"os"`
	// Kernel is the kernel's release.
	Kernel string `json:"kernel"`
	// Architecture is the machine's architecture, as in "amd64".
	Architecture string `json:"architecture"`
	// Version is the sensor's version.
	Version string `json:"version"`
	// Sent is when it was signed, by the host's clock, UTC.
	Sent time.Time `json:"sent"`
	// Wrapper is the key with which the host's wrapper signs receipts; absent
	// where there is no wrapper.
	Wrapper envelope.PublicKey `json:"wrapper,omitzero"`
}

// MarshalText leaves the secret out of logs.
func (r EnrollRequest) MarshalText() ([]byte, error) {
	return []byte("enrollment of " + r.Name + " with " + r.Token), nil
}

// bareEnrollRequest is an EnrollRequest that is written whole.
type bareEnrollRequest EnrollRequest

func (r *EnrollRequest) check() error {
	c := checks{kind: ErrEnroll}
	c.version(r.V)
	c.that(validTokenID(r.Token), "malformed token %.80q", r.Token)
	c.that(validSecret(r.Secret), "malformed secret")
	c.hex("machine", r.Machine, 64)
	c.text("name", r.Name, 255)
	c.text("os", r.OS, 32)
	c.text("kernel", r.Kernel, 255)
	c.text("architecture", r.Architecture, 32)
	c.text("version", r.Version, 64)
	c.time("sent", r.Sent)
	return c.err
}

// SealEnroll signs a request with the new host key, which it also fills in. r is
// not changed.
func SealEnroll(r *EnrollRequest, key envelope.PrivateKey) ([]byte, error) {
	out := *r
	out.V, out.Key = version, key.Public()
	if err := out.check(); err != nil {
		return nil, err
	}
	payload, err := strictjson.Encode((*bareEnrollRequest)(&out))
	if err != nil {
		return nil, err
	}
	return envelope.Sign(envelope.Enroll, payload, key)
}

// OpenEnroll verifies a request by the key that opened the connection (see
// PeerKey): it must have signed the request and be the one that is to be taken
// in. So nobody can enroll a key that is not theirs.
func OpenEnroll(data []byte, peer envelope.PublicKey) (*EnrollRequest, error) {
	v, err := envelope.Verify(data, envelope.Enroll, envelope.KeySet{Role: "new host", Keys: []envelope.PublicKey{peer}})
	if err != nil {
		return nil, err
	}
	r := new(EnrollRequest)
	if err := v.Decode(r); err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	if r.Key != peer {
		return nil, fail(ErrEnrollKey, "key %s asked for over a connection of key %s", r.Key.ID(), peer.ID())
	}
	return r, nil
}

// What a hub can say of a host that enrolled.
const (
	StateEnrolled = "enrolled" // its batches are taken
	StatePending  = "pending"  // a person has to approve it first
)

// EnrollReply is the hub's answer. It is not signed: it comes over the
// connection whose key the token pinned.
type EnrollReply struct {
	// V is the version, 1; Encode fills it in.
	V int `json:"v"`
	// Host is the id given to the host.
	Host string `json:"host"`
	// Hub is the hub's id.
	Hub string `json:"hub"`
	// HubKey is the hub's online key, which signs acknowledgements.
	HubKey envelope.PublicKey `json:"hub_key"`
	// Pins are the TLS keys to accept from now on.
	Pins []Pin `json:"pins"`
	// State is enrolled or pending.
	State string `json:"state"`
}

func (r *EnrollReply) check() error {
	c := checks{kind: ErrEnroll}
	c.version(r.V)
	c.host(r.Host)
	c.hub(r.Hub)
	c.that(!r.HubKey.IsZero(), "no hub key")
	c.that(0 < len(r.Pins) && len(r.Pins) <= maxPins, "%d pins", len(r.Pins))
	c.that(r.State == StateEnrolled || r.State == StatePending, "malformed state %.80q", r.State)
	return c.err
}

// Encode writes the reply. r is not changed.
func (r *EnrollReply) Encode() ([]byte, error) {
	out := *r
	out.V = version
	if err := out.check(); err != nil {
		return nil, err
	}
	return strictjson.Encode(&out)
}

// ParseEnrollReply reads a reply.
func ParseEnrollReply(data []byte) (*EnrollReply, error) {
	r := new(EnrollReply)
	if err := strictjson.Decode(data, strictjson.Limits{Bytes: 16 << 10, IntegersOnly: true}, r, nil); err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}
