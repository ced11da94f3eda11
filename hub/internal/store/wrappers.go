package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/hub/internal/audit"
	"picket.internal/hub/internal/fault"
)

// Target is a host as responses see it.
type Target struct {
	ID, Name, State string
	Labels          []string
	// Boot is the boot that its sensor last named, Seen the size of the log that
	// its wrapper last saw, as it says; empty and 0 where it never asked for orders.
	Boot string
	Seen int64
	// Known is the size of the log that its wrapper is known to have seen, by
	// receipts that it signed; 0 where nothing is known.
	Known int64
	// Handed is the highest counter that was delivered.
	Handed uint64
	// Wrapper is the key of its wrapper; the zero key where none is known.
	Wrapper envelope.PublicKey
}

// Target returns a host by its id, or api.ErrNotFound.
func (s *Store) Target(ctx context.Context, id string) (Target, error) {
	t := Target{ID: id}
	var labels string
	var key []byte
	err := s.read.QueryRowContext(ctx, `SELECT h.name, h.state, h.labels, coalesce(w.boot, ''), coalesce(w.seen, 0), coalesce(w.known, 0), coalesce(w.handed, 0), coalesce(w.key, x'')
		FROM hosts h LEFT JOIN wrappers w ON w.host = h.n WHERE h.id = ? AND h.state <> 'hub'`, id).Scan(&t.Name, &t.State, &labels, &t.Boot, &t.Seen, &t.Known, &t.Handed, &key)
	if errors.Is(err, sql.ErrNoRows) {
		return Target{}, notFound("host", id)
	}
	if err != nil {
		return Target{}, fmt.Errorf("reading host: %w", err)
	}
	t.Labels = strings.Fields(labels)
	if len(key) > 0 {
		if t.Wrapper, err = envelope.ParsePublicKey(key); err != nil {
			return Target{}, fmt.Errorf("reading the key of a wrapper: %w", err)
		}
	}
	return t, nil
}

