package store

import (
	"context"
	"fmt"
)

// segmentPage is how many rows of the index are read at once.
const segmentPage = 64

// segmentStream reads the segments of one kind, and of one host where host is
// not 0, newest first, a few at a time.
type segmentStream struct {
	store       *Store
	host, kind  int64
	last, batch int64 // only what is before these
	rows        []segment
	end         bool
}

// peek returns how new the next segment is.
func (st *segmentStream) peek(ctx context.Context) (last int64, ok bool, err error) {
	if len(st.rows) == 0 && !st.end {
		if err := st.fill(ctx); err != nil {
			return 0, false, err
		}
	}
	if len(st.rows) == 0 {
		return 0, false, nil
	}
	return st.rows[0].last, true, nil
}

// take removes the next segment and returns its batch; only after peek.
func (st *segmentStream) take() int64 {
	n := st.rows[0].batch
	st.rows = st.rows[1:]
	return n
}

func (st *segmentStream) fill(ctx context.Context) error {
	const order = ` AND (last, batch) < (?, ?) ORDER BY last DESC, batch DESC LIMIT ?`
	query, args := `SELECT last, batch FROM segments WHERE host = ? AND kind = ?`+order, []any{st.host, st.kind}
	if st.host == 0 {
		query, args = `SELECT last, batch FROM segments INDEXED BY segments_kind WHERE kind = ?`+order, []any{st.kind}
	}
	rows, err := st.store.read.QueryContext(ctx, query, append(args, st.last, st.batch, segmentPage)...)
	if err != nil {
		return fmt.Errorf("reading the index: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var g segment
		if err := rows.Scan(&g.last, &g.batch); err != nil {
			return fmt.Errorf("reading the index: %w", err)
		}
		st.rows = append(st.rows, g)
	}
	if n := len(st.rows); n > 0 {
		st.last, st.batch = st.rows[n-1].last, st.rows[n-1].batch
	}
	st.end = len(st.rows) < segmentPage
	return rows.Err()
}
