package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/api"
)

// replayPage is how many rows of the log a replay reads at once; payloads are
// unpacked one by one.
const replayPage = 256

// Replay gives out the batches that q chooses, oldest first, until give fails
// or ctx ends. It tells begin first how many batches there are. A batch is good
// until give returns.
//
// Signatures are checked as they are for the engine: what somebody wrote into
// the database is left out, and counted.
func (s *Store) Replay(ctx context.Context, q api.ReplayQuery, begin func(batches int64) error, give func(*api.LogBatch) error) (api.ReplayEvent, error) {
	end := api.ReplayEvent{Event: api.ReplayEnd}
	from, to, err := s.stretch(ctx, q)
	if err != nil {
		return end, err
	}
	if err := begin(max(to-from, 0)); err != nil {
		return end, err
	}
	for from < to {
		page, err := s.logPage(ctx, from, to)
		if err != nil || len(page) == 0 {
			return end, err
		}
		for _, b := range page {
			if err := ctx.Err(); err != nil {
				return end, err
			}
			from = b.n + 1
			end.Batches++
			lb, err := s.replayed(ctx, b, q)
			if ctx.Err() != nil {
				return end, ctx.Err()
			}
			if err != nil {
				s.opts.logger().Error("a stored batch does not verify; a replay leaves it out, run picket-hub check", "batch", b.n, "error", err)
				end.Unreadable++
				continue
			}
			end.Facts += int64(len(lb.Facts))
			if err := give(lb); err != nil {
				return end, err
			}
		}
	}
	return end, nil
}

// stretch is the places from and to, exclusive, between which q chooses.
func (s *Store) stretch(ctx context.Context, q api.ReplayQuery) (from, to int64, err error) {
	var first, last int64
	if err := s.read.QueryRowContext(ctx, `SELECT coalesce(min(n), 1), coalesce(max(n), 0) FROM batches`).Scan(&first, &last); err != nil {
		return 0, 0, fmt.Errorf("reading the log: %w", err)
	}
	from, to = first, last+1
	if !q.Since.IsZero() {
		if from, err = s.receivedFrom(ctx, first, last, q.Since); err != nil {
			return 0, 0, err
		}
	}
	if !q.Until.IsZero() {
		if to, err = s.receivedFrom(ctx, first, last, q.Until); err != nil {
			return 0, 0, err
		}
	}
	if q.After != "" {
		at, err := parsePlace(q.After)
		if err != nil {
			return 0, 0, err
		}
		from = max(from, at.batch+1)
	}
	return from, to, nil
}

// receivedFrom is the first place whose batch was received at t or later. The
// log grows with the hub's clock, so it is searched by halves, without an index
// of its own; where that clock was set back, what lies between is found by
// either of its times.
func (s *Store) receivedFrom(ctx context.Context, first, last int64, t time.Time) (int64, error) {
	low, high := first, last+1
	for low < high {
		middle := low + (high-low)/2
		var n, received int64
		err := s.read.QueryRowContext(ctx, `SELECT n, received FROM batches WHERE n >= ? ORDER BY n LIMIT 1`, middle).Scan(&n, &received)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			high = middle
		case err != nil:
			return 0, fmt.Errorf("searching the log: %w", err)
		case fromMillis(received).Before(t):
			low = n + 1
		default:
			high = middle
		}
	}
	return low, nil
}

func (s *Store) logPage(ctx context.Context, from, to int64) ([]storedBatch, error) {
	rows, err := s.read.QueryContext(ctx, selectBatch+`WHERE b.n >= ? AND b.n < ? ORDER BY b.n LIMIT ?`, from, to, replayPage)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	page, err := collectBatches(rows)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	return page, nil
}

// replayed is a batch with the facts that are wanted.
func (s *Store) replayed(ctx context.Context, b storedBatch, q api.ReplayQuery) (*api.LogBatch, error) {
	opened, err := s.verifyStored(ctx, b)
	if err != nil {
		return nil, err
	}
	lb := &api.LogBatch{Cursor: place{time: b.received, batch: b.n, pos: afterAll}.String(), Received: b.received, Host: b.host,
		Batch: api.Batch{Session: b.session, Seq: b.seq, Digest: b.digest.String()}, Facts: []jsontext.Value{}}
	for i, raw := range opened.Facts {
		if slices.Contains(b.refused, i) {
			continue
		}
		if len(q.Kinds) > 0 {
			h, err := headOf(raw)
			if err != nil {
				return nil, fmt.Errorf("fact %d: %w", i, err)
			}
			if !q.Wants(h.kind) {
				continue
			}
		}
		lb.Facts = append(lb.Facts, raw)
	}
	return lb, nil
}
