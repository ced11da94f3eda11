package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"

	types "picket.internal/api"
)

// Responder decides about responses, and tells of them and of the log.
type Responder interface {
	// Responses returns what q chooses, newest first.
	Responses(ctx context.Context, q types.ResponseQuery) ([]types.Response, error)
	// ResponseByID returns one, or types.ErrNotFound.
	ResponseByID(ctx context.Context, id string) (types.Response, error)
	// AlertResponses returns those that an alert belongs to, oldest first.
	AlertResponses(ctx context.Context, alert string) ([]types.Response, error)
	// Issue, Prepare, Approve, Reject and Undo change them, see package respond.
	Issue(ctx context.Context, req types.IssueRequest) (types.Response, error)
	Prepare(ctx context.Context, id string) (types.Response, error)
	Approve(ctx context.Context, id string, req types.ApproveRequest) (types.Response, error)
	Reject(ctx context.Context, id string, req types.DecisionRequest) (types.Response, error)
	Undo(ctx context.Context, id string, req types.DecisionRequest) (types.Response, error)
	// ReadEvidence writes the bundle of a response, which is logged; nothing is
	// written where it is refused. EvidenceAgain has the host send it again.
	ReadEvidence(ctx context.Context, id string, w func() io.Writer) error
	EvidenceAgain(ctx context.Context, id string, req types.DecisionRequest) (types.Response, error)
	// Pause and SetPause are the fleet-wide stop.
	Pause(ctx context.Context) (types.Pause, error)
	SetPause(ctx context.Context, p types.Pause) (types.Pause, error)
	// Policies lists the policies that run.
	Policies(ctx context.Context) ([]types.Policy, error)
	// Operators lists the people whose signatures count.
	Operators(ctx context.Context) ([]types.Operator, error)
	AddOperator(ctx context.Context, o types.Operator) error
	RemoveOperator(ctx context.Context, name string) error
	// Attest has a host attest its sensor now.
	Attest(ctx context.Context, host string) (types.Response, error)
	// SetHost sets what the hub knows of a host beside what it says itself.
	SetHost(ctx context.Context, id string, s types.HostSetting) error
	// AccessTokens lists the tokens that let people's programs in; the others make and revoke one.
	AccessTokens(ctx context.Context) ([]types.AccessToken, error)
	CreateAccessToken(ctx context.Context, req types.AccessTokenRequest) (types.AccessTokenReply, error)
	RevokeAccessToken(ctx context.Context, id string) error
	// Dossier is all that shows an alert, or types.ErrNotFound.
	Dossier(ctx context.Context, alert string) (types.Dossier, error)
	// Checkpoint and AuditRecords are the log.
	Checkpoint(ctx context.Context) (types.Checkpoint, error)
	AuditRecords(ctx context.Context, from int64, limit int) ([]types.AuditRecord, error)
}

// Respond gives the handler what answers about responses and the log. Without
// it those routes say that they are not available. It must be called before
// the first request.
func (h *Handler) Respond(r Responder) { h.responder = r }

// responding runs an answer that needs a Responder, within its time.
func responding(answer func(ctx context.Context, h *Handler, r *http.Request, out *reply) error) func(h *Handler, r *http.Request, out *reply) error {
	return func(h *Handler, r *http.Request, out *reply) error {
		if h.responder == nil {
			return types.ErrUnavailable
		}
		ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
		defer cancel()
		return answer(ctx, h, r, out)
	}
}

func listResponses(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	q, err := types.ParseResponseQuery(r.URL.Query())
	if err != nil {
		return err
	}
	all, err := h.responder.Responses(ctx, q)
	if err != nil {
		return err
	}
	return lines(out, all, func(*types.Response) {})
}

func showResponse(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	return answer(out)(h.responder.ResponseByID(ctx, r.PathValue("id")))
}

// answer is a document, or the error instead.
func answer(out *reply) func(v types.Response, err error) error {
	return func(v types.Response, err error) error {
		if err != nil {
			return fmt.Errorf("responding: %w", err)
		}
		return out.document(&v)
	}
}

func issueResponse(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	var req types.IssueRequest
	if err := change(r, out, &req); err != nil {
		return err
	}
	return answer(out)(h.responder.Issue(ctx, req))
}

func prepareResponse(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := noBody(r, out); err != nil {
		return err
	}
	return answer(out)(h.responder.Prepare(ctx, r.PathValue("id")))
}

