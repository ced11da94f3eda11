package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"

	"picket.internal/api"
	"picket.internal/wire"
)

// Error says what failed, on what, and what to do about it.
type Error struct {
	Doing string // what was being done, as in "listing alerts"
	On    string // on what: an address, a path
	Fix   string // what to do next; empty where nothing can be advised
	Err   error  // the cause
}

func (e *Error) Error() string {
	s := e.Doing
	if e.On != "" {
		s += " (" + e.On + ")"
	}
	return s + ": " + e.Err.Error()
}

// Unwrap makes the cause matchable: the sentinels of package api, and those of
// package wire.
func (e *Error) Unwrap() error { return e.Err }

// Advice is what to do next.
func (e *Error) Advice() string { return e.Fix }

// fail turns whatever went wrong on the way to the hub into an Error.
func (c *Client) fail(doing string, err error) error {
	if already := (*Error)(nil); errors.As(err, &already) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	words, fix := c.explain(err)
	return &Error{Doing: doing, On: strings.TrimPrefix(c.base, "https://"), Fix: fix, Err: &explained{words, err}}
}

// explained shows words for people and keeps the cause for programs.
type explained struct {
	words string
	cause error
}

func (e *explained) Error() string { return e.words }
func (e *explained) Unwrap() error { return e.cause }

// explain gives the words for a cause and what to do about it.
func (c *Client) explain(err error) (words, fix string) {
	var dns *net.DNSError
	switch {
	case errors.Is(err, wire.ErrPinMismatch):
		return "what answers there is not the hub that the access token was made for (tls.pin_mismatch); nothing was sent to it",
			"if the hub was set up anew, take the new profile or token; else find out who answers at that address"
	case errors.Is(err, wire.ErrTLSVersion):
		return "what answers there does not speak TLS 1.3, so it is no hub (tls.version)", "check the address; name another with --hub URL"
	case errors.Is(err, wire.ErrRedirectRefused):
		return "what answers there redirects, which a hub never does (net.redirect_refused)", "check the address; name another with --hub URL"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "no hub is running there", "start it with `make up` or `picket up`; if it runs elsewhere, name it with --hub URL or --dir DIR"
	case errors.As(err, &dns):
		return "no such host name", "check the address; name another with --hub URL"
	case errors.Is(err, api.ErrUnauthorized):
		return "the hub does not accept the access token",
			"use the profile of the hub that runs there: --dir DIR or PICKET_DIR names the folder that `picket up` uses"
	case errors.Is(err, api.ErrForbidden):
		return "the access token may not do this", "ask for a token with a higher role"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "the hub did not answer in time", "look at the hub's own log, or ask for less with --limit"
	case errors.Is(err, api.ErrUnavailable):
		return err.Error(), "try again in a little while; the hub's log says more"
	default:
		return err.Error(), ""
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// permanent tells whether asking again can only give the same answer.
func permanent(err error) bool {
	for _, cause := range []error{
		api.ErrUnauthorized, api.ErrForbidden, api.ErrNotFound, api.ErrMalformed,
		wire.ErrPinMismatch, wire.ErrTLSVersion, wire.ErrRedirectRefused, errAnswer,
	} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// refusal is an answer of the hub that is no success.
type refusal struct {
	problem  *wire.Problem
	sentinel error
}

func (r *refusal) Error() string   { return "the hub refused: " + r.problem.Error() }
func (r *refusal) Unwrap() []error { return []error{r.sentinel, r.problem} }

// sentinelOf is what an HTTP status means to callers.
func sentinelOf(status int) error {
	switch status {
	case http.StatusUnauthorized:
		return api.ErrUnauthorized
	case http.StatusForbidden:
		return api.ErrForbidden
	case http.StatusNotFound:
		return api.ErrNotFound
	case http.StatusConflict:
		return api.ErrConflict
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable:
		return api.ErrUnavailable
	default:
		return api.ErrMalformed
	}
}