// FleetSize is how many hosts may send.
func (s *Store) FleetSize(ctx context.Context) (int, error) {
	var n int
	err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM hosts WHERE state IN ('enrolled', 'suspect')`).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting hosts: %w", err)
	}
	return n, nil
}

// Polled keeps what a host said when it asked for orders.
func (s *Store) Polled(ctx context.Context, host, boot string, seen int64) error {
	return s.update(ctx, 256, func(tx *Tx) error {
		n, err := tx.host(host)
		if err != nil {
			return err
		}
		return tx.exec(`INSERT INTO wrappers (host, boot, seen, polled) VALUES (?, ?, ?, ?)
			ON CONFLICT (host) DO UPDATE SET boot = excluded.boot, seen = excluded.seen, polled = excluded.polled`, n, boot, seen, millis(tx.now))
	})
}

// SetWrapperKey keeps the key that a host's receipts are verified with, as a
// person says.
func (s *Store) SetWrapperKey(ctx context.Context, host string, key envelope.PublicKey) error {
	by := audit.Actor(ctx)
	return unavailable(s.update(ctx, 512, func(tx *Tx) error {
		if err := tx.setWrapperKey(by, host, key); err != nil {
			return err
		}
		// Another key is another wrapper, which counts from 1.
		return tx.exec(`UPDATE wrappers SET seq = 0, digest = '', log_receipt = 0 WHERE host = (SELECT n FROM hosts WHERE id = ?)`, host)
	}))
}

func (tx *Tx) setWrapperKey(by, host string, key envelope.PublicKey) error {
	var n int64
	var before []byte
	found, err := tx.get(`SELECT h.n, coalesce(w.key, x'') FROM hosts h LEFT JOIN wrappers w ON w.host = h.n WHERE h.id = ? AND h.state <> 'hub'`, []any{host}, &n, &before)
	if err != nil {
		return fmt.Errorf("reading host: %w", err)
	}
	if !found {
		return notFound("host", host)
	}
	if err := tx.exec(`INSERT INTO wrappers (host, key) VALUES (?, ?) ON CONFLICT (host) DO UPDATE SET key = excluded.key`, n, key.Bytes()); err != nil {
		return fmt.Errorf("storing the key of a wrapper: %w", err)
	}
	return tx.changed(by, eat.EventWrapperKey, host, wrapperKeyDetail(key, before))
}

// SetLabels gives a host its labels, in the place of those it has.
func (s *Store) SetLabels(ctx context.Context, host string, labels []string) error {
	by := audit.Actor(ctx)
	return unavailable(s.update(ctx, 512, func(tx *Tx) error {
		text := strings.Join(labels, " ")
		n, err := tx.change(`UPDATE hosts SET labels = ? WHERE id = ? AND state <> 'hub'`, text, host)
		if err != nil {
			return fmt.Errorf("storing labels: %w", err)
		}
		if n == 0 {
			return notFound("host", host)
		}
		return tx.changed(by, "host.labels", host, map[string]string{"labels": text})
	}))
}

// Receipt is a receipt whose signature was verified.
type Receipt struct {
	*eat.Receipt
	Digest   string
	Envelope []byte
}

// TakeReceipts keeps the receipts of a host that verify with key, with a record
// in the log and a fact for each that is new, and moves the responses on. One
// that is there already is passed over. Where another key has taken the place of
// key meanwhile none is kept: the log must hold no receipt behind the end of the
// key that signed it.
func (s *Store) TakeReceipts(ctx context.Context, host string, key envelope.PublicKey, list []Receipt) (t Taken, err error) {
	err = s.update(ctx, 4096*(1+len(list)), func(tx *Tx) error {
		t = Taken{}
		w := wrapperRow{id: host}
		var now []byte
		found, err := tx.get(`SELECT h.n, h.name, coalesce(w.seq, 0), coalesce(w.digest, ''), coalesce(w.key, x'') FROM hosts h LEFT JOIN wrappers w ON w.host = h.n WHERE h.id = ?`,
			[]any{host}, &w.n, &w.name, &w.seq, &w.digest, &now)
		switch {
		case err != nil:
			return fmt.Errorf("reading host: %w", err)
		case !found:
			return fault.HostUnknown
		case !bytes.Equal(now, key.Bytes()):
			return fault.ReceiptKeyChanged
		}
		for _, r := range list {
			isNew, err := tx.takeReceipt(&w, r)
			if err != nil {
				return fmt.Errorf("storing a receipt: %w", err)
			}
			if isNew {
				t.New++
			}
		}
		t.Last, t.Noticed = uint64(w.seq), w.noticed
		return tx.exec(`INSERT INTO wrappers (host, seq, digest) VALUES (?, ?, ?) ON CONFLICT (host) DO UPDATE SET seq = excluded.seq, digest = excluded.digest`, w.n, w.seq, w.digest)
	})
	return t, err
}

// Taken is what became of receipts.
type Taken struct {
	// Last is the number of the newest receipt that is kept.
	Last uint64
	// New is how many were not there yet.
	New int
	// Noticed is, of each that shows another log than this one, how: log.fork or
	// log.rollback.
	Noticed []string
}

type wrapperRow struct {
	n        int64
	id, name string
	seq      int64
	digest   string
	noticed  []string
}

func (w wrapperRow) subject() fact.Host { return fact.Host{ID: w.id, Name: w.name} }

func (tx *Tx) takeReceipt(w *wrapperRow, r Receipt) (fresh bool, err error) {
	seq := int64(r.Seq)
	payload, err := r.Encode()
	if err != nil {
		return false, err
	}
	n, err := tx.change(`INSERT OR IGNORE INTO receipts (host, seq, digest, token, outcome, envelope, payload, received) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		w.n, seq, r.Digest, r.Token, r.Outcome, r.Envelope, payload, millis(tx.now))
	if err != nil || n == 0 {
		return false, err
	}
	tx.follow(w, r)
	if err := tx.saw(w, r); err != nil {
		return false, err
	}
	e := eat.Entry{Type: eat.EntryReceipt, ID: fmt.Sprintf("%s/%d", w.id, r.Seq), SHA256: r.Digest}
	if _, err := tx.audit(e, payload); err != nil {
		return false, err
	}
	return true, tx.apply(w, r)
}

// follow holds a receipt to the one before it, and tells where it is not the next.
func (tx *Tx) follow(w *wrapperRow, r Receipt) {
	seq := int64(r.Seq)
	switch {
	case seq == w.seq+1 && (w.seq == 0 || r.Prev == w.digest):
		w.seq, w.digest = seq, r.Digest
	case seq > w.seq+1:
		tx.disbelieve(w.subject(), r.Receipt, eat.ErrReceiptChain.ID, fmt.Sprintf("number %d follows %d", seq, w.seq))
		w.seq, w.digest = seq, r.Digest
	case seq == w.seq+1:
		tx.disbelieve(w.subject(), r.Receipt, eat.ErrReceiptChain.ID, fmt.Sprintf("number %d follows another number %d than is known", seq, w.seq))
		w.seq, w.digest = seq, r.Digest
	default:
		var others int
		if _, err := tx.get(`SELECT count(*) FROM receipts WHERE host = ? AND seq = ? AND digest <> ?`, []any{w.n, seq, r.Digest}, &others); err == nil && others > 0 {
			tx.disbelieve(w.subject(), r.Receipt, eat.ErrReceiptChain.ID, fmt.Sprintf("there are two of number %d", seq))
		}
	}
}