func approveResponse(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	var req types.ApproveRequest
	if err := change(r, out, &req); err != nil {
		return err
	}
	return answer(out)(h.responder.Approve(ctx, r.PathValue("id"), req))
}

func rejectResponse(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	var req types.DecisionRequest
	if err := change(r, out, &req); err != nil {
		return err
	}
	return answer(out)(h.responder.Reject(ctx, r.PathValue("id"), req))
}

func undoResponse(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	var req types.DecisionRequest
	if err := change(r, out, &req); err != nil {
		return err
	}
	return answer(out)(h.responder.Undo(ctx, r.PathValue("id"), req))
}

// showEvidence hands out a bundle. It is long, so its time is that of each piece,
// and half of it does not look like a whole one: see refuse.
func showEvidence(h *Handler, r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if h.responder == nil {
		return types.ErrUnavailable
	}
	err := h.responder.ReadEvidence(r.Context(), r.PathValue("id"), func() io.Writer { return bundle{out} })
	if err != nil {
		return fmt.Errorf("reading evidence: %w", err)
	}
	return nil
}

// bundle writes pieces of a bundle.
type bundle struct{ out *reply }

func (b bundle) Write(data []byte) (int, error) {
	if err := b.out.raw(types.TypeBundle, data); err != nil {
		return 0, err
	}
	return len(data), nil
}

func evidenceAgain(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	var req types.DecisionRequest
	if err := change(r, out, &req); err != nil {
		return err
	}
	return answer(out)(h.responder.EvidenceAgain(ctx, r.PathValue("id"), req))
}

// change reads a request that has a body and no parameters.
func change(r *http.Request, out *reply, into any) error {
	if err := noQuery(r); err != nil {
		return err
	}
	return decodeBody(r, out, into)
}

func showPause(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	p, err := h.responder.Pause(ctx)
	if err != nil {
		return err
	}
	return out.document(&p)
}

func setPause(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	var req types.Pause
	if err := change(r, out, &req); err != nil {
		return err
	}
	p, err := h.responder.SetPause(ctx, req)
	if err != nil {
		return err
	}
	return out.document(&p)
}

func listPolicies(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	all, err := h.responder.Policies(ctx)
	if err != nil {
		return err
	}
	return lines(out, all, func(*types.Policy) {})
}

func listOperators(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	all, err := h.responder.Operators(ctx)
	if err != nil {
		return err
	}
	return lines(out, all, func(*types.Operator) {})
}

func addOperator(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	var req types.Operator
	if err := change(r, out, &req); err != nil {
		return err
	}
	if err := h.responder.AddOperator(ctx, req); err != nil {
		return err
	}
	return out.document(&req)
}

func removeOperator(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := noBody(r, out); err != nil {
		return err
	}
	name := r.PathValue("name")
	if err := h.responder.RemoveOperator(ctx, name); err != nil {
		return err
	}
	return out.document(&types.Operator{Name: name})
}

func setHost(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	var req types.HostSetting
	if err := change(r, out, &req); err != nil {
		return err
	}
	if err := h.responder.SetHost(ctx, r.PathValue("id"), req); err != nil {
		return err
	}
	return out.document(&req)
}

func attestHost(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := noBody(r, out); err != nil {
		return err
	}
	return answer(out)(h.responder.Attest(ctx, r.PathValue("id")))
}

func showCheckpoint(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	if err := noQuery(r); err != nil {
		return err
	}
	c, err := h.responder.Checkpoint(ctx)
	if err != nil {
		return err
	}
	return out.document(&c)
}

// auditRecords answers with the records of the log from a number on.
func auditRecords(ctx context.Context, h *Handler, r *http.Request, out *reply) error {
	from, limit := int64(0), types.DefaultLimit
	for name, values := range r.URL.Query() {
		n, err := strconv.ParseInt(values[0], 10, 64)
		switch {
		case len(values) != 1 || err != nil || n < 0:
			return &types.QueryError{Param: name[:min(len(name), types.MaxText)], Value: values[0][:min(len(values[0]), types.MaxText)], Reason: "want one number"}
		case name == "from":
			from = n
		case name == "limit" && n >= 1 && n <= types.MaxLimit:
			limit = int(n)
		default:
			return &types.QueryError{Param: "parameter", Value: name[:min(len(name), types.MaxText)], Reason: "no such parameter, or not within its bounds"}
		}
	}
	records, err := h.responder.AuditRecords(ctx, from, limit)
	if err != nil {
		return err
	}
	return lines(out, records, func(*types.AuditRecord) {})
}
