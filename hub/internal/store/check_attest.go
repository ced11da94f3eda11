package store

import (
	"context"
	"fmt"
	"strconv"

	"picket.internal/eat"
	"picket.internal/strictjson"
)

// pruned holds what has no envelope any more to what the log says was pruned.
func (c *checker) pruned(ctx context.Context) (err error) {
	if c.report.Pruned, err = c.number(ctx, `SELECT count(*) FROM eats WHERE length(envelope) = 0`); err != nil {
		return fmt.Errorf("checking attestations: %w", err)
	}
	told, err := c.toldPruned(ctx)
	if err != nil {
		return fmt.Errorf("checking attestations: %w", err)
	}
	if told != c.report.Pruned {
		c.fault("attestations", "%d tokens have lost their envelopes, and the log tells of %d that were pruned", c.report.Pruned, told)
	}
	for what, query := range map[string]string{
		"tokens that ask for no attestation have lost their envelopes": `SELECT count(*) FROM eats WHERE length(envelope) = 0 AND action <> 'attest'`,
		"receipts have lost their envelopes, and their tokens have not": `SELECT count(*) FROM receipts p WHERE length(p.envelope) = 0
			AND NOT EXISTS (SELECT 1 FROM eats e WHERE e.id = p.token AND e.host = p.host AND length(e.envelope) = 0)`,
	} {
		n, err := c.number(ctx, query)
		if err != nil {
			return fmt.Errorf("checking attestations: %w", err)
		}
		if n > 0 {
			c.fault("attestations", "%d %s", n, what)
		}
	}
	return nil
}

// toldPruned is how many attestations the log says were pruned. That its
// documents are what was logged is checked elsewhere.
func (c *checker) toldPruned(ctx context.Context) (told int64, err error) {
	rows, err := c.store.read.QueryContext(ctx, `SELECT doc FROM audit WHERE type = ? AND id = ?`, eat.EntryConfig, attestPruned)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var doc []byte
		if err := rows.Scan(&doc); err != nil {
			return 0, err
		}
		var change eat.LogChange
		if err := strictjson.Decode(doc, strictjson.Limits{}, &change, nil); err != nil {
			continue
		}
		n, _ := strconv.ParseInt(change.Detail["tokens"], 10, 64)
		told += n
	}
	return told, rows.Err()
}
