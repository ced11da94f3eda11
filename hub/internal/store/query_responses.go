package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/strictjson"
)

const selectResponse = `SELECT r.n, r.id, h.id, h.name, r.action, r.args, r.mode, r.state, r.why, r.reason, r.policy, r.title, r.alert, r.undoes,
	r.signatures, r.valid, r.decided_by, r.created, r.changed, r.token, r.automatic > 0, r.break_glass FROM responses r JOIN hosts h ON h.n = r.host `

// StoredResponse is a response with what only the hub needs.
type StoredResponse struct {
	api.Response
	// ValidMS is how long its tokens hold, in milliseconds.
	ValidMS int64
	// Automatic is true where no person decided.
	Automatic bool

	n     int64
	token string
}

func scanResponse(row scanner) (StoredResponse, error) {
	var r StoredResponse
	var args []byte
	var created, changed int64
	err := row.Scan(&r.n, &r.ID, &r.Host.ID, &r.Host.Name, &r.Action, &args, &r.Mode, &r.State, &r.Why, &r.Reason, &r.Policy, &r.Title, &r.Alert, &r.Undoes,
		&r.Signatures, &r.ValidMS, &r.DecidedBy, &created, &changed, &r.token, &r.Automatic, &r.BreakGlass)
	r.Args, r.Created, r.Changed = jsontext.Value(args), fromMillis(created), fromMillis(changed)
	return r, err
}

// Responses answers a query, newest first, each with its token and receipts.
func (s *Store) Responses(ctx context.Context, q api.ResponseQuery) ([]api.Response, error) {
	conds, args := []string{"1"}, []any{}
	add := func(cond string, arg any) { conds, args = append(conds, cond), append(args, arg) }
	if !q.Scheduled {
		add("r.mode <> ?", api.ModeSchedule)
	}
	if q.State != "" {
		add("r.state = ?", q.State)
	}
	if q.HostID != "" {
		add("h.id = ?", q.HostID)
	}
	if q.After != "" {
		add("r.id < ?", q.After)
	}
	return s.responses(ctx, `WHERE `+strings.Join(conds, " AND ")+` ORDER BY r.id DESC LIMIT ?`, append(args, q.Rows())...)
}

// AlertResponses are the responses that an alert led to or belongs to.
func (s *Store) AlertResponses(ctx context.Context, alert string) ([]api.Response, error) {
	return s.responses(ctx, `WHERE r.n IN (SELECT response FROM response_alerts WHERE alert = ?) ORDER BY r.id LIMIT 100`, alert)
}

// QueuedResponses are those that wait for their host to connect, by their ids.
func (s *Store) QueuedResponses(ctx context.Context, host string) (ids []string, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT r.id FROM responses r JOIN hosts h ON h.n = r.host WHERE h.id = ? AND r.state = 'queued' ORDER BY r.id LIMIT 100`, host)
	if err != nil {
		return nil, fmt.Errorf("reading responses: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("reading responses: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func (s *Store) responses(ctx context.Context, where string, args ...any) ([]api.Response, error) {
	list, err := func() (list []StoredResponse, err error) {
		rows, err := s.read.QueryContext(ctx, selectResponse+where, args...)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			r, err := scanResponse(rows)
			if err != nil {
				return nil, err
			}
			list = append(list, r)
		}
		return list, rows.Err()
	}()
	if err != nil {
		return nil, fmt.Errorf("reading responses: %w", err)
	}
	out := make([]api.Response, 0, len(list))
	for i := range list {
		if err := s.complete(ctx, &list[i]); err != nil {
			return nil, err
		}
		out = append(out, list[i].Response)
	}
	return out, nil
}

// Response returns one, or api.ErrNotFound.
func (s *Store) Response(ctx context.Context, id string) (StoredResponse, error) {
	r, err := scanResponse(s.read.QueryRowContext(ctx, selectResponse+`WHERE r.id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return StoredResponse{}, notFound("response", id)
	}
	if err != nil {
		return StoredResponse{}, fmt.Errorf("reading a response: %w", err)
	}
	return r, s.complete(ctx, &r)
}

