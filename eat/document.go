package eat

import (
	"time"

	"picket.internal/envelope"
)

// LogChange is the document of a change of what the hub is, whose digest is an
// entry of type EntryConfig or EntryLogin.
type LogChange struct {
	// V is the version, 1.
	V int `json:"v"`
	// Event is what happened, as in "host.disabled".
	Event string `json:"event"`
	// Subject is what it happened to; empty where that is the hub.
	Subject string `json:"subject,omitempty"`
	// By is the access token that asked for it, or "hub".
	By string `json:"by"`
	// At is when, by the hub's clock, UTC.
	At time.Time `json:"at"`
	// Detail says more, by name.
	Detail map[string]string `json:"detail,omitempty"`
}

// EventKey is the change that one of the hub's keys has come into another state;
// the subject is the key's id.
const EventKey = "hub.key"

// EventWrapperKey is the change that a host's wrapper has another key from then
// on, until the next of the same host; the subject is the host's id.
const EventWrapperKey = "host.wrapper_key"

// LogKey is the key of the log itself that a change tells of, as trust stores have
// one; empty where it tells of none. name is the log's. A log that one key has
// signed says by this with which others it is or was signed.
func (c LogChange) LogKey(name string) string {
	if c.Event != EventKey || c.Detail["role"] != "log" {
		return ""
	}
	var key envelope.PublicKey
	if err := key.UnmarshalText([]byte(c.Detail["public"])); err != nil {
		return ""
	}
	vkey, err := LogVerifier(name, key)
	if err != nil {
		return ""
	}
	return vkey
}

// LogApproval is the document of an operator's signature, or of a person's yes
// or no where none was asked for. Its digest is an entry of type EntryApproval.
type LogApproval struct {
	// V is the version, 1.
	V int `json:"v"`
	// Response is the response that is approved.
	Response string `json:"response"`
	// Token is the id of the token, and TokenSHA256 the digest of its payload;
	// empty where nothing was signed.
	Token       string `json:"token,omitempty"`
	TokenSHA256 string `json:"token_sha256,omitempty"`
	// Operator is who signed, and Sig the signature; empty where nobody did.
	Operator string `json:"operator,omitempty"`
	Sig      []byte `json:"sig,omitempty"`
	// Verdict is approved or rejected.
	Verdict string `json:"verdict"`
	// By is the access token over which it came.
	By string `json:"by"`
	// At is when, by the hub's clock, UTC.
	At time.Time `json:"at"`
}
