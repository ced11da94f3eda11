package eat

import "time"

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