// disbelieve tells of a receipt that is not what it should be.
func (tx *Tx) disbelieve(host fact.Host, r *eat.Receipt, id, detail string) {
	f := &fact.Receipt{Action: fact.ReceiptRejected, ErrorID: id, Detail: detail}
	if r != nil {
		f.TokenID, f.TokenAction = r.Token, r.Action
	}
	tx.Emit(&fact.Fact{Kind: fact.KindReceipt, Host: host, Receipt: f})
}

// RejectReceipt tells of a receipt that is not signed as it should be.
func (s *Store) RejectReceipt(ctx context.Context, host fact.Host, id, detail string) error {
	return s.update(ctx, 512, func(tx *Tx) error {
		tx.disbelieve(host, nil, id, detail)
		return nil
	})
}

// outcomes are what a response becomes by a receipt.
var outcomes = map[string]string{
	eat.OutcomeDone: api.ResponseDone, eat.OutcomeRefused: api.ResponseRefused, eat.OutcomeFailed: api.ResponseFailed,
	eat.OutcomeUndone: api.ResponseUndone, eat.OutcomeAutoUndone: api.ResponseUndone, eat.OutcomeUnknown: api.ResponseUnknown,
	eat.OutcomeAlreadyGone: api.ResponseDone,
}

// apply moves the response on that a receipt is about, and makes the fact.
func (tx *Tx) apply(w *wrapperRow, r Receipt) error {
	f := &fact.Receipt{Action: r.Outcome, TokenID: r.Token, TokenAction: r.Action, ErrorID: r.Refusal, Detail: r.Detail,
		Started: r.Started.Format(rfc3339), Ended: r.Time.Format(rfc3339)}
	var response, alert, sha256, token string
	var size int64
	found, err := tx.get(`SELECT r.id, r.alert, e.sha256, r.token, e.checkpoint FROM eats e JOIN responses r ON r.n = e.response WHERE e.id = ? AND e.host = ?`, []any{r.Token, w.n},
		&response, &alert, &sha256, &token, &size)
	if err != nil {
		return err
	}
	if !found || sha256 != r.TokenSHA256 {
		// Somebody else has signed for this hub, or it was set back to a backup.
		tx.disbelieve(w.subject(), r.Receipt, "receipt.unknown_token", fmt.Sprintf("the host says %s of a token that this hub did not make", r.Outcome))
		return nil
	}
	f.ResponseID, f.AlertID = response, alert
	tx.Emit(&fact.Fact{Kind: fact.KindReceipt, Host: w.subject(), Receipt: f})
	if r.Refusal == eat.ErrNoConsistency.ID {
		return tx.provedFromElsewhere(w, r)
	}
	if r.Outcome != eat.OutcomeRefused {
		// The wrapper writes down what it saw of the log before it acts. What it
		// says itself is newer: a token may have been handed out more than once.
		if seen, err := strconv.ParseInt(r.Effect[eat.EffectLogSize], 10, 64); err == nil && seen > size {
			size = seen
		}
		if err := tx.exec(`UPDATE wrappers SET known = max(known, ?) WHERE host = ?`, size, w.n); err != nil {
			return err
		}
	}
	if err := tx.exec(`UPDATE eats SET answered = 1 WHERE id = ?`, r.Token); err != nil {
		return err
	}
	if err := tx.announceEvidence(w, r); err != nil {
		return err
	}
	if token != r.Token {
		return nil // of an older token of the response
	}
	why := r.Refusal
	if r.Detail != "" && why != "" {
		why += ": " + r.Detail
	}
	if r.Outcome == eat.OutcomeAutoUndone {
		why = cmp.Or(r.Detail, "it ended by itself")
	} else if r.Outcome == eat.OutcomeAlreadyGone {
		why = "the target was no longer there"
	}
	return tx.exec(`UPDATE responses SET state = ?, why = ?, changed = ? WHERE id = ?`, outcomes[r.Outcome], why, millis(tx.now), response)
}

// provedFromElsewhere takes a refusal that spent nothing: the proof began at
// another size of the log than the wrapper has seen. It says at which to begin,
// and the token is delivered again from there.
func (tx *Tx) provedFromElsewhere(w *wrapperRow, r Receipt) error {
	seen, ok := eat.SeenBy(r.Receipt)
	if !ok {
		return nil // it is handed out again after a while
	}
	if err := tx.exec(`UPDATE wrappers SET known = ? WHERE host = ?`, seen, w.n); err != nil {
		return err
	}
	return tx.exec(`UPDATE eats SET delivered = 0 WHERE id = ?`, r.Token)
}

const rfc3339 = "2006-01-02T15:04:05.999999999Z07:00"
