package store

import (
	"context"
	"fmt"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub/internal/audit"
)

// BreakGlass lets a response that waits go on with fewer signatures than the
// hub's policy asks for: with those that its token has, or with a token that is
// still to be made. It is one record in the log and one fact, in one commit.
func (s *Store) BreakGlass(ctx context.Context, id, reason string) error {
	by := audit.Actor(ctx)
	return unavailable(s.update(ctx, 1024, func(tx *Tx) error {
		var token string
		var have int
		if _, err := tx.get(`SELECT r.token, (SELECT count(*) FROM approvals a WHERE a.token = r.token) FROM responses r WHERE r.id = ?`, []any{id}, &token, &have); err != nil {
			return fmt.Errorf("reading a response: %w", err)
		}
		state := api.ResponseQueued
		if have > 0 {
			state = api.ResponseIssued
		}
		if err := tx.setResponse(id, state, "", api.ResponseWaiting); err != nil {
			return err
		}
		if have > 0 {
			if err := tx.exec(`UPDATE eats SET ready = 1 WHERE id = ?`, token); err != nil {
				return fmt.Errorf("releasing a token: %w", err)
			}
		}
		return tx.brokeGlass(by, id, reason, have)
	}))
}

// brokeGlass marks a response and tells of it.
func (tx *Tx) brokeGlass(by, id, reason string, have int) error {
	var host fact.Host
	var action string
	var need int
	if _, err := tx.get(`SELECT h.id, h.name, r.action, r.signatures FROM responses r JOIN hosts h ON h.n = r.host WHERE r.id = ?`, []any{id},
		&host.ID, &host.Name, &action, &need); err != nil {
		return fmt.Errorf("reading a response: %w", err)
	}
	if err := tx.exec(`UPDATE responses SET break_glass = ?, decided_by = ? WHERE id = ?`, reason, by, id); err != nil {
		return fmt.Errorf("marking a response: %w", err)
	}
	signed := fmt.Sprintf("%d of %d", have, need)
	tx.Emit(&fact.Fact{Kind: fact.KindFleet, Host: host, Fleet: &fact.Fleet{Action: fact.FleetBreakGlass,
		Reason: fmt.Sprintf("response %s, %s, signed by %s operators, by %s: %s", id, action, signed, by, reason)}})
	return tx.changed(by, "response.break_glass", id, map[string]string{"host": host.ID, "action": action, "signed": signed, "reason": reason})
}