// complete adds token, receipts and alerts.
func (s *Store) complete(ctx context.Context, r *StoredResponse) error {
	var err error
	if r.Alerts, err = s.alertsOf(ctx, r.n); err != nil {
		return err
	}
	if r.token != "" {
		if r.Token, err = s.token(ctx, r.token); err != nil {
			return err
		}
	}
	if r.Receipts, err = s.receiptsOf(ctx, r.n); err != nil || r.Action != eat.ActionCollectEvidence {
		return err
	}
	r.Evidence, err = s.evidenceOf(ctx, r.n)
	return err
}

func (s *Store) alertsOf(ctx context.Context, response int64) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT alert FROM response_alerts WHERE response = ? ORDER BY alert LIMIT 100`, response)
	if err != nil {
		return nil, fmt.Errorf("reading the alerts of a response: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("reading the alerts of a response: %w", err)
		}
		out = append(out, id)
	}
	return out, rows.Err()
}

// token is a token with all signatures that it has.
func (s *Store) token(ctx context.Context, id string) (*api.ResponseToken, error) {
	t := &api.ResponseToken{ID: id}
	var notBefore, expires, delivered int64
	err := s.read.QueryRowContext(ctx, `SELECT sha256, envelope, entry, not_before, expires, delivered FROM eats WHERE id = ?`, id).
		Scan(&t.SHA256, &t.Envelope, &t.Entry, &notBefore, &expires, &delivered)
	if err != nil {
		return nil, fmt.Errorf("reading a token: %w", err)
	}
	t.NotBefore, t.Expires, t.Delivered = fromMillis(notBefore), fromMillis(expires), fromMillis(delivered)
	if t.SignedBy, err = s.signedBy(ctx, id); err != nil {
		return nil, err
	}
	return t, nil
}

// signedBy are the operators who have signed a token, in their order.
func (s *Store) signedBy(ctx context.Context, token string) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT operator FROM approvals WHERE token = ? ORDER BY at, operator`, token)
	if err != nil {
		return nil, fmt.Errorf("reading approvals: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("reading approvals: %w", err)
		}
		out = append(out, name)
	}
	return out, rows.Err()
}

// receiptsOf are the receipts of all tokens of a response, oldest first.
func (s *Store) receiptsOf(ctx context.Context, response int64) ([]api.ResponseReceipt, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT c.envelope, CASE length(c.payload) WHEN 0 THEN (SELECT doc FROM audit
			WHERE type = 'receipt' AND id = (SELECT id FROM hosts WHERE n = c.host) || '/' || c.seq AND instr(CAST(record AS TEXT), c.digest) > 0) ELSE c.payload END, c.received
		FROM receipts c JOIN eats e ON e.id = c.token AND e.host = c.host
		WHERE e.response = ? ORDER BY c.seq LIMIT 100`, response)
	if err != nil {
		return nil, fmt.Errorf("reading receipts: %w", err)
	}
	defer rows.Close()
	var out []api.ResponseReceipt
	for rows.Next() {
		var sealed, payload []byte
		var received int64
		if err := rows.Scan(&sealed, &payload, &received); err != nil {
			return nil, fmt.Errorf("reading receipts: %w", err)
		}
		r, err := storedReceipt(payload)
		if err != nil {
			return nil, err
		}
		out = append(out, api.ResponseReceipt{Seq: r.Seq, Outcome: r.Outcome, Refusal: r.Refusal, Detail: r.Detail, Effect: r.Effect, LeaseEnd: r.LeaseEnd,
			Time: r.Time, Received: fromMillis(received), Envelope: sealed})
	}
	return out, rows.Err()
}

// storedReceipt reads a receipt that was verified before it was stored.
func storedReceipt(payload []byte) (*eat.Receipt, error) {
	r := new(eat.Receipt)
	if err := strictjson.Decode(payload, strictjson.Limits{Bytes: 64 << 10}, r, func(string) {}); err != nil {
		return nil, fmt.Errorf("reading a stored receipt: %w", err)
	}
	return r, nil
}
