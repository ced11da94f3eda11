// Package fault names everything that the hub refuses, once: a stable id that
// scripts, counters and tests rely on, and the HTTP status that goes with it.
//
// The sensor acts on the status alone: 400, 413 and 422 mean "never again,
// count it as lost", 401 and 403 "not you, try slowly", 409 "start a new
// session", 429 and 503 "later". A new id takes the status of what the sensor
// must do, not the one that reads best.
//
// A detail may quote what the other side sent. It must never carry a secret or
// the hub's insides.
package fault

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Fault is a refusal with a stable id. Faults with the same id match each
// other in errors.Is, whatever their details.
type Fault struct {
	// ID is the stable name, as in "batch.fork".
	ID string
	// Status is the HTTP status of the answer; 0 where the fault never leaves the process.
	Status int
	// Detail says in words what was wrong; empty means that the id says it all.
	Detail string
}

func (f *Fault) Error() string {
	if f.Detail == "" {
		return f.ID
	}
	return f.ID + ": " + f.Detail
}

// Is matches by id.
func (f *Fault) Is(target error) bool {
	other, ok := target.(*Fault)
	return ok && other.ID == f.ID
}

// With is the same fault with words for this occasion.
func (f *Fault) With(format string, args ...any) *Fault {
	return &Fault{ID: f.ID, Status: f.Status, Detail: fmt.Sprintf(format, args...)}
}

// What a start of the hub refuses.
var (
	NotDurable     = &Fault{ID: "db.not_durable"}
	NotInitialised = &Fault{ID: "db.not_initialised"}
	AlreadyExists  = &Fault{ID: "db.already_exists"}
	NewerSchema    = &Fault{ID: "db.newer_schema"}
)

// What the folder of a hub, and a change of its keys, are refused for.
var (
	InUse       = &Fault{ID: "hub.in_use"}
	KeyState    = &Fault{ID: "key.wrong_state"}
	KeyLocksOut = &Fault{ID: "key.locks_out"}
)

// What the store refuses.
var (
	StoreFull   = &Fault{ID: "store.full", Status: http.StatusServiceUnavailable}
	StoreFailed = &Fault{ID: "store.failed", Status: http.StatusServiceUnavailable}
	StoreClosed = &Fault{ID: "store.closed", Status: http.StatusServiceUnavailable}
	StoreCursor = &Fault{ID: "store.cursor"}
)

// What is refused of a host, whatever it sends.
var (
	HostUnknown  = &Fault{ID: "host.unknown", Status: http.StatusUnauthorized}
	HostDisabled = &Fault{ID: "host.disabled", Status: http.StatusForbidden}
	HostPending  = &Fault{ID: "host.pending", Status: http.StatusForbidden}
	HostBusy     = &Fault{ID: "host.busy", Status: http.StatusTooManyRequests}
	HubBusy      = &Fault{ID: "hub.busy", Status: http.StatusServiceUnavailable}
)

// What a question about an inventory is refused for.
var (
	HeldUnwanted = &Fault{ID: "held.unwanted", Status: http.StatusConflict}
)

// What is refused of a batch.
var (
	BatchTooLarge  = &Fault{ID: "batch.too_large", Status: http.StatusRequestEntityTooLarge}
	BatchMalformed = &Fault{ID: "batch.malformed", Status: http.StatusBadRequest}
	BatchEncoding  = &Fault{ID: "batch.encoding", Status: http.StatusBadRequest}
	BatchTooSlow   = &Fault{ID: "batch.too_slow", Status: http.StatusServiceUnavailable}
	BatchWrongHost = &Fault{ID: "batch.wrong_host", Status: http.StatusUnprocessableEntity}
	BatchWrongHub  = &Fault{ID: "batch.wrong_hub", Status: http.StatusUnprocessableEntity}
	BatchFork      = &Fault{ID: "batch.fork", Status: http.StatusConflict}
)

// What is refused of a single fact; the rest of its batch is kept.
var (
	FactMalformed    = &Fault{ID: "fact.malformed"}
	FactHostMismatch = &Fault{ID: "fact.host_mismatch"}
	FactReserved     = &Fault{ID: "fact.kind_reserved"}
)

