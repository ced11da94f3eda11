package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"picket.internal/fact"
	"picket.internal/hub/internal/fault"
	"picket.internal/wire"
)

// Held is what is held of an inventory.
type Held struct {
	// Fresh is true where hub and host have never agreed on it.
	Fresh bool
	// At is when it was asked for, by the hub's clock.
	At time.Time
	// Pairs are the entities.
	Pairs []wire.HeldPair
}

// Held tells what is held of an inventory, to the session that was asked to
// tell what the hub lacks; another one, or one that asks too often, is
// fault.HeldUnwanted. That it was asked for is kept, so that a restart of the
// hub does not make it cheaper.
func (s *Store) Held(ctx context.Context, hostID, session, kind string) (Held, error) {
	id, err := hex.DecodeString(session)
	if err != nil || !wire.ValidKind(kind) {
		return Held{}, fault.HeldUnwanted.With("malformed session or kind")
	}
	var out Held
	var n int64
	err = s.update(ctx, 64, func(tx *Tx) error {
		a := appending{tx: tx, hostID: hostID}
		if err := a.loadHost(); err != nil {
			return err
		}
		if _, err := tx.get(`SELECT n FROM sessions WHERE host = ? AND id = ?`, []any{a.host.n, id}, &a.session.n); err != nil {
			return err
		}
		if err := a.loadInventories(); err != nil {
			return err
		}
		r := a.inventories[fact.Kind(kind)]
		if r == nil || a.session.n == 0 || !r.ask(a.session.n, tx.now) {
			return fault.HeldUnwanted.With("nobody asked this session about it now")
		}
		n, out.Fresh, out.At = r.n, r.agreed == 0, tx.now
		return tx.exec(`UPDATE inventories SET asked = ?, asks = asks + 1 WHERE n = ?`, millis(tx.now), r.n)
	})
	if err != nil {
		return Held{}, err
	}
	out.Pairs, err = s.pairs(ctx, n)
	return out, err
}

// pairs lists an inventory. A batch that is stored meanwhile may or may not be
// in it: what the sensor then tells too much changes nothing.
func (s *Store) pairs(ctx context.Context, n int64) ([]wire.HeldPair, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT key, sum FROM entities WHERE inventory = ?`, n)
	if err != nil {
		return nil, fmt.Errorf("reading inventory: %w", err)
	}
	defer rows.Close()
	var out []wire.HeldPair
	var key, sum []byte
	for rows.Next() {
		if err := rows.Scan(&key, &sum); err != nil {
			return nil, fmt.Errorf("reading inventory: %w", err)
		}
		if len(key) != 8 || len(sum) < 8 {
			return nil, errors.New("reading inventory: malformed key or sum")
		}
		var p wire.HeldPair
		copy(p[:8], key)
		copy(p[8:], sum)
		out = append(out, p)
	}
	return out, rows.Err()
}
