package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/hub/internal/audit"
)

// audit appends a record to the log, in the transaction of what it tells, and
// returns its index. Where it fails the whole op fails: nothing happens that
// is not told.
func (tx *Tx) audit(e eat.Entry, doc []byte) (index int64, err error) {
	record, err := e.Encode()
	if err != nil {
		return 0, fmt.Errorf("appending to the log: %w", err)
	}
	if _, err := tx.get(`SELECT coalesce(max(n) + 1, 0) FROM audit`, nil, &index); err != nil {
		return 0, fmt.Errorf("appending to the log: %w", err)
	}
	hashes, err := tlog.StoredHashes(index, record, tlog.HashReaderFunc(tx.readHashes))
	if err != nil {
		return 0, fmt.Errorf("appending to the log: %w", err)
	}
	first := tlog.StoredHashCount(index)
	for i, h := range hashes {
		if err := tx.exec(`INSERT INTO audit_hashes (n, hash) VALUES (?, ?)`, first+int64(i), h[:]); err != nil {
			return 0, fmt.Errorf("appending to the log: %w", err)
		}
	}
	if err := tx.exec(`INSERT INTO audit (n, type, id, record, doc) VALUES (?, ?, ?, ?, ?)`, index, e.Type, e.ID, record, doc); err != nil {
		return 0, fmt.Errorf("appending to the log: %w", err)
	}
	tx.audited = true
	return index, nil
}

// changed writes into the log that something of the hub's own was changed.
func (tx *Tx) changed(by, event, subject string, detail map[string]string) error {
	e, doc, err := audit.Change{Event: event, Subject: subject, By: by, At: tx.now.UTC(), Detail: detail}.Encode()
	if err == nil {
		_, err = tx.audit(e, doc)
	}
	return err
}

func (tx *Tx) readHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		var raw []byte
		found, err := tx.get(`SELECT hash FROM audit_hashes WHERE n = ?`, []any{n}, &raw)
		if err != nil {
			return nil, err
		}
		if !found || len(raw) != tlog.HashSize {
			return nil, fmt.Errorf("hash %d of the log is gone; run picket-hub check", n)
		}
		out[i] = tlog.Hash(raw)
	}
	return out, nil
}

// checkpoint signs the log as this commit leaves it, where it added to it.
func (tx *Tx) checkpoint() error {
	if !tx.audited {
		return nil
	}
	var size int64
	if _, err := tx.get(`SELECT coalesce(max(n) + 1, 0) FROM audit`, nil, &size); err != nil {
		return fmt.Errorf("signing the log: %w", err)
	}
	hash, err := tlog.TreeHash(size, tlog.HashReaderFunc(tx.readHashes))
	if err != nil {
		return fmt.Errorf("signing the log: %w", err)
	}
	note, err := tx.w.store.auditLog.Checkpoint(tlog.Tree{N: size, Hash: hash})
	if err != nil {
		return fmt.Errorf("signing the log: %w", err)
	}
	return tx.exec(`INSERT OR IGNORE INTO audit_checkpoints (size, note) VALUES (?, ?)`, size, note)
}

// AuditLog names and verifies the log.
func (s *Store) AuditLog() audit.Log { return s.auditLog }

// RecordChange writes a change into the log that is made elsewhere than in the
// store, as that rules were loaded. The actor is ctx's.
func (s *Store) RecordChange(ctx context.Context, event, subject string, detail map[string]string) error {
	by := audit.Actor(ctx)
	return s.update(ctx, 512, func(tx *Tx) error { return tx.changed(by, event, subject, detail) })
}

// RecordOnce is RecordChange, unless the newest record of the event and subject
// says the same of the detail named by key.
func (s *Store) RecordOnce(ctx context.Context, event, subject, key string, detail map[string]string) error {
	by := audit.Actor(ctx)
	return s.update(ctx, 512, func(tx *Tx) error {
		var doc []byte
		id := event
		if subject != "" {
			id += "/" + subject
		}
		found, err := tx.get(`SELECT doc FROM audit WHERE type = 'config' AND id = ? ORDER BY n DESC LIMIT 1`, []any{id}, &doc)
		if err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
		if found && strings.Contains(string(doc), `"`+key+`":"`+detail[key]+`"`) {
			return nil
		}
		return tx.changed(by, event, subject, detail)
	})
}

// Proof shows a record to somebody who has seen the log at an earlier size.
type Proof struct {
	// Size is how many records the log has.
	Size int64
	// Checkpoint is the newest one, signed.
	Checkpoint []byte
	// Inclusion proves the record.
	Inclusion tlog.RecordProof
	// Consistency proves that the log extends the one that was seen; nil where
	// nothing was, or just this one.
	Consistency tlog.TreeProof
}

// Prove makes the proof of a record for one who has seen seen records. A size
// that the log has not reached is treated as none: the one who saw it will say
// that the log went back.
func (s *Store) Prove(ctx context.Context, index, seen int64) (Proof, error) {
	var p Proof
	var size int64
	// What a checkpoint is about never changes, so the hashes may be read later.
	if err := s.read.QueryRowContext(ctx, `SELECT size, note FROM audit_checkpoints ORDER BY size DESC LIMIT 1`).Scan(&size, &p.Checkpoint); err != nil {
		return p, fmt.Errorf("proving a record: %w", err)
	}
	hashes := hashReader(ctx, s.read)
	var err error
	if p.Inclusion, err = tlog.ProveRecord(size, index, hashes); err != nil {
		return p, fmt.Errorf("proving record %d: %w", index, err)
	}
	p.Size = size
	if seen > 0 && seen < size {
		if p.Consistency, err = tlog.ProveTree(size, seen, hashes); err != nil {
			return p, fmt.Errorf("proving that the log extends one of %d records: %w", seen, err)
		}
	}
	return p, nil
}

func hashReader(ctx context.Context, db *sql.DB) tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, n := range indexes {
			var raw []byte
			if err := db.QueryRowContext(ctx, `SELECT hash FROM audit_hashes WHERE n = ?`, n).Scan(&raw); err != nil {
				return nil, fmt.Errorf("reading hash %d: %w", n, err)
			}
			if len(raw) != tlog.HashSize {
				return nil, fmt.Errorf("hash %d has %d bytes", n, len(raw))
			}
			out[i] = tlog.Hash(raw)
		}
		return out, nil
	}
}

// Checkpoint is the newest one; none in a log without records.
func (s *Store) Checkpoint(ctx context.Context) (api.Checkpoint, error) {
	out := api.Checkpoint{Name: s.auditLog.Name}
	var note []byte
	err := s.read.QueryRowContext(ctx, `SELECT size, note FROM audit_checkpoints ORDER BY size DESC LIMIT 1`).Scan(&out.Size, &note)
	if err != nil && err != sql.ErrNoRows {
		return out, fmt.Errorf("reading the log's checkpoint: %w", err)
	}
	out.Note = string(note)
	out.Verifier, err = s.auditLog.Verifier()
	return out, err
}

// AuditRecords hands out the records from number from on, oldest first.
func (s *Store) AuditRecords(ctx context.Context, from int64, limit int) ([]api.AuditRecord, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT n, record, doc FROM audit WHERE n >= ? ORDER BY n LIMIT ?`, from, limit)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	return scanRecords(rows)
}
