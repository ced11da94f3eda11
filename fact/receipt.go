package fact

// What became of an Emergency Action Token.
const (
	ReceiptDone        = "done"         // the action took effect
	ReceiptRefused     = "refused"      // nothing was done
	ReceiptFailed      = "failed"       // it did not take effect, and was taken back
	ReceiptUndone      = "undone"       // it was taken back because somebody asked for it
	ReceiptAutoUndone  = "auto_undone"  // it ended with its lease, or because the hub was out of reach
	ReceiptUnknown     = "unknown"      // the wrapper was ended in between
	ReceiptAlreadyGone = "already_gone" // the target was no longer there
	ReceiptMissing     = "missing"      // the token expired and no receipt came
	ReceiptRejected    = "rejected"     // a receipt came that the hub does not believe
)

// Receipt tells what became of an Emergency Action Token. Only the hub makes
// it, of what a host's wrapper has signed.
type Receipt struct {
	// Action is the outcome: done, refused, failed, undone, auto_undone, unknown, already_gone, missing or rejected.
	Action string `json:"action,omitempty"`
	// TokenID is the id of the token.
	TokenID string `json:"token_id,omitempty"`
	// TokenAction is what the token asked for, as in "kill_process".
	TokenAction string `json:"token_action,omitempty"`
	// ResponseID is the hub's response that the token belongs to.
	ResponseID string `json:"response_id,omitempty"`
	// AlertID is the alert that led to it.
	AlertID string `json:"alert_id,omitempty"`
	// ErrorID is why it was refused, failed or not believed, as in "eat.expired" or "receipt.bad_signature".
	ErrorID string `json:"error_id,omitempty"`
	// Started is when the wrapper began, RFC 3339.
	Started string `json:"started,omitempty"`
	// Ended is when the wrapper was done, RFC 3339.
	Ended string `json:"ended,omitempty"`
	// Detail says in words what was done or why not.
	Detail string `json:"detail,omitempty"`
}
