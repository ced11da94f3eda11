package api

import (
	"context"
	"errors"
	"net/http"

	types "picket.internal/api"
	"picket.internal/hub/internal/fault"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// What this package itself refuses.
var (
	errMethod    = &fault.Fault{ID: "api.method", Status: http.StatusMethodNotAllowed, Detail: "this path knows other methods, see Allow"}
	errMediaType = &fault.Fault{ID: "api.media_type", Status: http.StatusUnsupportedMediaType, Detail: "want Content-Type: " + types.TypeJSON}
	errTooLarge  = &fault.Fault{ID: "api.too_large", Status: http.StatusRequestEntityTooLarge, Detail: "the body is over its bound of 16 KiB"}
	errBody      = &fault.Fault{ID: "api.body", Status: http.StatusBadRequest, Detail: "the body did not arrive whole"}
	errFollowers = &fault.Fault{ID: "api.too_many_streams", Status: http.StatusServiceUnavailable, Detail: "too many follow streams are open"}
)

// sentinels says what each error that both sides match becomes on the wire.
var sentinels = []struct {
	err    error
	status int
	id     string
	detail string
}{
	{types.ErrUnauthorized, http.StatusUnauthorized, "auth.refused", "want Authorization: Bearer and an access token of this hub"},
	{types.ErrForbidden, http.StatusForbidden, "auth.forbidden", "the token's role is not enough"},
	{types.ErrNotFound, http.StatusNotFound, "api.not_found", "no such id"},
	{types.ErrConflict, http.StatusConflict, "api.conflict", ""},
	{types.ErrMalformed, http.StatusBadRequest, "query.malformed", ""},
	{types.ErrUnavailable, http.StatusServiceUnavailable, "api.unavailable", "try again in a little while"},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "api.timeout", "the answer took too long; ask for less"},
}

// describe turns an error into an answer. Only texts that were written for the
// asker pass; of everything else he learns that it happened.
func describe(err error) (status int, p wire.Problem) {
	var (
		refused   *fault.Fault
		malformed *types.QueryError
		document  *strictjson.Error
	)
	switch {
	case errors.As(err, &malformed):
		return http.StatusBadRequest, wire.Problem{ID: "query.malformed", Detail: malformed.Error()}
	case errors.As(err, &document):
		return http.StatusBadRequest, wire.Problem{ID: document.ID, Detail: document.Error()}
	case errors.As(err, &refused) && refused.Status != 0:
		return refused.Status, wire.Problem{ID: refused.ID, Detail: refused.Detail}
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			return s.status, wire.Problem{ID: s.id, Detail: s.detail}
		}
	}
	return fault.Internal.Status, wire.Problem{ID: fault.Internal.ID}
}