// What is refused of an enrollment.
var (
	EnrolMalformed   = &Fault{ID: "enrol.malformed", Status: http.StatusBadRequest}
	EnrolNoKey       = &Fault{ID: "enrol.no_client_key", Status: http.StatusBadRequest}
	EnrolTooLarge    = &Fault{ID: "enrol.too_large", Status: http.StatusRequestEntityTooLarge}
	EnrolRateLimited = &Fault{ID: "enrol.rate_limited", Status: http.StatusTooManyRequests}
	TokenUnknown     = &Fault{ID: "enrol.token_unknown", Status: http.StatusForbidden}
	TokenExpired     = &Fault{ID: "enrol.token_expired", Status: http.StatusForbidden}
	TokenUsed        = &Fault{ID: "enrol.token_used", Status: http.StatusForbidden}
)

// What is refused of a response and of receipts.
var (
	ResponseState   = &Fault{ID: "response.wrong_state", Status: http.StatusConflict}
	TokenBad        = &Fault{ID: "eat.not_made", Status: http.StatusUnprocessableEntity}
	KeyExpired      = &Fault{ID: "eat.key_expired", Status: http.StatusConflict}
	SignatureNeeded = &Fault{ID: "eat.signature_needed", Status: http.StatusConflict}
	SignatureBad    = &Fault{ID: "eat.bad_approval", Status: http.StatusUnprocessableEntity}
	AccessLast      = &Fault{ID: "access.last", Status: http.StatusConflict, Detail: "it is the last token that is good; make another one first"}
	OperatorExists  = &Fault{ID: "operator.exists", Status: http.StatusConflict}
	OrdersMalformed = &Fault{ID: "orders.malformed", Status: http.StatusBadRequest}
	ReceiptTooLarge = &Fault{ID: "receipt.too_large", Status: http.StatusRequestEntityTooLarge}
	ReceiptBad      = &Fault{ID: "receipts.malformed", Status: http.StatusBadRequest}
	ReceiptNoKey    = &Fault{ID: "receipt.no_key", Status: http.StatusConflict}
	// Told again it is judged by the new key.
	ReceiptKeyChanged = &Fault{ID: "receipt.key_changed", Status: http.StatusServiceUnavailable}
)

// What is refused of evidence. That a receipt lacks is no fault of the host's: it
// is on its way, and the chunk comes again.
var (
	EvidenceBad       = &Fault{ID: "evidence.malformed", Status: http.StatusBadRequest}
	EvidenceTooLarge  = &Fault{ID: "evidence.too_large", Status: http.StatusRequestEntityTooLarge}
	EvidenceUnknown   = &Fault{ID: "evidence.unknown_token", Status: http.StatusUnprocessableEntity}
	EvidenceNotForUs  = &Fault{ID: "evidence.not_for_us", Status: http.StatusUnprocessableEntity}
	EvidenceMismatch  = &Fault{ID: "evidence.mismatch", Status: http.StatusUnprocessableEntity}
	EvidenceUnwanted  = &Fault{ID: "evidence.unwanted", Status: http.StatusConflict}
	EvidenceNoReceipt = &Fault{ID: "evidence.no_receipt", Status: http.StatusServiceUnavailable}
	EvidenceNoKey     = &Fault{ID: "evidence.no_key", Status: http.StatusConflict}
	EvidenceNotWhole  = &Fault{ID: "evidence.not_whole", Status: http.StatusConflict}
)

// As gives an error of another package, which has a stable id of its own, the
// status that it has here.
func As(id string, status int, err error) *Fault {
	return &Fault{ID: id, Status: status, Detail: strings.TrimPrefix(err.Error(), id+": ")}
}

// Internal is what the other side hears when the hub itself failed; the log
// has the rest.
var Internal = &Fault{ID: "hub.internal", Status: http.StatusInternalServerError}

// Of finds the fault in err. An error that carries none is Internal, so that
// nobody outside reads the hub's insides.
func Of(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return Internal
}
