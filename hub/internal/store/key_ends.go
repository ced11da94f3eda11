package store

import (
	"context"

	"picket.internal/fact"
	"picket.internal/hub/internal/audit"
)

// TellKeyEnds tells that the end of the hub's key for tokens is near, or has
// come: one record in the log and one fact for each key and stage, in one commit.
func (s *Store) TellKeyEnds(ctx context.Context, id, stage, words string) error {
	var told int
	const query = `SELECT count(*) FROM audit WHERE type = 'config' AND id = ?`
	event := "hub.key_ends_" + stage
	if err := s.read.QueryRowContext(ctx, query, event+"/"+id).Scan(&told); err != nil || told > 0 {
		return err
	}
	return s.update(ctx, 512, func(tx *Tx) error {
		if _, err := tx.get(query, []any{event + "/" + id}, &told); err != nil || told > 0 {
			return err
		}
		tx.Emit(&fact.Fact{Kind: fact.KindFleet, Host: fact.Host{ID: HubHost(s.opts.Hub), Name: "hub"}, Fleet: &fact.Fleet{Action: fact.FleetKeyEnds, Reason: words}})
		return tx.changed(audit.Hub, event, id, map[string]string{"reason": words})
	})
}
