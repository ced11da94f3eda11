package store

import (
	"context"
	"fmt"
	"time"
)

// Uncontained are the ids of the hosts with a label that are enrolled and heard
// of, and on which no action with a lease is in force at the time now. An action
// counts from when it is decided until its receipt says that it was refused, failed
// or is undone, or until its lease is over by what its token says; whoever asked for it.
func (s *Store) Uncontained(ctx context.Context, label string, now time.Time) (ids []string, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT h.id FROM hosts h WHERE h.state = 'enrolled' AND h.silent = 0 AND instr(' ' || h.labels || ' ', ' ' || ? || ' ') > 0
		AND NOT EXISTS (SELECT 1 FROM responses r LEFT JOIN eats e ON e.id = r.token WHERE r.host = h.n
			AND r.state IN ('queued', 'issued', 'delivered', 'done', 'no_receipt', 'unknown')
			AND coalesce(e.expires, ?) + 1000 * coalesce(json_extract(CAST(r.args AS TEXT), '$.lifetime'), 0) > ? AND json_extract(CAST(r.args AS TEXT), '$.lifetime') > 0)
		ORDER BY h.id`, label, millis(now), millis(now))
	if err != nil {
		return nil, fmt.Errorf("looking for hosts that nothing contains: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("looking for hosts that nothing contains: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
