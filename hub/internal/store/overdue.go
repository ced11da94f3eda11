package store

import (
	"context"
	"fmt"
	"time"

	"picket.internal/api"
	"picket.internal/fact"
)

// overdue is a token, or a response without one, whose time is over.
type overdue struct {
	token, response, action, alert string
	host                           fact.Host
	delivered, ready               bool
}

// Overdue looks at what should have happened by now: tokens without a receipt
// a minute after their end, tokens that were not signed in time, and decided
// responses whose host never asked. Each is told once.
func (s *Store) Overdue(ctx context.Context) (found int, err error) {
	// Most of the time there is nothing, and nothing is written.
	var n int
	now := s.opts.now()
	err = s.read.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM eats WHERE answered = 0 AND missed = 0 AND (ready = 1 AND expires <= ? OR ready = 0 AND expires <= ?))
		+ (SELECT count(*) FROM responses WHERE state = 'queued' AND changed <= ?)`, millis(now.Add(-receiptGrace)), millis(now), millis(now.Add(-queuedFor))).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("looking for what is overdue: %w", err)
	}
	if n == 0 {
		return 0, nil
	}
	err = s.update(ctx, 4096, func(tx *Tx) (err error) {
		found, err = tx.overdue()
		return err
	})
	return found, err
}

func (tx *Tx) overdue() (found int, err error) {
	st, err := tx.stmt(`SELECT e.id, r.id, e.action, r.alert, h.id, h.name, e.delivered > 0, e.ready FROM eats e JOIN responses r ON r.n = e.response JOIN hosts h ON h.n = e.host
		WHERE e.answered = 0 AND e.missed = 0 AND (e.ready = 1 AND e.expires <= ? OR e.ready = 0 AND e.expires <= ?) ORDER BY e.id LIMIT 1000`)
	if err != nil {
		return 0, err
	}
	list, err := func() (list []overdue, err error) {
		rows, err := st.Query(millis(tx.now.Add(-receiptGrace)), millis(tx.now))
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var o overdue
			if err := rows.Scan(&o.token, &o.response, &o.action, &o.alert, &o.host.ID, &o.host.Name, &o.delivered, &o.ready); err != nil {
				return nil, err
			}
			list = append(list, o)
		}
		return list, rows.Err()
	}()
	if err != nil {
		return 0, fmt.Errorf("looking for what is overdue: %w", err)
	}
	for _, o := range list {
		if err := tx.missed(o); err != nil {
			return 0, fmt.Errorf("storing that a token is overdue: %w", err)
		}
	}
	queued, err := tx.change(`UPDATE responses SET state = ?, why = 'the host was not connected for '||?, changed = ? WHERE state = ? AND changed <= ?`,
		api.ResponseExpired, queuedFor.String(), millis(tx.now), api.ResponseQueued, millis(tx.now.Add(-queuedFor)))
	return len(list) + int(queued), err
}

func (tx *Tx) missed(o overdue) error {
	if err := tx.exec(`UPDATE eats SET missed = 1 WHERE id = ?`, o.token); err != nil {
		return err
	}
	if !o.ready {
		// It was never delivered, so there is nothing to be missed but signatures.
		return tx.exec(`UPDATE responses SET why = 'the signatures did not come in time; approve it again', token = '', changed = ? WHERE id = ? AND token = ? AND state = 'waiting'`,
			millis(tx.now), o.response, o.token)
	}
	state, detail := api.ResponseExpired, "the host did not fetch it"
	if o.delivered {
		state, detail = api.ResponseNoReceipt, "the host fetched it, and nothing says what became of it"
	}
	tx.Emit(&fact.Fact{Kind: fact.KindReceipt, Host: o.host, Receipt: &fact.Receipt{Action: fact.ReceiptMissing, TokenID: o.token, TokenAction: o.action,
		ResponseID: o.response, AlertID: o.alert, ErrorID: "eat.no_receipt", Detail: detail}})
	return tx.exec(`UPDATE responses SET state = ?, why = ?, changed = ? WHERE id = ? AND token = ?`, state, detail, millis(tx.now), o.response, o.token)
}

// Sweep is how often Overdue is worth a look.
const Sweep = 5 * time.Second
