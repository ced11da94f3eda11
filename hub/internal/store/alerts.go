package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub/internal/fault"
)

// EngineCursor names the engine's place in the log.
const EngineCursor = "engine"

// NewAlert is an alert to be stored. ID, Stored and LatencyMS are filled in.
type NewAlert struct {
	Alert api.Alert
	// Key is what the alert's duplicates have in common; empty where it has none.
	Key string
	// SuppressSince and SuppressUntil bound the time in which duplicates only
	// count, by the hub's clock; zero means that none do.
	SuppressSince, SuppressUntil time.Time
	// Links say where in the log its facts are, in their order.
	Links []Link
	// Parts say where the facts behind each of Alert.Parts are; the ids of
	// their alerts are filled in.
	Parts []Link
}

// Link is a fact's place in the log.
type Link struct {
	Batch int64
	Pos   int
}

// Repeat is a duplicate: it counts on the newest alert with its key.
type Repeat struct {
	Key string
	// Time is when it happened, by the host's clock.
	Time time.Time
	// Links say where its facts are.
	Links []Link
}

// maxLinks bounds the facts that are linked to one alert; what is beyond it is
// found by host, kind and time.
const maxLinks = 100

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
	// Windows are what the engine remembers that changed meanwhile.
	Windows []WindowRecord
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
		var grown []string
		for _, r := range e.Repeats {
			id, err := tx.storeRepeat(r)
			if err != nil {
				return fmt.Errorf("counting duplicate %q: %w", r.Key, err)
			}
			if id != "" {
				grown = append(grown, id)
			}
		}
		for _, x := range e.Executions {
			if err := tx.storeExecution(x); err != nil {
				return fmt.Errorf("storing executable: %w", err)
			}
		}
		for _, w := range e.Windows {
			if err := tx.storeWindow(w); err != nil {
				return fmt.Errorf("storing what rule %q remembers: %w", w.Rule, err)
			}
		}
		for _, f := range e.Notices {
			tx.Emit(f)
		}
		if len(e.Alerts)+len(e.Repeats) > 0 {
			tx.onCommit(func() {
				tx.w.store.grown.add(grown) // before anybody is woken to look
				tx.w.store.feed.wake()
			})
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
		return fault.StoreCursor.With("the engine read on from %d, its place is %d", from, at)
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
	if err := tx.nameParts(a); err != nil {
		return err
	}
	doc, err := encodeDoc(&a.Alert)
	if err != nil {
		return err
	}
	n, err := tx.insert(`INSERT INTO alerts (id, rule, host, severity, shadow, time, key, suppress_since, suppress_until, count, last, state, doc)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.Alert.ID, a.Alert.Rule.ID, host, a.Alert.Severity, a.Alert.Shadow, millis(a.Alert.Time), a.Key,
		optionalMillis(a.SuppressSince), optionalMillis(a.SuppressUntil), a.Alert.Count, optionalMillis(a.Alert.Last), a.Alert.State, doc)
	if err != nil {
		return err
	}
	if err := tx.link(n, 0, a.Links); err != nil {
		return err
	}
	if a.Alert.Shadow {
		return nil // nobody is shown it unasked, so it does not count either
	}
	return tx.exec(`UPDATE hosts SET alerts = alerts + 1 WHERE n = ?`, host)
}

// nameParts finds the alerts behind a risk: they were stored before it, or a
// moment ago in the same transaction.
func (tx *Tx) nameParts(a *NewAlert) error {
	for i, l := range a.Parts {
		if i >= len(a.Alert.Parts) {
			break
		}
		part := &a.Alert.Parts[i]
		_, err := tx.get(`SELECT a.id FROM alert_facts f JOIN alerts a ON a.n = f.alert WHERE f.batch = ? AND f.pos = ? AND a.rule = ?
			ORDER BY a.id DESC LIMIT 1`, []any{l.Batch, l.Pos, part.Rule}, &part.Alert)
		if err != nil {
			return fmt.Errorf("finding the alert of rule %q: %w", part.Rule, err)
		}
	}
	return nil
}

// encodeDoc writes an alert as it is kept. What hosts and rules wrote has
// whatever length it has, so the bounds of signed statements do not apply; the
// facts stay as they were signed.
func encodeDoc(a *api.Alert) ([]byte, error) {
	if a.Facts == nil {
		a.Facts = []jsontext.Value{}
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(a); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(buf.Bytes()), nil
}

// storeRepeat counts a duplicate on its alert, and returns the alert's id; none
// where it is gone.
func (tx *Tx) storeRepeat(r Repeat) (id string, err error) {
	var n int64
	found, err := tx.get(`SELECT n, id FROM alerts WHERE key = ? AND key <> '' ORDER BY id DESC LIMIT 1`, []any{r.Key}, &n, &id)
	if err != nil || !found {
		return "", err
	}
	if err := tx.exec(`UPDATE alerts SET count = count + 1, last = max(last, ?) WHERE n = ?`, millis(r.Time), n); err != nil {
		return "", err
	}
	var linked int
	if _, err := tx.get(`SELECT count(*) FROM alert_facts WHERE alert = ?`, []any{n}, &linked); err != nil {
		return "", err
	}
	return id, tx.link(n, linked, r.Links)
}

func (tx *Tx) link(alert int64, linked int, links []Link) error {
	for i, l := range links {
		if linked+i >= maxLinks {
			return nil
		}
		err := tx.exec(`INSERT INTO alert_facts (alert, place, batch, pos) VALUES (?, ?, ?, ?)`, alert, linked+i, l.Batch, l.Pos)
		if err != nil {
			return err
		}
	}
	return nil
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
	rows, err := s.read.QueryContext(ctx, `SELECT doc, count, last, state, key, suppress_since, suppress_until FROM alerts
		WHERE suppress_until > ? ORDER BY id`, millis(now))
	if err != nil {
		return nil, fmt.Errorf("reading suppression: %w", err)
	}
	defer rows.Close()
	var out []NewAlert
	for rows.Next() {
		var a NewAlert
		var since, until int64
		if a.Alert, err = scanAlert(rows, &a.Key, &since, &until); err != nil {
			return nil, fmt.Errorf("reading suppression: %w", err)
		}
		a.SuppressSince, a.SuppressUntil = fromMillis(since), fromMillis(until)
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
