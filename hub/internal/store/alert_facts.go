package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"picket.internal/api"
)

// AlertFacts returns the facts that are linked to an alert, the newest link
// first: its duplicates, then those that raised it.
func (s *Store) AlertFacts(ctx context.Context, id string, q api.AlertFactsQuery) (api.AlertFacts, error) {
	var n int64
	a, err := scanAlert(s.read.QueryRowContext(ctx, `SELECT doc, count, last, state, n FROM alerts WHERE id = ?`, id), &n)
	if errors.Is(err, sql.ErrNoRows) {
		return api.AlertFacts{}, notFound("alert", id)
	}
	if err != nil {
		return api.AlertFacts{}, fmt.Errorf("reading alert: %w", err)
	}
	out := api.AlertFacts{Alert: a.ID, Count: a.Count, Facts: []api.LinkedFact{}}
	before := int64(math.MaxInt64)
	if q.After != "" {
		if before, err = strconv.ParseInt(q.After, 10, 64); err != nil || before < 0 || strconv.FormatInt(before, 10) != q.After {
			return api.AlertFacts{}, &api.QueryError{Param: "after", Value: q.After[:min(len(q.After), api.MaxText)], Reason: "no cursor of this alert's facts"}
		}
	}
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM alert_facts WHERE alert = ?`, n).Scan(&out.Linked); err != nil {
		return api.AlertFacts{}, fmt.Errorf("counting an alert's facts: %w", err)
	}
	raised := int64(min(len(a.Facts), maxLinks))
	if a.Window != nil { // what a rule counted raised it, too
		raised = min(max(raised, a.Window.Count), out.Linked, maxLinks)
	}
	out.Unlinked = max(0, a.Count-1-max(0, out.Linked-raised))
	if out.Unlinked > 0 {
		out.Elsewhere = elsewhere(&a)
	}
	places, err := s.linksBefore(ctx, n, before, q.Rows())
	if err != nil {
		return api.AlertFacts{}, err
	}
	for _, l := range places {
		f, err := s.linked(ctx, l)
		if err != nil {
			s.opts.logger().Error("a fact of an alert cannot be read", "alert", id, "batch", l.Batch, "error", err)
			out.Unreadable++
			continue
		}
		f.Raised = l.place < raised
		out.Facts = append(out.Facts, f)
	}
	if k := len(places); k > 0 && places[k-1].place > 0 {
		out.Next = strconv.FormatInt(places[k-1].place, 10)
	}
	return out, nil
}

// elsewhere is a query that finds what is not linked, among others like it.
func elsewhere(a *api.Alert) *api.FactsElsewhere {
	// Last is kept to the millisecond; until is exclusive.
	q := &api.FactsElsewhere{Host: a.Host.ID, Since: a.Time.UTC(), Until: a.Last.Add(time.Millisecond).UTC()}
	for _, raw := range a.Facts[:min(len(a.Facts), 1)] {
		if h, err := headOf(raw); err == nil {
			q.Kind = h.kind
		}
	}
	return q
}

// placed is a link with its place among an alert's facts.
type placed struct {
	Link
	place int64
}

func (s *Store) linksBefore(ctx context.Context, alert, before int64, limit int) ([]placed, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT batch, pos, place FROM alert_facts WHERE alert = ? AND place < ? ORDER BY place DESC LIMIT ?`, alert, before, limit)
	if err != nil {
		return nil, fmt.Errorf("reading an alert's facts: %w", err)
	}
	defer rows.Close()
	var out []placed
	for rows.Next() {
		var l placed
		if err := rows.Scan(&l.Batch, &l.Pos, &l.place); err != nil {
			return nil, fmt.Errorf("reading an alert's facts: %w", err)
		}
		out = append(out, l)
	}
	return out, rows.Err()
}

func (s *Store) linked(ctx context.Context, l placed) (api.LinkedFact, error) {
	p, err := s.page(ctx, l.Batch)
	if err != nil {
		return api.LinkedFact{}, err
	}
	for i := range p.entries {
		if h := &p.entries[i]; h.pos == l.Pos {
			f := found{place{h.time, l.Batch, h.pos}, p, h}
			stored := f.stored()
			return api.LinkedFact{Cursor: stored.Cursor, Received: stored.Received, Batch: stored.Batch, Fact: stored.Fact}, nil
		}
	}
	return api.LinkedFact{}, fmt.Errorf("batch %d has no fact %d", l.Batch, l.Pos)
}
