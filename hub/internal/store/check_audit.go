package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/eat"
	"picket.internal/eat/merkle"
)

// audit verifies the append-only log from its documents up: each document by
// the digest in its record, the records' numbers, each stored hash, and each
// checkpoint by the log's key against the tree that the records make.
func (c *checker) audit(ctx context.Context) error {
	var tree merkle.Tree
	rows, err := c.store.read.QueryContext(ctx, `SELECT n, type, id, record, doc FROM audit ORDER BY n`)
	if err != nil {
		return fmt.Errorf("reading the log of tokens: %w", err)
	}
	defer rows.Close()
	var hashes []tlog.Hash
	for rows.Next() {
		var n int64
		var kind, id string
		var record, doc []byte
		if err := rows.Scan(&n, &kind, &id, &record, &doc); err != nil {
			return fmt.Errorf("reading the log of tokens: %w", err)
		}
		if n != tree.Size() {
			c.broken(tree.Size(), "the record is gone, the next is number %d", n)
			return nil // what follows has another number than it had
		}
		c.auditRecord(n, kind, id, record, doc)
		added, err := tree.Append(record)
		if err != nil {
			return fmt.Errorf("checking the log of tokens: %w", err)
		}
		hashes = append(hashes, added...)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading the log of tokens: %w", err)
	}
	c.report.Audit = tree.Size()
	if err := c.auditHashes(ctx, hashes); err != nil {
		return err
	}
	return c.checkpoints(ctx, &tree)
}

func (c *checker) broken(n int64, format string, args ...any) {
	c.fault(fmt.Sprintf("audit.broken at %d", n), format, args...)
}

func (c *checker) auditRecord(n int64, kind, id string, record, doc []byte) {
	e, err := eat.ParseEntry(record)
	if err != nil {
		c.broken(n, "%v", err)
		return
	}
	sum := sha256.Sum256(doc)
	switch {
	case e.SHA256 != hex.EncodeToString(sum[:]):
		c.broken(n, "the document of %s %s is another than was logged", e.Type, e.ID)
	case e.Type != kind || e.ID != id:
		c.broken(n, "the record is of %s %s, and is filed as %s %s", e.Type, e.ID, kind, id)
	}
}

func (c *checker) auditHashes(ctx context.Context, want []tlog.Hash) error {
	rows, err := c.store.read.QueryContext(ctx, `SELECT n, hash FROM audit_hashes ORDER BY n`)
	if err != nil {
		return fmt.Errorf("reading the log's hashes: %w", err)
	}
	defer rows.Close()
	seen := int64(0)
	for ; rows.Next(); seen++ {
		var n int64
		var hash []byte
		if err := rows.Scan(&n, &hash); err != nil {
			return fmt.Errorf("reading the log's hashes: %w", err)
		}
		if n != seen || n >= int64(len(want)) || !bytes.Equal(hash, want[n][:]) {
			level, record := tlog.SplitStoredHashIndex(seen)
			c.broken(record<<level, "a stored hash is not that of the records")
			return rows.Err()
		}
	}
	if seen < int64(len(want)) {
		level, record := tlog.SplitStoredHashIndex(seen)
		c.broken(record<<level, "its stored hash is gone")
	}
	return rows.Err()
}

// checkpoints holds what the hub has signed to what the records are now. A
// record that was changed together with its hashes shows here.
func (c *checker) checkpoints(ctx context.Context, tree *merkle.Tree) error {
	rows, err := c.store.read.QueryContext(ctx, `SELECT size, note FROM audit_checkpoints ORDER BY size`)
	if err != nil {
		return fmt.Errorf("reading checkpoints: %w", err)
	}
	defer rows.Close()
	newest, good := int64(0), int64(0)
	for rows.Next() {
		var size int64
		var note []byte
		if err := rows.Scan(&size, &note); err != nil {
			return fmt.Errorf("reading checkpoints: %w", err)
		}
		newest = size
		signed, err := c.store.auditLog.Open(note)
		if err != nil || signed.N != size {
			c.fault(fmt.Sprintf("checkpoint of %d records", size), "%v", err)
			continue
		}
		now, err := tree.At(size)
		if err != nil {
			c.broken(tree.Size(), "the log ends here, and had %d records", size)
			return rows.Err()
		}
		if now != signed {
			c.broken(good, "one of the records %d to %d is another than was signed", good, size-1)
			return rows.Err()
		}
		good = size
	}
	if newest < tree.Size() {
		c.broken(newest, "the records from here on were never signed")
	}
	return rows.Err()
}
