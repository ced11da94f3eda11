package store

import (
	"context"
	"fmt"
	"time"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub/internal/fault"
	"picket.internal/strictjson"
)

// EngineCursor names the engine's place in the log.
const EngineCursor = "engine"

// NewAlert is an alert to be stored. ID, Stored and LatencyMS are filled in.
type NewAlert struct {
	Alert api.Alert
	// Key is what the rule's suppression goes by.
	Key string
	// SuppressUntil is until when like alerts only count; zero means that none do.
	SuppressUntil time.Time
	// Links say where in the log its facts are, in their order.
	Links []Link
}

// Link is a fact's place in the log.
type Link struct {
	Batch int64
	Pos   int
}

// Repeat is an alert that was suppressed: it only counts.
type Repeat struct {
	Rule, Key string
	// Time is when the last of them happened, by the host's clock.
	Time time.Time
	// Count is how many there were.
	Count int64
}

// Execution is a hash that ran from a path on a host.
type Execution struct {
	Host, Path  string
	SHA256      [32]byte
	First, Last time.Time
}

// Evaluation is what the engine made of a stretch of the log. All of it is
// stored in one transaction with the cursor, so that a crash neither loses nor
// doubles an alert.
type Evaluation struct {
	// From is where the engine had read to before, To where it has read to now.
	From, To   int64
	Alerts     []NewAlert
	Repeats    []Repeat
	Executions []Execution
	// Notices are facts of the hub's own that came of it, as a failing rule.
	Notices []*fact.Fact
}

// Cursor returns how far the named reader of the log has come; 0 is the start.
func (s *Store) Cursor(ctx context.Context, name string) (int64, error) {
	var n int64
	err := s.read.QueryRowContext(ctx, `SELECT coalesce(max(batch), 0) FROM cursors WHERE name = ?`, name).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("reading cursor %q: %w", name, err)
	}
	return n, nil
}

// Evaluate stores what the engine made of the log. It refuses an evaluation
// that does not begin where the last one ended: there would be two engines, or
// one that has lost its place.
func (s *Store) Evaluate(ctx context.Context, e *Evaluation) error {
	return s.update(ctx, 256*(1+len(e.Alerts)), func(tx *Tx) error {
		if err := tx.moveCursor(e.From, e.To); err != nil {
			return err
		}
		for i := range e.Alerts {
			if err := tx.storeAlert(&e.Alerts[i]); err != nil {
				return fmt.Errorf("storing alert of rule %q: %w", e.Alerts[i].Alert.Rule.ID, err)
			}
		}
		for _, r := range e.Repeats {
			if err := tx.storeRepeat(r); err != nil {
				return fmt.Errorf("counting alert of rule %q: %w", r.Rule, err)
			}
		}
		for _, x := range e.Executions {
			if err := tx.storeExecution(x); err != nil {
				return fmt.Errorf("storing executable: %w", err)
			}
		}
		for _, f := range e.Notices {
			tx.Emit(f)
		}
		if len(e.Alerts)+len(e.Repeats) > 0 {
			tx.onCommit(tx.w.store.feed.wake)
		}
		return nil
	})
}

func (tx *Tx) moveCursor(from, to int64) error {
	var at int64
	found, err := tx.get(`SELECT batch FROM cursors WHERE name = ?`, []any{EngineCursor}, &at)
	if err != nil {
		return fmt.Errorf("reading cursor: %w", err)
	}
	if found && at != from || !found && from != 0 {
		return fmt.Errorf("internal error: the engine read on from %d, its place is %d", from, at)
	}
	err = tx.exec(`INSERT INTO cursors (name, batch) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET batch = excluded.batch`, EngineCursor, to)
	if err != nil {
		return fmt.Errorf("moving cursor: %w", err)
	}
	return nil
}

func (tx *Tx) storeAlert(a *NewAlert) error {
	host, err := tx.host(a.Alert.Host.ID)
	if err != nil {
		return err
	}
	a.Alert.ID = tx.ids.next(tx.now)
	// The clock is read again: the commit may have waited for its turn.
	a.Alert.Stored = tx.w.store.opts.now().UTC().Truncate(time.Microsecond)
	a.Alert.LatencyMS = float64(a.Alert.Stored.Sub(a.Alert.Time).Microseconds()) / 1000
	doc, err := strictjson.Encode(&a.Alert)
	if err != nil {
		return err
	}
	n, err := tx.insert(`INSERT INTO alerts (id, rule, host, severity, shadow, time, key, suppress_until, count, last, state, doc)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.Alert.ID, a.Alert.Rule.ID, host, a.Alert.Severity, a.Alert.Shadow, millis(a.Alert.Time), a.Key,
		optionalMillis(a.SuppressUntil), a.Alert.Count, optionalMillis(a.Alert.Last), a.Alert.State, doc)
	if err != nil {
		return err
	}
	for i, l := range a.Links {
		if err := tx.exec(`INSERT INTO alert_facts (alert, place, batch, pos) VALUES (?, ?, ?, ?)`, n, i, l.Batch, l.Pos); err != nil {
			return err
		}
	}
	if a.Alert.Shadow {
		return nil // nobody is shown it unasked, so it does not count either
	}
	return tx.exec(`UPDATE hosts SET alerts = alerts + 1 WHERE n = ?`, host)
}

// storeRepeat counts on the newest alert with the key: that is the one that
// suppresses.
func (tx *Tx) storeRepeat(r Repeat) error {
	return tx.exec(`UPDATE alerts SET count = count + ?, last = max(last, ?)
		WHERE n = (SELECT n FROM alerts WHERE rule = ? AND key = ? ORDER BY id DESC LIMIT 1)`,
		r.Count, millis(r.Time), r.Rule, r.Key)
}

func (tx *Tx) storeExecution(x Execution) error {
	host, err := tx.host(x.Host)
	if err != nil {
		return err
	}
	return tx.exec(`INSERT INTO executables (host, path, sha256, first, last) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (host, path, sha256) DO UPDATE SET last = max(last, excluded.last)`,
		host, x.Path, x.SHA256[:], millis(x.First), millis(x.Last))
}

// Suppressing lists the alerts that still suppress like ones at the time now,
// for an engine that starts anew.
func (s *Store) Suppressing(ctx context.Context, now time.Time) ([]NewAlert, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT doc, count, last, state, key, suppress_until FROM alerts WHERE suppress_until > ? ORDER BY id`, millis(now))
	if err != nil {
		return nil, fmt.Errorf("reading suppression: %w", err)
	}
	defer rows.Close()
	var out []NewAlert
	for rows.Next() {
		var a NewAlert
		var until int64
		if a.Alert, err = scanAlert(rows, &a.Key, &until); err != nil {
			return nil, fmt.Errorf("reading suppression: %w", err)
		}
		a.SuppressUntil = fromMillis(until)
		out = append(out, a)
	}
	return out, rows.Err()
}

// optionalMillis is 0 for no time.
func optionalMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return millis(t)
}

// notFound is what a caller matches; the id is in the words.
func notFound(what, id string) error {
	return fmt.Errorf("%s %.80q: %w", what, id, api.ErrNotFound)
}

// unavailable makes what the API answers out of a failed write.
func unavailable(err error) error {
	if f := fault.Of(err); f.Status == fault.StoreFull.Status {
		return fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	return err
}
