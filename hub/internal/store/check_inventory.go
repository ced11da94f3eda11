package store

import (
	"context"
	"encoding/hex"
	"fmt"

	"picket.internal/fact"
)

// shelves are the inventories as the log makes them: the first 8 bytes of the
// sum of each entity, by key.
type shelves map[string]map[[8]byte][8]byte

// replay does to the inventories what appending did when the batch came.
func (c *checker) replay(b storedBatch, late bool, entries []Entry) {
	if b.host == HubHost(c.store.opts.Hub) {
		return
	}
	session := b.host + " " + b.session
	if !c.sessions[session] {
		c.sessions[session] = true
		c.newest[b.host] = session
	}
	if late || c.newest[b.host] != session || b.n < c.from {
		return
	}
	for _, change := range changesOf(entries) {
		name := b.host + " " + string(change.kind)
		shelf := c.shelves[name]
		if shelf == nil {
			shelf = map[[8]byte][8]byte{}
			c.shelves[name] = shelf
		}
		switch {
		case change.snapshot != nil:
			for _, text := range change.snapshot.Gone {
				if key, err := hex.DecodeString(text); err == nil && len(key) == 8 {
					delete(shelf, [8]byte(key))
				}
			}
		case change.removed:
			delete(shelf, change.key)
		default:
			if _, have := shelf[change.key]; have || len(shelf) < fact.MaxEntities {
				shelf[change.key] = [8]byte(change.sum[:8])
			}
		}
	}
}

// inventories holds what is stored against what the log makes of it.
func (c *checker) inventories(ctx context.Context) error {
	rows, err := c.store.read.QueryContext(ctx, `SELECT h.id || ' ' || i.kind, e.key, e.sum FROM entities e
		JOIN inventories i ON i.n = e.inventory JOIN hosts h ON h.n = i.host`)
	if err != nil {
		return fmt.Errorf("reading inventories: %w", err)
	}
	defer rows.Close()
	wrong := map[string]int{}
	for rows.Next() {
		var name string
		var key, sum []byte
		if err := rows.Scan(&name, &key, &sum); err != nil {
			return fmt.Errorf("reading inventories: %w", err)
		}
		if len(key) != 8 || len(sum) < 8 {
			wrong[name]++
			continue
		}
		if have, ok := c.shelves[name][[8]byte(key)]; !ok || have != [8]byte(sum[:8]) {
			wrong[name]++
		}
		delete(c.shelves[name], [8]byte(key))
	}
	for name, shelf := range c.shelves {
		wrong[name] += len(shelf)
	}
	for name, n := range wrong {
		if n > 0 {
			c.fault("inventory "+name, "%d entities are not as the log has them", n)
		}
	}
	return rows.Err()
}
