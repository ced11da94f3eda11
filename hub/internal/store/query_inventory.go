package store

import (
	"context"
	"fmt"
	"time"

	"picket.internal/api"
)

// Inventories tells what is held of a host, by kind.
func (s *Store) Inventories(ctx context.Context, hostID string) ([]api.Inventory, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT i.kind, i.count, i.claimed, i.omitted, i.reason, i.changed, i.told, i.agreed, i.wanted, i.judged, i.pending
		FROM inventories i JOIN hosts h ON h.n = i.host WHERE h.id = ? ORDER BY i.kind`, hostID)
	if err != nil {
		return nil, fmt.Errorf("reading inventories: %w", err)
	}
	defer rows.Close()
	var out []api.Inventory
	for rows.Next() {
		var i api.Inventory
		var changed, told, agreed, wanted, judged, pending int64
		if err := rows.Scan(&i.Kind, &i.Count, &i.Claimed, &i.Omitted, &i.Reason, &changed, &told, &agreed, &wanted, &judged, &pending); err != nil {
			return nil, fmt.Errorf("reading inventories: %w", err)
		}
		i.Changed, i.Told, i.Agreed, i.Wanted = atMillis(changed), atMillis(told), atMillis(agreed), atMillis(wanted)
		switch {
		case wanted > 0:
			i.State = api.InventoryDiffers
		case agreed > 0 && pending == 0 && changed <= agreed:
			i.State = api.InventoryInStep
		default:
			i.State = api.InventoryUnjudged
		}
		out = append(out, i)
	}
	return out, rows.Err()
}

// Inventory hands over the entities of an inventory, in no order that means
// anything.
func (s *Store) Inventory(ctx context.Context, hostID, kind string, each func(api.Entity) error) error {
	rows, err := s.read.QueryContext(ctx, `SELECT e.state, e.first, e.changed FROM entities e JOIN inventories i ON i.n = e.inventory
		JOIN hosts h ON h.n = i.host WHERE h.id = ? AND i.kind = ?`, hostID, kind)
	if err != nil {
		return fmt.Errorf("reading inventory: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		e := api.Entity{Kind: kind}
		var first, changed int64
		var state []byte
		if err := rows.Scan(&state, &first, &changed); err != nil {
			return fmt.Errorf("reading inventory: %w", err)
		}
		if len(state) == 0 {
			state = []byte("{}")
		}
		e.State, e.First, e.Changed = state, fromMillis(first), fromMillis(changed)
		if err := each(e); err != nil {
			return err
		}
	}
	return rows.Err()
}

// atMillis is no time for 0.
func atMillis(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return fromMillis(n)
}
