package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/mattn/go-sqlite3"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/hub/internal/audit"
	"picket.internal/hub/internal/fault"
	"picket.internal/strictjson"
)

// Operators lists the people whose signatures count, by name.
func (s *Store) Operators(ctx context.Context) ([]eat.Operator, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT name, key FROM operators ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("reading operators: %w", err)
	}
	defer rows.Close()
	var out []eat.Operator
	for rows.Next() {
		var o eat.Operator
		var key []byte
		if err := rows.Scan(&o.Name, &key); err != nil {
			return nil, fmt.Errorf("reading operators: %w", err)
		}
		if o.Key, err = envelope.ParsePublicKey(key); err != nil {
			return nil, fmt.Errorf("reading the key of %q: %w", o.Name, err)
		}
		out = append(out, o)
	}
	return out, rows.Err()
}

// AddOperator keeps a person's public key. Hosts believe it once it is in their
// own trust store, which no hub can write.
func (s *Store) AddOperator(ctx context.Context, o eat.Operator) error {
	by := audit.Actor(ctx)
	return unavailable(s.update(ctx, 512, func(tx *Tx) error {
		err := tx.exec(`INSERT INTO operators (name, key, added) VALUES (?, ?, ?)`, o.Name, o.Key.Bytes(), millis(tx.now))
		var e sqlite3.Error
		if errors.As(err, &e) && e.Code == sqlite3.ErrConstraint {
			return fault.OperatorExists.With("there is an operator %q, or one with that key; remove the old one first", o.Name)
		}
		if err != nil {
			return fmt.Errorf("storing an operator: %w", err)
		}
		return tx.changed(by, "operator.added", o.Name, map[string]string{"key": o.Key.ID()})
	}))
}

// RemoveOperator forgets a person. Hosts go on to believe the key until their
// trust stores say otherwise.
func (s *Store) RemoveOperator(ctx context.Context, name string) error {
	by := audit.Actor(ctx)
	return unavailable(s.update(ctx, 512, func(tx *Tx) error {
		n, err := tx.change(`DELETE FROM operators WHERE name = ?`, name)
		if err != nil {
			return fmt.Errorf("removing an operator: %w", err)
		}
		if n == 0 {
			return notFound("operator", name)
		}
		return tx.changed(by, "operator.removed", name, nil)
	}))
}

// Pause returns the fleet-wide stop.
func (s *Store) Pause(ctx context.Context) (api.Pause, error) {
	var text string
	var p api.Pause
	err := s.read.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'pause'`).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil
	}
	if err == nil {
		err = strictjson.Decode([]byte(text), strictjson.Limits{Bytes: 4 << 10}, &p, nil)
	}
	if err != nil {
		return p, fmt.Errorf("reading whether responses are paused: %w", err)
	}
	return p, nil
}

// SetPause sets the fleet-wide stop, or lifts it.
func (s *Store) SetPause(ctx context.Context, paused bool, reason string) (api.Pause, error) {
	by := audit.Actor(ctx)
	var p api.Pause
	err := s.update(ctx, 512, func(tx *Tx) error {
		p = api.Pause{Paused: paused, Reason: reason, By: by, Since: tx.now.UTC().Truncate(time.Millisecond)}
		text, err := strictjson.Encode(p)
		if err != nil {
			return err
		}
		err = tx.exec(`INSERT INTO meta (name, value) VALUES ('pause', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, string(text))
		if err != nil {
			return fmt.Errorf("storing the pause: %w", err)
		}
		event := "responses.resumed"
		if paused {
			event = "responses.paused"
		}
		return tx.changed(by, event, "", map[string]string{"reason": reason})
	})
	return p, unavailable(err)
}

// ResponsesByPolicy counts what each policy has led to.
func (s *Store) ResponsesByPolicy(ctx context.Context) (map[string]int64, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT policy, count(*) FROM responses GROUP BY policy`)
	if err != nil {
		return nil, fmt.Errorf("counting responses: %w", err)
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return nil, fmt.Errorf("counting responses: %w", err)
		}
		out[name] = n
	}
	return out, rows.Err()
}
