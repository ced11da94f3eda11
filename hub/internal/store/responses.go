package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/hub/internal/audit"
	"picket.internal/hub/internal/fault"
)

// NewResponse is a response to be kept.
type NewResponse struct {
	Host, Policy, Title, Alert string
	Action                     string
	Args                       []byte
	Mode, State, Why, Reason   string
	// Spot is what it is aimed at. One of the same spot within Group belongs to
	// the same incident and is not kept twice; empty means that it always is.
	Spot  string
	Group time.Duration
	// Signatures and Valid are for its tokens.
	Signatures int
	Valid      time.Duration
	// Undoes is the response that it takes back; By is who asked.
	Undoes, By string
	// BreakGlass is why a person asked for it over the hub's brakes; empty where nobody did.
	BreakGlass string
	// Automatic is true where no person decided: it counts against the budget.
	Automatic bool
}

// RespondedTo is the id of the last alert that was looked at for responses.
func (s *Store) RespondedTo(ctx context.Context) (string, error) {
	var id string
	err := s.read.QueryRowContext(ctx, `SELECT coalesce(max(value), '') FROM meta WHERE name = 'responded'`).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("reading how far was responded: %w", err)
	}
	return id, nil
}

// AddResponses keeps what alerts up to the one with the id have led to, and
// returns the ids: that of the response which is there already, and fresh
// false, where it belongs to one. In one transaction with the place reached, so
// that no alert is responded to twice. An empty id leaves the place as it is.
func (s *Store) AddResponses(ctx context.Context, upTo string, list []NewResponse) (ids []string, fresh []bool, err error) {
	err = s.update(ctx, 512*(1+len(list)), func(tx *Tx) error {
		ids, fresh = nil, nil
		for _, r := range list {
			id, isNew, err := tx.addResponse(r)
			if err != nil {
				return fmt.Errorf("storing a response: %w", err)
			}
			ids, fresh = append(ids, id), append(fresh, isNew)
		}
		if upTo == "" {
			return nil
		}
		return tx.exec(`INSERT INTO meta (name, value) VALUES ('responded', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, upTo)
	})
	return ids, fresh, unavailable(err)
}

func (tx *Tx) addResponse(r NewResponse) (id string, fresh bool, err error) {
	host, err := tx.host(r.Host)
	if err != nil {
		return "", false, err
	}
	var n int64
	if r.Spot != "" {
		found, err := tx.get(`SELECT n, id FROM responses WHERE spot = ? AND created > ? ORDER BY n DESC LIMIT 1`,
			[]any{r.Spot, millis(tx.now.Add(-r.Group))}, &n, &id)
		if err != nil {
			return "", false, err
		}
		if found {
			return id, false, tx.exec(`INSERT OR IGNORE INTO response_alerts (alert, response) VALUES (?, ?)`, r.Alert, n)
		}
	}
	automatic := int64(0)
	if r.Automatic {
		automatic = millis(tx.now)
	}
	id = tx.ids.next(tx.now)
	n, err = tx.insert(`INSERT INTO responses (id, host, policy, title, alert, action, args, mode, state, why, reason, spot, signatures, valid, undoes, decided_by, automatic, created, changed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, host, r.Policy, r.Title, r.Alert, r.Action, r.Args, r.Mode, r.State, r.Why, r.Reason, r.Spot, r.Signatures, r.Valid.Milliseconds(),
		r.Undoes, r.By, automatic, millis(tx.now), millis(tx.now))
	if err == nil && r.BreakGlass != "" {
		err = tx.brokeGlass(r.By, id, r.BreakGlass, 0)
	}
	if err != nil || r.Alert == "" {
		return id, true, err
	}
	return id, true, tx.exec(`INSERT INTO response_alerts (alert, response) VALUES (?, ?)`, r.Alert, n)
}

// SetResponse puts a response into a state, if it is in one of those in from.
func (s *Store) SetResponse(ctx context.Context, id, state, why string, from ...string) error {
	return unavailable(s.update(ctx, 256, func(tx *Tx) error { return tx.setResponse(id, state, why, from...) }))
}

// HoldBack makes what waits for a host to connect wait for a person, where
// nobody has decided about it.
func (s *Store) HoldBack(ctx context.Context, id, why string) error {
	return unavailable(s.update(ctx, 256, func(tx *Tx) error {
		return tx.exec(`UPDATE responses SET state = 'waiting', why = ?, automatic = 0, changed = ? WHERE id = ? AND state = 'queued' AND automatic > 0`, why, millis(tx.now), id)
	}))
}

func (tx *Tx) setResponse(id, state, why string, from ...string) error {
	var now string
	found, err := tx.get(`SELECT state FROM responses WHERE id = ?`, []any{id}, &now)
	switch {
	case err != nil:
		return fmt.Errorf("reading a response: %w", err)
	case !found:
		return notFound("response", id)
	case len(from) > 0 && !slices.Contains(from, now):
		return fault.ResponseState.With("the response is %s; this is for one that is %s", now, strings.Join(from, " or "))
	}
	return tx.exec(`UPDATE responses SET state = ?, why = ?, changed = ? WHERE id = ?`, state, why, millis(tx.now), id)
}

// Decide keeps a person's yes or no to a response that waits, with a record in
// the log.
func (s *Store) Decide(ctx context.Context, id, verdict, state, why string) error {
	by := audit.Actor(ctx)
	return unavailable(s.update(ctx, 512, func(tx *Tx) error {
		if err := tx.setResponse(id, state, why, api.ResponseWaiting); err != nil {
			return err
		}
		if err := tx.exec(`UPDATE responses SET decided_by = ? WHERE id = ?`, by, id); err != nil {
			return err
		}
		e, doc, err := audit.Approval{Response: id, Verdict: verdict, By: by, At: tx.now.UTC()}.Encode()
		if err == nil {
			_, err = tx.audit(e, doc)
		}
		return err
	}))
}

// Issuing is a token to be made.
type Issuing struct {
	// Response is the response that it is for.
	Response string
	// Make makes and signs the token with the counter.
	Make func(id string, counter uint64, now time.Time) (*eat.Opened, []byte, error)
	// Ready is true where nobody else must sign.
	Ready bool
	// State and Why are the response's from now on; From is what it must be in.
	State, Why string
	From       []string
}

// Issue makes a token, writes it into the log and keeps it, all or nothing:
// there is no token of this hub that is not in its log.
func (s *Store) Issue(ctx context.Context, i Issuing) error {
	return unavailable(s.update(ctx, 4096, func(tx *Tx) error {
		var n, host int64
		if err := tx.setResponse(i.Response, i.State, i.Why, i.From...); err != nil {
			return err
		}
		if _, err := tx.get(`SELECT n, host FROM responses WHERE id = ?`, []any{i.Response}, &n, &host); err != nil {
			return fmt.Errorf("reading a response: %w", err)
		}
		var counter int64
		if err := tx.exec(`INSERT INTO wrappers (host, counter) VALUES (?, 1) ON CONFLICT (host) DO UPDATE SET counter = counter + 1`, host); err != nil {
			return fmt.Errorf("counting a token: %w", err)
		}
		if _, err := tx.get(`SELECT counter FROM wrappers WHERE host = ?`, []any{host}, &counter); err != nil {
			return fmt.Errorf("counting a token: %w", err)
		}
		opened, sealed, err := i.Make(tx.ids.next(tx.now), uint64(counter), tx.now.UTC())
		if err != nil {
			return fault.TokenBad.With("%v", err)
		}
		t := opened.Token
		entry, err := tx.audit(eat.Entry{Type: eat.EntryToken, ID: t.ID, SHA256: opened.SHA256}, opened.Payload)
		if err != nil {
			return err
		}
		err = tx.exec(`INSERT INTO eats (id, response, host, action, counter, sha256, envelope, entry, not_before, expires, ready) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			t.ID, n, host, t.Action(), counter, opened.SHA256, sealed, entry, millis(t.NotBefore), millis(t.Expires), i.Ready)
		if err != nil {
			return fmt.Errorf("storing a token: %w", err)
		}
		return tx.exec(`UPDATE responses SET token = ? WHERE n = ?`, t.ID, n)
	}))
}

// NewApproval is an operator's signature that was verified.
type NewApproval struct {
	Response, Token, SHA256, Operator string
	Signature                         envelope.Signature
	// Envelope is the token with all signatures, this one included.
	Envelope []byte
}

// Approve keeps an operator's signature with a record in the log. enough is
// true where it is the last one that was asked for.
func (s *Store) Approve(ctx context.Context, a NewApproval) (enough bool, err error) {
	by := audit.Actor(ctx)
	err = s.update(ctx, 1024, func(tx *Tx) error {
		enough = false
		n, err := tx.change(`INSERT OR IGNORE INTO approvals (token, operator, key, sig, at) VALUES (?, ?, ?, ?, ?)`,
			a.Token, a.Operator, a.Signature.Key.Bytes(), a.Signature.Sig, millis(tx.now))
		if err != nil {
			return fmt.Errorf("storing an approval: %w", err)
		}
		if n == 1 {
			if err := tx.exec(`UPDATE eats SET envelope = ? WHERE id = ?`, a.Envelope, a.Token); err != nil {
				return fmt.Errorf("storing an approval: %w", err)
			}
			e, doc, err := audit.Approval{Response: a.Response, Token: a.Token, TokenSHA256: a.SHA256, Operator: a.Operator, Sig: a.Signature.Sig,
				Verdict: "approved", By: by, At: tx.now.UTC()}.Encode()
			if err != nil {
				return err
			}
			if _, err := tx.audit(e, doc); err != nil {
				return err
			}
		}
		var have, need int
		if _, err := tx.get(`SELECT (SELECT count(*) FROM approvals WHERE token = ?), signatures FROM responses WHERE id = ?`, []any{a.Token, a.Response}, &have, &need); err != nil {
			return fmt.Errorf("counting approvals: %w", err)
		}
		if enough = have >= need; !enough {
			return tx.exec(`UPDATE responses SET why = ?, changed = ? WHERE id = ?`, fmt.Sprintf("%d of %d operators have signed", have, need), millis(tx.now), a.Response)
		}
		if err := tx.setResponse(a.Response, api.ResponseIssued, "", api.ResponseWaiting); err != nil {
			return err
		}
		if err := tx.exec(`UPDATE responses SET decided_by = ? WHERE id = ?`, by, a.Response); err != nil {
			return err
		}
		return tx.exec(`UPDATE eats SET ready = 1 WHERE id = ?`, a.Token)
	})
	return enough, unavailable(err)
}

// Outgoing is a token to be delivered.
type Outgoing struct {
	Token, Response string
	Envelope        []byte
	Entry           int64
	Counter         int64
}

// NextToken is the host's next token that holds and that it was not handed
// since the time again; nil where there is none. With decided only those count
// that a person decided about.
func (s *Store) NextToken(ctx context.Context, host string, now, again time.Time, decided bool) (*Outgoing, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT e.id, r.id, e.envelope, e.entry, e.counter FROM eats e JOIN responses r ON r.n = e.response JOIN hosts h ON h.n = e.host
		WHERE h.id = ? AND e.ready = 1 AND e.answered = 0 AND e.missed = 0 AND e.not_before <= ? AND e.expires > ? AND e.delivered <= ? AND (r.automatic = 0 OR NOT ?) ORDER BY e.counter LIMIT 1`,
		host, millis(now), millis(now), millis(again), decided)
	if err != nil {
		return nil, fmt.Errorf("looking for tokens: %w", err)
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	o := new(Outgoing)
	if err := rows.Scan(&o.Token, &o.Response, &o.Envelope, &o.Entry, &o.Counter); err != nil {
		return nil, fmt.Errorf("looking for tokens: %w", err)
	}
	return o, nil
}

// Delivered keeps that a token was handed to its host, with the log as it was
// at a size.
func (s *Store) Delivered(ctx context.Context, o *Outgoing, size int64) error {
	return s.update(ctx, 256, func(tx *Tx) error {
		err := tx.exec(`UPDATE eats SET delivered = ?, checkpoint = CASE checkpoint WHEN 0 THEN ? ELSE checkpoint END WHERE id = ?`, millis(tx.now), size, o.Token)
		if err == nil {
			err = tx.exec(`UPDATE wrappers SET handed = max(handed, ?) WHERE host = (SELECT host FROM eats WHERE id = ?)`, o.Counter, o.Token)
		}
		if err != nil {
			return fmt.Errorf("storing a delivery: %w", err)
		}
		err = tx.setResponse(o.Response, api.ResponseDelivered, "", api.ResponseIssued)
		if errors.Is(err, fault.ResponseState) {
			return nil // delivered again, or answered meanwhile
		}
		return err
	})
}

// AutomaticHosts are the hosts on which was acted without a person since a time;
// by one policy, or by all for "".
func (s *Store) AutomaticHosts(ctx context.Context, policy string, since time.Time) (map[string]int, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT h.id, count(*) FROM responses r JOIN hosts h ON h.n = r.host WHERE r.automatic > ? AND (r.policy = ? OR ? = '') GROUP BY h.id`,
		millis(since), policy, policy)
	if err != nil {
		return nil, fmt.Errorf("reading the budget: %w", err)
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var id string
		var n int
		if err := rows.Scan(&id, &n); err != nil {
			return nil, fmt.Errorf("reading the budget: %w", err)
		}
		out[id] = n
	}
	return out, rows.Err()
}

// queuedFor is how long a decided response waits for its host.
const queuedFor = 15 * time.Minute

// receiptGrace is how long after its end a token's receipt may take.
const receiptGrace = time.Minute
