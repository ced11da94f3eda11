package store

import (
	"context"
	"fmt"
)

// WindowRecord is one group of a rule that remembers, as the engine writes it.
type WindowRecord struct {
	Rule string
	Key  []byte
	Data []byte // nil: forgotten
}

// Windows gives out all that the engine remembered up to its cursor.
func (s *Store) Windows(ctx context.Context, yield func(WindowRecord) error) error {
	rows, err := s.read.QueryContext(ctx, `SELECT rule, key, data FROM windows ORDER BY rule, key`)
	if err != nil {
		return fmt.Errorf("reading windows: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r WindowRecord
		if err := rows.Scan(&r.Rule, &r.Key, &r.Data); err != nil {
			return fmt.Errorf("reading windows: %w", err)
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading windows: %w", err)
	}
	return nil
}

func (tx *Tx) storeWindow(r WindowRecord) error {
	if r.Data == nil {
		return tx.exec(`DELETE FROM windows WHERE rule = ? AND key = ?`, r.Rule, r.Key)
	}
	return tx.exec(`INSERT INTO windows (rule, key, data) VALUES (?, ?, ?)
		ON CONFLICT (rule, key) DO UPDATE SET data = excluded.data`, r.Rule, r.Key, r.Data)
}
