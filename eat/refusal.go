package eat

import (
	"errors"
	"fmt"

	"picket.internal/envelope"
)

// Refusal says why something was refused. Its id goes into receipts, counters
// and alerts.
type Refusal struct {
	// ID is one of the stable ids below, or one of envelope's, as in "eat.expired".
	ID string
	// Detail says it in words; what it quotes of the input is escaped.
	Detail string
	// About is the token that was refused. It is nil where nothing could be
	// read that the hub has signed: such a refusal gets no receipt, so that
	// nobody without a key can fill the wrapper's disk.
	About *About
}

// About names a token that was refused.
type About struct {
	// Token is the token's id.
	Token string
	// SHA256 is the digest of its payload.
	SHA256 string
	// Action is what it asked for.
	Action string
}

// The reasons for refusing a token, in the order of Verify's checks, to be
// matched with errors.Is.
var (
	ErrTooLarge         = &Refusal{ID: "eat.too_large"}
	ErrDelivery         = &Refusal{ID: "eat.bad_delivery"}
	ErrNoLedger         = &Refusal{ID: "eat.no_ledger"}
	ErrBadSignature     = &Refusal{ID: "eat.bad_signature"}
	ErrRevokedKey       = &Refusal{ID: "eat.revoked_key"}
	ErrKeyExpired       = &Refusal{ID: "eat.key_expired"}
	ErrBadField         = &Refusal{ID: "eat.bad_field"}
	ErrUnknownAction    = &Refusal{ID: "eat.unknown_action"}
	ErrBadParam         = &Refusal{ID: "eat.bad_param"}
	ErrWrongHub         = &Refusal{ID: "eat.wrong_hub"}
	ErrWrongHost        = &Refusal{ID: "eat.wrong_host"}
	ErrWrongBoot        = &Refusal{ID: "eat.wrong_boot"}
	ErrTTLTooLong       = &Refusal{ID: "eat.ttl_too_long"}
	ErrBelowFloor       = &Refusal{ID: "time.below_floor"}
	ErrNotYet           = &Refusal{ID: "eat.not_yet"}
	ErrExpired          = &Refusal{ID: "eat.expired"}
	ErrBadCheckpoint    = &Refusal{ID: "eat.bad_checkpoint"}
	ErrNoConsistency    = &Refusal{ID: "eat.no_consistency"}
	ErrLogRollback      = &Refusal{ID: "eat.log_rollback"}
	ErrLogFork          = &Refusal{ID: "eat.log_fork"}
	ErrNotLogged        = &Refusal{ID: "eat.not_logged"}
	ErrNotAllowed       = &Refusal{ID: "policy.action_not_allowed"}
	ErrUnknownToken     = &Refusal{ID: "eat.unknown_token"}
	ErrLifetimeTooLong  = &Refusal{ID: "policy.lifetime_too_long"}
	ErrProtectedTarget  = &Refusal{ID: "policy.protected_target"}
	ErrHubUnknown       = &Refusal{ID: "policy.hub_unknown"}
	ErrThresholdNotMet  = &Refusal{ID: "eat.threshold_not_met"}
	ErrAlreadyUsed      = &Refusal{ID: "eat.already_used"}
	ErrCounterTooLow    = &Refusal{ID: "eat.counter_too_low"}
	ErrCounterTooHigh   = &Refusal{ID: "eat.counter_too_high"}
	ErrRate             = &Refusal{ID: "policy.rate"}
	ErrPolicy           = &Refusal{ID: "policy.invalid"}
	ErrTrust            = &Refusal{ID: "trust.invalid"}
	ErrReceipt          = &Refusal{ID: "receipt.malformed"}
	ErrReceiptSignature = &Refusal{ID: "receipt.bad_signature"}
	ErrReceiptChain     = &Refusal{ID: "receipt.broken_chain"}
)

// Error gives the id and the detail.
func (r *Refusal) Error() string {
	if r.Detail == "" {
		return r.ID
	}
	return r.ID + ": " + r.Detail
}

// Is reports whether target is a Refusal of the same id.
func (r *Refusal) Is(target error) bool {
	t, ok := target.(*Refusal)
	return ok && t.ID == r.ID
}

func refuse(kind *Refusal, format string, args ...any) *Refusal {
	return &Refusal{ID: kind.ID, Detail: fmt.Sprintf(format, args...)}
}

// signatureRefusal is asRefusal, with kind where no signature of the role was good.
func signatureRefusal(err error, kind *Refusal) *Refusal {
	if errors.Is(err, envelope.ErrBadSignature) || errors.Is(err, envelope.ErrUnknownKey) || errors.Is(err, envelope.ErrThresholdNotMet) {
		return refuse(kind, "%v", err)
	}
	return asRefusal(err, kind)
}

// asRefusal makes any error of this package and of envelope a Refusal. What is
// neither is a fault of this program and is told as kind.
func asRefusal(err error, kind *Refusal) *Refusal {
	var r *Refusal
	var e *envelope.Error
	switch {
	case errors.As(err, &r):
		return r
	case errors.As(err, &e):
		return &Refusal{ID: e.ID, Detail: e.Detail}
	}
	return refuse(kind, "%v", err)
}
