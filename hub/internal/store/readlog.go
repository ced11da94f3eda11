package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/strictjson"
	"picket.internal/wire"
)

// storedBatch is a row of the log.
type storedBatch struct {
	n        int64
	host     string
	key      []byte
	session  string
	seq      uint64
	received time.Time
	digest   Digest
	sig      []byte
	codec    int
	refused  []int

	firstPart int64
	parts     int
}

const selectBatch = `SELECT b.n, h.id, h.key, s.id, b.seq, b.received, b.digest, b.sig, b.codec, b.first_part, b.parts, b.refused
	FROM batches b JOIN sessions s ON s.n = b.session JOIN hosts h ON h.n = s.host `

// scanner is a row of selectBatch.
type scanner interface{ Scan(...any) error }

func scanBatch(row scanner) (storedBatch, error) {
	var b storedBatch
	var session, digest, refused []byte
	var seq, received int64
	err := row.Scan(&b.n, &b.host, &b.key, &session, &seq, &received, &digest, &b.sig, &b.codec, &b.firstPart, &b.parts, &refused)
	if err != nil {
		return storedBatch{}, err
	}
	b.session, b.seq, b.received = hex.EncodeToString(session), uint64(seq), fromMillis(received)
	if copy(b.digest[:], digest) != len(digest) || len(digest) != len(b.digest) {
		return storedBatch{}, fmt.Errorf("malformed digest of batch %d", b.n)
	}
	b.refused, err = unpackPlaces(refused)
	return b, err
}

// readLog reads batches behind n from the disk for the engine. Their signatures
// are checked again: what somebody wrote into the database does not become an
// alert about a host.
func (s *Store) readLog(ctx context.Context, n int64, limit int) ([]*LogBatch, error) {
	rows, err := s.read.QueryContext(ctx, selectBatch+`WHERE b.n > ? ORDER BY b.n LIMIT ?`, n, limit)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	stored, err := collectBatches(rows)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	var out []*LogBatch
	for _, b := range stored {
		lb, err := s.reopen(ctx, b)
		if err != nil { // one spoilt row must not stop the engine for all
			s.opts.logger().Error("a stored batch does not verify; its facts are left out, run picket-hub check", "batch", b.n, "error", err)
			lb = &LogBatch{N: b.n, Received: b.received, Host: b.host, Session: b.session, Seq: b.seq, Digest: b.digest}
		}
		out = append(out, lb)
	}
	return out, nil
}

func collectBatches(rows *sql.Rows) ([]storedBatch, error) {
	defer rows.Close()
	var out []storedBatch
	for rows.Next() {
		b, err := scanBatch(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, rows.Err()
}

// reopen verifies a stored batch and parses its facts. A fact that was good
// when it was stored and is no longer is left out and logged: it is the reader
// that has changed.
func (s *Store) reopen(ctx context.Context, b storedBatch) (*LogBatch, error) {
	opened, err := s.verifyStored(ctx, b)
	if err != nil {
		return nil, err
	}
	lb := &LogBatch{N: b.n, Received: b.received, Host: b.host, Session: b.session, Seq: b.seq, Digest: b.digest, size: len(opened.Payload)}
	for i, raw := range opened.Facts {
		if slices.Contains(b.refused, i) {
			continue
		}
		f, _, err := fact.Parse(raw)
		if err != nil {
			s.opts.logger().Warn("a stored fact no longer parses", "batch", b.n, "place", i, "error", err)
			continue
		}
		lb.Entries = append(lb.Entries, Entry{Pos: i, Fact: f, Raw: raw})
	}
	return lb, nil
}

// verifyStored unpacks a stored batch and checks its signature, its digest and
// its place.
func (s *Store) verifyStored(ctx context.Context, b storedBatch) (*wire.Opened, error) {
	key, err := envelope.ParsePublicKey(b.key)
	if err != nil {
		return nil, err
	}
	payload, err := s.payload(ctx, s.read, b)
	if err != nil {
		return nil, err
	}
	opened, err := wire.Reopen(payload, b.sig, key)
	if err != nil {
		return nil, err
	}
	switch {
	case opened.Digest != b.digest.String():
		return nil, fmt.Errorf("the stored digest is %s, the payload's is %s", b.digest, opened.Digest)
	case opened.Host != b.host || opened.Session != b.session || opened.Seq != b.seq:
		return nil, fmt.Errorf("it is stored as %s %s %d and signed as %s %s %d", b.host, b.session, b.seq, opened.Host, opened.Session, opened.Seq)
	}
	return opened, nil
}

// payloadLimits bound a payload that was verified before it was stored.
var payloadLimits = strictjson.Limits{Bytes: maxPayload, Depth: envelope.Batch.Depth}

// decode reads a stored payload without checking it again.
func (s *Store) decode(ctx context.Context, db querier, b storedBatch) (*wire.Batch, error) {
	payload, err := s.payload(ctx, db, b)
	if err != nil {
		return nil, err
	}
	wb := new(wire.Batch)
	if err := strictjson.Decode(payload, payloadLimits, wb, func(string) {}); err != nil {
		return nil, fmt.Errorf("reading a stored batch: %w", err)
	}
	return wb, nil
}
