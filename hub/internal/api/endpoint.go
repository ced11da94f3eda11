package api

import (
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	types "picket.internal/api"
	"picket.internal/hub/internal/audit"
	"picket.internal/strictjson"
	"picket.internal/wire"
	"picket.internal/wire/httpwire"
)

// Bounds of a request.
const (
	maxBody     = 16 << 10 // bytes; the largest honest body is an enrollment request of 300
	bodyTimeout = 10 * time.Second
)

// endpoint is the only way in: token, method, answer, and what becomes of an
// error. The token comes first, so that nobody without one learns more than
// which paths exist.
func (h *Handler) endpoint(methods map[string]Route) http.Handler {
	allow := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.count("api.requests")
		out := newReply(w)
		actor, err := h.authorize(r)
		if err != nil {
			h.refuse(out, r, err)
			return
		}
		r = r.WithContext(audit.WithActor(r.Context(), actor))
		route, ok := methods[r.Method]
		if !ok {
			w.Header().Set("Allow", allow)
			h.refuse(out, r, errMethod)
			return
		}
		if err := route.answer(h, r, out); err != nil {
			h.refuse(out, r, err)
		}
	})
}

// authorize finds out whether the request's access token is good. Who shows
// none and who shows a wrong one hear the same. actor is the token's id.
func (h *Handler) authorize(r *http.Request) (actor string, err error) {
	header := r.Header["Authorization"]
	if len(header) != 1 {
		return "", types.ErrUnauthorized
	}
	scheme, text, ok := strings.Cut(header[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", types.ErrUnauthorized
	}
	token, err := wire.ParseAccessToken(text)
	if err != nil {
		return "", types.ErrUnauthorized
	}
	return token.ID, h.admin.Authorize(r.Context(), token.ID, token.Secret)
}

// decodeBody reads the one JSON document of a request, strictly.
func decodeBody(r *http.Request, out *reply, into any) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != types.TypeJSON {
		return errMediaType
	}
	data, err := readBody(r, out)
	if err != nil {
		return err
	}
	return strictjson.Decode(data, strictjson.Limits{Bytes: maxBody, Depth: 4}, into, nil)
}

// noBody refuses a body where none has a meaning, but for an empty object.
func noBody(r *http.Request, out *reply) error {
	data, err := readBody(r, out)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return nil
	}
	return strictjson.Decode(data, strictjson.Limits{Bytes: maxBody, Depth: 1}, &struct{}{}, nil)
}

func readBody(r *http.Request, out *reply) ([]byte, error) {
	// A server that cannot set deadlines, as in tests, has none to be set.
	_ = out.control.SetReadDeadline(time.Now().Add(bodyTimeout))
	data, err := io.ReadAll(http.MaxBytesReader(out.w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, errBody
	}
	return data, nil
}

// refuse tells the asker what went wrong, and the log what really did.
func (h *Handler) refuse(out *reply, r *http.Request, err error) {
	status, problem := describe(err)
	switch {
	case r.Context().Err() != nil || errors.Is(err, errGone):
		problem.ID = "api.gone" // the asker has left, or the hub stops
	case status >= http.StatusInternalServerError:
		h.log.Error("answering failed", "method", r.Method, "path", r.URL.Path, "status", status, "error", err)
	}
	h.count(problem.ID)
	if out.started {
		// Half an answer must not look like a whole one: break the stream.
		panic(http.ErrAbortHandler)
	}
	header := out.w.Header()
	switch status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		header.Set("Retry-After", "5")
	}
	httpwire.WriteProblem(out.w, status, problem)
}
