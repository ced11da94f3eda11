package store

import (
	"context"
	"fmt"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/hub/internal/audit"
	"picket.internal/hub/internal/fault"
)

// AccessTokens lists the tokens that let people's programs in, the oldest first.
func (s *Store) AccessTokens(ctx context.Context) ([]api.AccessToken, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, name, created, revoked FROM access_tokens ORDER BY created, id`)
	if err != nil {
		return nil, fmt.Errorf("reading access tokens: %w", err)
	}
	defer rows.Close()
	out := []api.AccessToken{}
	for rows.Next() {
		var t api.AccessToken
		var created int64
		if err := rows.Scan(&t.ID, &t.Name, &created, &t.Revoked); err != nil {
			return nil, fmt.Errorf("reading access tokens: %w", err)
		}
		t.Created = fromMillis(created)
		out = append(out, t)
	}
	return out, rows.Err()
}

// RevokeAccessToken shuts out whoever has the token, from the next request on.
// The last one that is good is not revoked: nobody could make another.
func (s *Store) RevokeAccessToken(ctx context.Context, id string) error {
	by := audit.Actor(ctx)
	return unavailable(s.update(ctx, 512, func(tx *Tx) error {
		n, err := tx.change(`UPDATE access_tokens SET revoked = 1 WHERE id = ? AND revoked = 0`, id)
		if err != nil {
			return fmt.Errorf("revoking an access token: %w", err)
		}
		if n == 0 {
			return notFound("access token", id)
		}
		var left int
		if _, err := tx.get(`SELECT count(*) FROM access_tokens WHERE revoked = 0`, nil, &left); err != nil {
			return fmt.Errorf("counting access tokens: %w", err)
		}
		if left == 0 {
			return fault.AccessLast
		}
		return tx.changed(by, "access_token.revoked", id, nil)
	}))
}

// RecordLogin writes into the log that an access token let somebody in, or did
// not.
func (s *Store) RecordLogin(ctx context.Context, event, token string, detail map[string]string) error {
	return s.update(ctx, 512, func(tx *Tx) error {
		e, doc, err := audit.Change{Event: event, Subject: token, By: token, At: tx.now.UTC(), Detail: detail}.Encode()
		if err == nil {
			e.Type = eat.EntryLogin
			_, err = tx.audit(e, doc)
		}
		return err
	})
}
