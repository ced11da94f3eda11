package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"picket.internal/hub/internal/audit"
)

// pruneAtOnce bounds how many attestations are pruned in one transaction.
const pruneAtOnce = 200

// attestPruned is the event in the log for attestations that were pruned.
const attestPruned = "attest.pruned"

// prunable are tokens whose attestation was asked for on schedule, agreed, and
// ended before a time: not the newest that was judged of a host, and none that an
// alert of the host names.
const prunable = `FROM eats e JOIN responses r ON r.n = e.response JOIN attestations a ON a.host = e.host
	WHERE e.agreed = 1 AND e.expires < ? AND e.counter < a.counter AND r.alert = ''
	AND NOT EXISTS (SELECT 1 FROM response_alerts x WHERE x.response = r.n)
	AND NOT EXISTS (SELECT 1 FROM alerts l WHERE l.host = e.host AND instr(CAST(l.doc AS TEXT), e.id) > 0)`

// PruneAttestations drops the envelopes of attestations on schedule that agreed
// and ended before a time, and of their receipts, with a record in the log. Their
// own records and documents stay there, so what was asked and answered can be
// read, and held to the log, as before; what goes are the copies with the signatures.
// pruned is how many went, and more true where others are left.
func (s *Store) PruneAttestations(ctx context.Context, before time.Time) (pruned int, more bool, err error) {
	// Most of the time there is nothing, and nothing is written.
	var some bool
	err = s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 `+prunable+`)`, millis(before)).Scan(&some)
	if err != nil {
		return 0, false, fmt.Errorf("looking for attestations to prune: %w", err)
	}
	if !some {
		return 0, false, nil
	}
	err = s.update(ctx, 4096, func(tx *Tx) error {
		for pruned, more = 0, true; pruned < pruneAtOnce; pruned++ {
			var token string
			var err error
			if more, err = tx.get(`SELECT e.id `+prunable+` ORDER BY e.expires LIMIT 1`, []any{millis(before)}, &token); err != nil {
				return fmt.Errorf("looking for attestations to prune: %w", err)
			}
			if !more {
				break
			}
			if err := tx.exec(`UPDATE eats SET envelope = x'', agreed = 0 WHERE id = ?`, token); err != nil {
				return fmt.Errorf("pruning an attestation: %w", err)
			}
			if err := tx.exec(`UPDATE receipts SET envelope = x'', payload = x'' WHERE token = ?`, token); err != nil {
				return fmt.Errorf("pruning an attestation: %w", err)
			}
		}
		if pruned == 0 {
			return nil
		}
		return tx.changed(audit.Hub, attestPruned, "", map[string]string{"tokens": strconv.Itoa(pruned), "before": before.UTC().Format(time.RFC3339)})
	})
	return pruned, more, err
}
