package envelope

import (
	"errors"
	"fmt"

	"picket.internal/strictjson"
)

// Error says why an envelope or a key was refused.
type Error struct {
	// ID is one of the stable ids below, as in "env.bad_signature".
	ID string
	// Detail says it in words; what it quotes of the input is escaped.
	Detail string
}

// The reasons for refusing an envelope or a key, to be matched with errors.Is.
var (
	ErrTooLarge         = &Error{ID: "env.too_large"}
	ErrTooDeep          = &Error{ID: "env.too_deep"}
	ErrMalformed        = &Error{ID: "env.malformed"}
	ErrTrailingData     = &Error{ID: "env.trailing_data"}
	ErrInvalidUTF8      = &Error{ID: "env.invalid_utf8"}
	ErrDuplicateKey     = &Error{ID: "env.duplicate_key"}
	ErrUnknownField     = &Error{ID: "env.unknown_field"}
	ErrMissingField     = &Error{ID: "env.missing_field"}
	ErrNumber           = &Error{ID: "env.number_not_canonical"}
	ErrNotCanonical     = &Error{ID: "env.not_canonical"}
	ErrWrongPayloadType = &Error{ID: "env.wrong_payload_type"}
	ErrBadSignature     = &Error{ID: "env.bad_signature"}
	ErrUnknownKey       = &Error{ID: "env.unknown_key"}
	ErrThresholdNotMet  = &Error{ID: "env.threshold_not_met"}

	ErrKeyLength       = &Error{ID: "key.bad_length"}
	ErrKeyNotCanonical = &Error{ID: "key.not_canonical"}
	ErrKeyLowOrder     = &Error{ID: "key.low_order"}
	ErrKeyMalformed    = &Error{ID: "key.malformed"}
	ErrKeyExposed      = &Error{ID: "key.readable_by_others"}
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

// fromJSON gives a refusal of strictjson the id that it has in an envelope.
func fromJSON(err error) error {
	var e *strictjson.Error
	if !errors.As(err, &e) {
		return err // a Go type that cannot be decoded into: not the input's fault
	}
	kind := ErrMalformed
	for _, m := range []struct{ from, to error }{
		{strictjson.ErrTooLarge, ErrTooLarge},
		{strictjson.ErrStringLength, ErrTooLarge},
		{strictjson.ErrNameLength, ErrTooLarge},
		{strictjson.ErrItems, ErrTooLarge},
		{strictjson.ErrTooDeep, ErrTooDeep},
		{strictjson.ErrTrailingData, ErrTrailingData},
		{strictjson.ErrInvalidUTF8, ErrInvalidUTF8},
		{strictjson.ErrDuplicateKey, ErrDuplicateKey},
		{strictjson.ErrUnknownField, ErrUnknownField},
		{strictjson.ErrMissingField, ErrMissingField},
		{strictjson.ErrNull, ErrMissingField},
		{strictjson.ErrNumber, ErrNumber},
		{strictjson.ErrNotCanonical, ErrNotCanonical},
	} {
		if e.Is(m.from) {
			kind = m.to.(*Error)
		}
	}
	return &Error{ID: kind.ID, Detail: e.Error()}
}
