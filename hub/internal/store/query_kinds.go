package store

import (
	"context"
	"fmt"

	"picket.internal/api"
)

// HostKinds tells which kinds of facts each host has sent and when the newest
// was, by host and kind. It asks the index once a host and kind, and reads no
// fact.
func (s *Store) HostKinds(ctx context.Context) ([]api.HostKind, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, kind, last FROM (
		SELECT h.id AS id, k.name AS kind, (SELECT max(g.last) FROM segments g WHERE g.host = h.n AND g.kind = k.n) AS last
		FROM hosts h, kinds k WHERE h.state <> 'hub')
		WHERE last IS NOT NULL ORDER BY id, kind`)
	if err != nil {
		return nil, fmt.Errorf("reading kinds of facts: %w", err)
	}
	defer rows.Close()
	var out []api.HostKind
	for rows.Next() {
		var k api.HostKind
		var last int64
		if err := rows.Scan(&k.HostID, &k.Kind, &last); err != nil {
			return nil, fmt.Errorf("reading kinds of facts: %w", err)
		}
		k.Last = fromMillis(last)
		out = append(out, k)
	}
	return out, rows.Err()
}
