package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"picket.internal/api"
	"picket.internal/strictjson"
)

// docLimits bound an alert's document, which this package wrote itself.
var docLimits = strictjson.Limits{Bytes: 64 << 20, Depth: 20, Name: 64 << 10, String: 8 << 20, Items: 100_000}

// scanAlert reads doc, count, last and state, and whatever follows them.
func scanAlert(row scanner, more ...any) (api.Alert, error) {
	var doc []byte
	var count, last int64
	var state string
	if err := row.Scan(append([]any{&doc, &count, &last, &state}, more...)...); err != nil {
		return api.Alert{}, err
	}
	var a api.Alert
	if err := strictjson.Decode(doc, docLimits, &a, func(string) {}); err != nil {
		return api.Alert{}, fmt.Errorf("reading a stored alert: %w", err)
	}
	a.Count, a.Last, a.State = count, fromMillis(last), state
	return a, nil
}

// Alerts answers a query, newest first by the order of storing.
func (s *Store) Alerts(ctx context.Context, q api.AlertQuery) ([]api.Alert, error) {
	where, args, ok := s.alertFilter(q)
	if !ok {
		return nil, nil
	}
	rows, err := s.read.QueryContext(ctx, `SELECT doc, count, last, state FROM alerts WHERE `+where+` ORDER BY id DESC`, args...)
	if err != nil {
		return nil, fmt.Errorf("querying alerts: %w", err)
	}
	return collectAlerts(rows, q, q.Rows())
}

// alertFilter is false where nothing can match. Times are kept to the
// millisecond, so the query is matched again on what is found.
func (s *Store) alertFilter(q api.AlertQuery) (where string, args []any, ok bool) {
	conds := []string{"1"}
	add := func(cond string, arg any) { conds, args = append(conds, cond), append(args, arg) }
	if q.After != "" {
		add("id < ?", q.After)
	}
	if q.HostID != "" {
		n := s.hosts.numberOf(q.HostID)
		if n == 0 {
			return "", nil, false
		}
		add("host = ?", n)
	}
	if q.RuleID != "" {
		add("rule = ?", q.RuleID)
	}
	if q.Severity != "" {
		add("severity = ?", q.Severity)
	}
	if !q.IncludeShadow {
		conds = append(conds, "shadow = 0")
	}
	if !q.Since.IsZero() {
		add("time >= ?", millis(q.Since))
	}
	if !q.Until.IsZero() {
		add("time <= ?", millis(q.Until))
	}
	return strings.Join(conds, " AND "), args, true
}

func collectAlerts(rows *sql.Rows, q api.AlertQuery, limit int) ([]api.Alert, error) {
	defer rows.Close()
	var out []api.Alert
	for len(out) < limit && rows.Next() {
		a, err := scanAlert(rows)
		if err != nil {
			return nil, fmt.Errorf("querying alerts: %w", err)
		}
		if q.Matches(&a) {
			out = append(out, a)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("querying alerts: %w", err)
	}
	return out, nil
}

// AlertsAfter answers a follower: alerts stored after the one with the id,
// oldest first, shadow alerts included. An empty id is the newest alert.
func (s *Store) AlertsAfter(ctx context.Context, id string, limit int) ([]api.Alert, error) {
	if id == "" {
		return nil, nil
	}
	rows, err := s.read.QueryContext(ctx, `SELECT doc, count, last, state FROM alerts WHERE id > ? ORDER BY id LIMIT ?`, id, limit)
	if err != nil {
		return nil, fmt.Errorf("following alerts: %w", err)
	}
	return collectAlerts(rows, api.AlertQuery{IncludeShadow: true}, limit)
}

// Alert returns one alert, or api.ErrNotFound.
func (s *Store) Alert(ctx context.Context, id string) (api.Alert, error) {
	a, err := scanAlert(s.read.QueryRowContext(ctx, `SELECT doc, count, last, state FROM alerts WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return api.Alert{}, notFound("alert", id)
	}
	return a, err
}

// RuleAlerts is how many alerts of a rule are stored.
type RuleAlerts struct {
	Alerts, Shadow int64
	Last           time.Time // when the newest was stored
}

// AlertsByRule counts the stored alerts, by rule.
func (s *Store) AlertsByRule(ctx context.Context) (map[string]RuleAlerts, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT rule, sum(1 - shadow), sum(shadow), max(id) FROM alerts GROUP BY rule`)
	if err != nil {
		return nil, fmt.Errorf("counting alerts: %w", err)
	}
	defer rows.Close()
	out := map[string]RuleAlerts{}
	for rows.Next() {
		var rule, newest string
		var a RuleAlerts
		if err := rows.Scan(&rule, &a.Alerts, &a.Shadow, &newest); err != nil {
			return nil, fmt.Errorf("counting alerts: %w", err)
		}
		if id, err := ulid.ParseStrict(newest); err == nil {
			a.Last = ulid.Time(id.Time()).UTC()
		}
		out[rule] = a
	}
	return out, rows.Err()
}
