package store

import (
	"context"
	"fmt"

	"picket.internal/api"
)

// followPage is how many batches a follower reads at once.
const followPage = 32

// FactsAfter answers a follower: facts behind the cursor in the order of
// storing, oldest first, and the cursor to go on from. An empty cursor is the
// end of the log. No facts and the same cursor mean that there are none yet.
func (s *Store) FactsAfter(ctx context.Context, cursor string, q api.FactQuery) ([]api.StoredFact, string, error) {
	if cursor == "" {
		var last int64
		if err := s.read.QueryRowContext(ctx, `SELECT coalesce(max(n), 0) FROM batches`).Scan(&last); err != nil {
			return nil, "", fmt.Errorf("reading the end of the log: %w", err)
		}
		return nil, place{batch: last, pos: afterAll}.String(), nil
	}
	at, err := parsePlace(cursor)
	if err != nil {
		return nil, "", err
	}
	for {
		numbers, err := s.batchesFrom(ctx, at)
		if err != nil || len(numbers) == 0 {
			return nil, cursor, err
		}
		var out []api.StoredFact
		for _, n := range numbers {
			if out, at, err = s.follow(ctx, out, n, at, q); err != nil {
				return nil, "", err
			}
			if len(out) == q.Rows() {
				break
			}
		}
		cursor = at.String()
		if len(out) > 0 {
			return out, cursor, nil
		}
	}
}

// follow appends what matches of one batch, and returns how far it came.
func (s *Store) follow(ctx context.Context, out []api.StoredFact, n int64, at place, q api.FactQuery) ([]api.StoredFact, place, error) {
	p, err := s.page(ctx, n)
	if err != nil {
		return nil, at, err
	}
	for i := range p.entries {
		h := &p.entries[i]
		if n == at.batch && h.pos <= at.pos || !matches(q, h) {
			continue
		}
		f := found{place{h.time, n, h.pos}, p, h}
		if out = append(out, f.stored()); len(out) == q.Rows() {
			return out, f.place, nil
		}
	}
	return out, place{batch: n, pos: afterAll}, nil
}

// batchesFrom lists the batches that hold what is behind a place.
func (s *Store) batchesFrom(ctx context.Context, at place) ([]int64, error) {
	from := at.batch
	if at.pos >= afterAll {
		from++
	}
	rows, err := s.read.QueryContext(ctx, `SELECT n FROM batches WHERE n >= ? ORDER BY n LIMIT ?`, from, followPage)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	defer rows.Close()
	var numbers []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, fmt.Errorf("reading the log: %w", err)
		}
		numbers = append(numbers, n)
	}
	return numbers, rows.Err()
}
