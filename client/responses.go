package client

import (
	"context"
	digest "crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"picket.internal/api"
	"picket.internal/wire"
)

// Responses yields the responses that q chooses, newest first, page by page. A
// q.Limit of 0 means all of them.
func (c *Client) Responses(ctx context.Context, q api.ResponseQuery) iter.Seq2[api.Response, error] {
	page := func(after string, limit int) iter.Seq2[api.Response, error] {
		q.After, q.Limit = after, limit
		if err := q.Validate(); err != nil {
			return failed[api.Response](err)
		}
		return rows[api.Response](ctx, c, api.PathResponses, q.Values())
	}
	return named(c, "listing responses", paged(q.After, q.Limit, page, func(r *api.Response) string { return r.ID }))
}

func responsePath(pattern, id string) string {
	return strings.Replace(pattern, "{id}", url.PathEscape(id), 1)
}

func (c *Client) response(ctx context.Context, doing, method, path, id string, body any) (api.Response, error) {
	var r api.Response
	err := c.document(ctx, method, path, nil, body, &r)
	if errors.Is(err, api.ErrNotFound) {
		return r, &Error{Doing: doing, On: id, Err: explain(err, "there is no such response or host"), Fix: "see the ids with `picket eat list` and `picket hosts list`"}
	}
	if err != nil {
		return r, c.fail(doing, err)
	}
	return r, nil
}

// Response returns one.
func (c *Client) Response(ctx context.Context, id string) (api.Response, error) {
	return c.response(ctx, "showing a response", http.MethodGet, responsePath(api.PathResponse, id), id, nil)
}

// Issue asks for an action on a host.
func (c *Client) Issue(ctx context.Context, req api.IssueRequest) (api.Response, error) {
	return c.response(ctx, "asking for "+req.Action, http.MethodPost, api.PathResponses, req.Host, &req)
}

// Prepare has the hub make the token that is to be signed.
func (c *Client) Prepare(ctx context.Context, id string) (api.Response, error) {
	return c.response(ctx, "preparing a token", http.MethodPost, responsePath(api.PathResponsePrepare, id), id, nil)
}

// Approve sends a yes, with a signature where one is asked for.
func (c *Client) Approve(ctx context.Context, id string, req api.ApproveRequest) (api.Response, error) {
	return c.response(ctx, "approving a response", http.MethodPost, responsePath(api.PathResponseApprove, id), id, &req)
}

// Reject sends a no.
func (c *Client) Reject(ctx context.Context, id string, req api.DecisionRequest) (api.Response, error) {
	return c.response(ctx, "rejecting a response", http.MethodPost, responsePath(api.PathResponseReject, id), id, &req)
}

// Undo asks for what takes a response back.
func (c *Client) Undo(ctx context.Context, id string, req api.DecisionRequest) (api.Response, error) {
	return c.response(ctx, "undoing a response", http.MethodPost, responsePath(api.PathResponseUndo, id), id, &req)
}

// EvidenceAgain has a host send evidence again that the hub lacks.
func (c *Client) EvidenceAgain(ctx context.Context, id string, req api.DecisionRequest) (api.Response, error) {
	return c.response(ctx, "asking for evidence again", http.MethodPost, responsePath(api.PathEvidenceAgain, id), id, &req)
}

// ErrEvidence is returned for evidence that is not what the host's receipt says.
var ErrEvidence = errors.New("what the hub gave is not what the host's wrapper has signed")

