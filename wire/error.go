package wire

import (
	"errors"
	"fmt"

	"picket.internal/envelope"
	"picket.internal/strictjson"
)

// Error says why something on the wire was refused.
type Error struct {
	// ID is one of the stable ids below, as in "tls.pin_mismatch".
	ID string
	// Detail says it in words; what it quotes of the peer is escaped.
	Detail string
}

// The reasons of this package, to be matched with errors.Is.
var (
	ErrVersion         = &Error{ID: "wire.version"}
	ErrBatch           = &Error{ID: "batch.malformed"}
	ErrTooManyFacts    = &Error{ID: "batch.too_many_facts"}
	ErrAck             = &Error{ID: "ack.malformed"}
	ErrAckMismatch     = &Error{ID: "ack.mismatch"}
	ErrHeld            = &Error{ID: "held.malformed"}
	ErrHeldMismatch    = &Error{ID: "held.mismatch"}
	ErrOrders          = &Error{ID: "orders.malformed"}
	ErrEnroll          = &Error{ID: "enrol.malformed"}
	ErrEnrollKey       = &Error{ID: "enrol.key_mismatch"}
	ErrToken           = &Error{ID: "token.malformed"}
	ErrProblem         = &Error{ID: "problem.malformed"}
	ErrPinMismatch     = &Error{ID: "tls.pin_mismatch"}
	ErrTLSVersion      = &Error{ID: "tls.version"}
	ErrNoCertificate   = &Error{ID: "tls.no_certificate"}
	ErrBadCertificate  = &Error{ID: "tls.bad_certificate"}
	ErrRedirectRefused = &Error{ID: "net.redirect_refused"}
)

// Error gives the id and the detail.
func (e *Error) Error() string {
	if e.Detail == "" {
		return e.ID
	}
	return e.ID + ": " + e.Detail
}

// Is reports whether target is an Error of the same id.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.ID == e.ID
}

func fail(kind *Error, format string, args ...any) error {
	return &Error{ID: kind.ID, Detail: fmt.Sprintf(format, args...)}
}

// ErrorID returns the stable id of an error of this package, of envelope or of
// strictjson, or that of a peer's Problem; empty where err carries none.
func ErrorID(err error) string {
	var w *Error
	var p *Problem
	var e *envelope.Error
	var j *strictjson.Error
	switch {
	case errors.As(err, &w):
		return w.ID
	case errors.As(err, &p):
		return p.ID
	case errors.As(err, &e):
		return e.ID
	case errors.As(err, &j):
		return j.ID
	}
	return ""
}
