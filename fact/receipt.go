package fact

// What became of an Emergency Action Token.
const (
	ReceiptDone    = "done"
	ReceiptRefused = "refused"
	ReceiptFailed  = "failed"
	ReceiptUndone  = "undone"
)

// Receipt tells what became of an Emergency Action Token.
type Receipt struct {
	// Action is the outcome: done, refused, failed or undone.
	Action string `json:"action,omitempty"`
	// TokenID is the id of the token.
	TokenID string `json:"token_id,omitempty"`
	// TokenAction is what the token asked for, as in "kill_process".
	TokenAction string `json:"token_action,omitempty"`
	// AlertID is the alert that led to it.
	AlertID string `json:"alert_id,omitempty"`
	// ErrorID is why it was refused or failed, as in "eat.expired".
	ErrorID string `json:"error_id,omitempty"`
	// Started is when the wrapper began, RFC 3339.
	Started string `json:"started,omitempty"`
	// Ended is when the wrapper was done, RFC 3339.
	Ended string `json:"ended,omitempty"`
	// Detail says in words what was done or why not.
	Detail string `json:"detail,omitempty"`
}