// Evidence writes the bundle of a response to w, and holds it to the digest that
// the caller has read in the receipt. What it wrote before an error is not to be
// used.
func (c *Client) Evidence(ctx context.Context, id, sha256 string, w io.Writer) error {
	const doing = "reading evidence"
	resp, err := c.do(ctx, http.MethodGet, responsePath(api.PathEvidence, id), nil, nil, api.TypeBundle)
	if errors.Is(err, api.ErrNotFound) {
		return &Error{Doing: doing, On: id, Err: explain(err, "there is no such response"), Fix: "see the ids with `picket eat list`"}
	}
	if err != nil {
		return c.fail(doing, err)
	}
	defer resp.Body.Close()
	sum := digest.New()
	if _, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(resp.Body, api.MaxBundle+1)); err != nil {
		return c.fail(doing, err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != sha256 {
		return &Error{Doing: doing, On: id, Err: ErrEvidence, Fix: "do not use it; run picket-hub check at the hub"}
	}
	return nil
}

// Pause returns the fleet-wide stop.
func (c *Client) Pause(ctx context.Context) (api.Pause, error) {
	var p api.Pause
	if err := c.document(ctx, http.MethodGet, api.PathPause, nil, nil, &p); err != nil {
		return p, c.fail("asking whether responses are paused", err)
	}
	return p, nil
}

// SetPause sets the fleet-wide stop, or lifts it.
func (c *Client) SetPause(ctx context.Context, p api.Pause) (api.Pause, error) {
	if err := c.document(ctx, http.MethodPost, api.PathPause, nil, &p, &p); err != nil {
		return p, c.fail("pausing responses", err)
	}
	return p, nil
}

// Policies yields the response policies that run.
func (c *Client) Policies(ctx context.Context) iter.Seq2[api.Policy, error] {
	return named(c, "listing policies", rows[api.Policy](ctx, c, api.PathPolicies, nil))
}

// Operators yields the people whose signatures count, by name.
func (c *Client) Operators(ctx context.Context) iter.Seq2[api.Operator, error] {
	return named(c, "listing operators", rows[api.Operator](ctx, c, api.PathOperators, nil))
}

// AddOperator tells the hub a person's public key.
func (c *Client) AddOperator(ctx context.Context, o api.Operator) error {
	if err := c.document(ctx, http.MethodPost, api.PathOperators, nil, &o, &o); err != nil {
		return c.fail("adding an operator", err)
	}
	return nil
}

// RemoveOperator makes the hub forget a person.
func (c *Client) RemoveOperator(ctx context.Context, name string) error {
	var o api.Operator
	path := strings.Replace(api.PathOperatorRemove, "{name}", url.PathEscape(name), 1)
	err := c.document(ctx, http.MethodPost, path, nil, nil, &o)
	if errors.Is(err, api.ErrNotFound) {
		return &Error{Doing: "removing an operator", On: name, Err: explain(err, "there is no such operator"), Fix: "see the names with `picket eat operators list`"}
	}
	if err != nil {
		return c.fail("removing an operator", err)
	}
	return nil
}

// SetHost sets what the hub knows of a host beside what it says itself.
func (c *Client) SetHost(ctx context.Context, id string, s api.HostSetting) error {
	err := c.document(ctx, http.MethodPost, responsePath(api.PathHostSet, id), nil, &s, new(api.HostSetting))
	if errors.Is(err, api.ErrNotFound) {
		return &Error{Doing: "changing host", On: id, Err: explain(err, "there is no such host"), Fix: "see the ids with `picket hosts list`"}
	}
	if err != nil {
		return c.fail("changing host", err)
	}
	return nil
}

// AttestHost has a host's wrapper hash its sensor now.
func (c *Client) AttestHost(ctx context.Context, id string) (api.Response, error) {
	return c.response(ctx, "asking for an attestation", http.MethodPost, responsePath(api.PathHostAttest, id), id, nil)
}

// Checkpoint returns the hub's newest word on its log.
func (c *Client) Checkpoint(ctx context.Context) (api.Checkpoint, error) {
	var p api.Checkpoint
	if err := c.document(ctx, http.MethodGet, api.PathCheckpoint, nil, nil, &p); err != nil {
		return p, c.fail("asking for the log's checkpoint", err)
	}
	return p, nil
}

// AuditRecords yields the first size records of the hub's log, oldest first.
func (c *Client) AuditRecords(ctx context.Context, size int64) iter.Seq2[api.AuditRecord, error] {
	return named(c, "reading the log", func(yield func(api.AuditRecord, error) bool) {
		for from := int64(0); from < size; {
			limit := min(size-from, api.MaxLimit)
			query := url.Values{"from": {strconv.FormatInt(from, 10)}, "limit": {strconv.FormatInt(limit, 10)}}
			n := int64(0)
			for r, err := range rows[api.AuditRecord](ctx, c, api.PathAuditRecords, query) {
				if !yield(r, err) || err != nil {
					return
				}
				n++
			}
			if n == 0 {
				return // it is shorter than it said, which whoever verifies it sees
			}
			from += n
		}
	})
}

// maxTrust is more than any trust store has.
const maxTrust = 64 << 10

// Trust returns the hub's trust store, as it comes.
func (c *Client) Trust(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	resp, err := c.do(ctx, http.MethodGet, wire.PathTrust, nil, nil, api.TypeJSON)
	if err != nil {
		return nil, c.fail("asking for the trust store", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxTrust+1))
	if err != nil {
		return nil, c.fail("asking for the trust store", err)
	}
	return data, nil
}
