package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"picket.internal/api"
	"picket.internal/eat"
)

// bundle is a row of evidence as a check holds it to what else is stored.
type bundle struct {
	token, host, sha256, state  string
	bytes, chunks, have, stored int64
}

// evidence holds each bundle to the receipt that tells of it and to its chunks,
// and opens those that are whole where it can: to the digest in the receipt.
func (c *checker) evidence(ctx context.Context) error {
	bundles, err := c.bundles(ctx)
	if err != nil {
		return fmt.Errorf("checking evidence: %w", err)
	}
	for _, b := range bundles {
		c.report.Evidence++
		if err := c.announced(ctx, b); err != nil {
			return fmt.Errorf("checking evidence %s: %w", b.token, err)
		}
		if err := c.chunks(ctx, b); err != nil {
			return fmt.Errorf("checking evidence %s: %w", b.token, err)
		}
	}
	return nil
}

func (c *checker) bundles(ctx context.Context) ([]bundle, error) {
	rows, err := c.store.read.QueryContext(ctx, `SELECT v.token, h.id, v.sha256, v.state, v.bytes, v.chunks, v.have, v.stored
		FROM evidence v JOIN eats e ON e.id = v.token JOIN hosts h ON h.n = e.host ORDER BY v.token`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []bundle
	for rows.Next() {
		var b bundle
		if err := rows.Scan(&b.token, &b.host, &b.sha256, &b.state, &b.bytes, &b.chunks, &b.have, &b.stored); err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, rows.Err()
}

func (b bundle) where() string { return fmt.Sprintf("evidence of %s (host %s)", b.token, b.host) }

// announced looks for the receipt that says of the bundle what the hub goes by:
// that of its own token, or of one that asked for it again.
func (c *checker) announced(ctx context.Context, b bundle) error {
	rows, err := c.store.read.QueryContext(ctx, `SELECT p.payload FROM evidence_responses x JOIN eats e ON e.response = x.response
		JOIN receipts p ON p.token = e.id AND p.host = e.host WHERE x.token = ? AND p.outcome = ?`, b.token, eat.OutcomeDone)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var payload []byte
		if err := rows.Scan(&payload); err != nil {
			return err
		}
		r, err := storedReceipt(payload)
		if err == nil && r.Effect["id"] == b.token && r.Effect["sha256"] == b.sha256 && r.Effect["bytes"] == strconv.FormatInt(b.bytes, 10) && b.chunks == eat.Chunks(b.bytes) {
			return nil
		}
	}
	c.fault(b.where(), "no receipt tells of %d bytes in %d chunks with the digest %s", b.bytes, b.chunks, b.sha256)
	return rows.Err()
}

// chunks holds the chunks that are here to what there must be.
func (c *checker) chunks(ctx context.Context, b bundle) error {
	rows, err := c.store.read.QueryContext(ctx, `SELECT number, last, sealed FROM evidence_chunks WHERE token = ? ORDER BY number`, b.token)
	if err != nil {
		return err
	}
	defer rows.Close()
	var have, stored int64
	open, sum := c.store.opts.OpenEvidence, sha256.New()
	for ; rows.Next(); have++ {
		chunk := eat.Chunk{Host: b.host, Token: b.token}
		if err := rows.Scan(&chunk.Number, &chunk.Last, &chunk.Sealed); err != nil {
			return err
		}
		stored += int64(len(chunk.Sealed))
		want := min(eat.ChunkBytes, b.bytes-chunk.Number*eat.ChunkBytes) + eat.ChunkOverhead
		if chunk.Number >= b.chunks || chunk.Last != (chunk.Number == b.chunks-1) || int64(len(chunk.Sealed)) != want {
			c.fault(b.where(), "chunk %d of %d bytes is none of a bundle of %d bytes", chunk.Number, len(chunk.Sealed), b.bytes)
			return nil
		}
		if open == nil {
			continue
		}
		data, err := open(&chunk)
		if err != nil {
			c.fault(b.where(), "chunk %d does not open: %v", chunk.Number, err)
			return nil
		}
		sum.Write(data)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	whole := b.state == api.EvidenceWhole || b.state == api.EvidenceArrived
	switch {
	case have != b.have || stored != b.stored:
		c.fault(b.where(), "%d chunks of %d bytes are here, and there were %d of %d", have, stored, b.have, b.stored)
	case whole && have != b.chunks:
		c.fault(b.where(), "%d of %d chunks are here, and it is %s", have, b.chunks, b.state)
	case b.state == api.EvidenceWhole && open != nil:
		if got := hex.EncodeToString(sum.Sum(nil)); got != b.sha256 {
			c.fault(b.where(), "its digest is %s, and the receipt says %s", got, b.sha256)
			return nil
		}
		c.report.Opened++
	}
	return nil
}
