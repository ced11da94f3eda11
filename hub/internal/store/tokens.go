package store

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"picket.internal/api"
	"picket.internal/hub/internal/audit"
	"picket.internal/hub/internal/fault"
)

// NewToken is a token to be kept: its secret only as a digest.
type NewToken struct {
	ID, Secret, Name string
	// TTL and Uses are for enrollment tokens.
	TTL  time.Duration
	Uses int
}

func digestOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// AddEnrollToken keeps a token that lets hosts in, and returns when it expires.
func (s *Store) AddEnrollToken(ctx context.Context, t NewToken) (time.Time, error) {
	var expires time.Time
	by := audit.Actor(ctx)
	err := s.update(ctx, 512, func(tx *Tx) error {
		expires = fromMillis(millis(tx.now.Add(t.TTL)))
		detail := map[string]string{"expires": expires.Format(time.RFC3339), "uses": strconv.Itoa(t.Uses)}
		if err := tx.changed(by, "enroll_token.made", t.ID, detail); err != nil {
			return err
		}
		return tx.exec(`INSERT INTO enroll_tokens (id, secret, name, created, expires, uses, uses_left) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			t.ID, digestOf(t.Secret), t.Name, millis(tx.now), millis(expires), t.Uses, t.Uses)
	})
	return expires, unavailable(err)
}

// AddAccessToken keeps a token that lets a person's program in.
func (s *Store) AddAccessToken(ctx context.Context, t NewToken) error {
	by := audit.Actor(ctx)
	return unavailable(s.update(ctx, 512, func(tx *Tx) error {
		if err := tx.changed(by, "access_token.made", t.ID, nil); err != nil {
			return err
		}
		return tx.exec(`INSERT INTO access_tokens (id, secret, name, created) VALUES (?, ?, ?, ?)`,
			t.ID, digestOf(t.Secret), t.Name, millis(tx.now))
	}))
}

// Authorize checks an access token. Which of its parts was wrong is not said,
// and does not show in the time it takes.
func (s *Store) Authorize(ctx context.Context, id, secret string) error {
	want := make([]byte, sha256.Size)
	var revoked bool
	err := s.read.QueryRowContext(ctx, `SELECT secret, revoked FROM access_tokens WHERE id = ?`, id).Scan(&want, &revoked)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: reading access token: %w", api.ErrUnavailable, err)
	}
	same := subtle.ConstantTimeCompare(want, digestOf(secret)) == 1
	if err != nil || !same || revoked {
		return api.ErrUnauthorized
	}
	return nil
}

// spend takes one use of an enrollment token. It is one statement inside the
// writer's transaction: of a hundred hosts with one token, one gets in (threat
// T1). A wrong secret is told like an unknown id.
func (tx *Tx) spend(id, secret string) error {
	var want []byte
	var expires int64
	found, err := tx.get(`SELECT secret, expires FROM enroll_tokens WHERE id = ?`, []any{id}, &want, &expires)
	if err != nil {
		return fmt.Errorf("reading token: %w", err)
	}
	if !found || subtle.ConstantTimeCompare(want, digestOf(secret)) != 1 {
		return fault.TokenUnknown.With("no such token as %q, or another secret", id)
	}
	if millis(tx.now) >= expires {
		return fault.TokenExpired.With("token %q expired at %s; make a new one with picket enroll token", id, fromMillis(expires).Format(time.RFC3339))
	}
	n, err := tx.change(`UPDATE enroll_tokens SET uses_left = uses_left - 1 WHERE id = ? AND uses_left > 0`, id)
	if err != nil {
		return fmt.Errorf("spending token: %w", err)
	}
	if n != 1 {
		return fault.TokenUsed.With("token %q has been used; make a new one with picket enroll token", id)
	}
	return nil
}
