package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"picket.internal/fact"
	"picket.internal/hub/internal/fault"
)

// Report is what a check found.
type Report struct {
	Hosts, Sessions, Batches, Facts, Refused, Alerts int64
	// Audit is how many records the append-only log has.
	Audit int64
	// Evidence is how many bundles are known, and Opened how many of them were
	// opened and are what their receipts say.
	Evidence, Opened int64
	// Pruned is how many attestations have no envelope any more.
	Pruned int64
	// Gaps is how many batches are missing between stored ones. A gap is no
	// fault of the store: it was reported when it showed.
	Gaps int64
	// Faults say where something does not hold, the log's in its order; none
	// means that all holds.
	Faults []Fault
}

// Fault is a place where the store does not hold.
type Fault struct {
	// Where names the place, as in "batch 17 (host h_…, session …, seq 3)".
	Where string `json:"where"`
	// What says what is wrong there.
	What string `json:"what"`
}

// maxFaults bounds a report: who has a thousand faults needs a backup, not the
// next thousand.
const maxFaults = 1000

// Check reads the whole database of a hub and verifies it from the stored bytes
// up: SQLite's own structure, every signature, every digest, every chain, that
// the index finds every fact, the whole append-only log, and evidence. It writes nothing, and may run
// beside the hub. An error means that the check itself could not be done.
func Check(ctx context.Context, path string, opts Options) (*Report, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fault.NotInitialised.With("there is no %q", path)
	}
	packer, err := newPacker()
	if err != nil {
		return nil, err
	}
	defer packer.close()
	db, err := openReaders(path, opts.Params)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	// One connection and one transaction: what the hub writes meanwhile is not
	// seen in one place and missed in another.
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "BEGIN"); err != nil {
		return nil, fmt.Errorf("checking the database: %w", err)
	}
	c := &checker{store: &Store{opts: opts, read: db, packer: packer, auditLog: opts.log()}, report: &Report{}, chains: map[string]*chainCheck{},
		shelves: shelves{}, sessions: map[string]bool{}, newest: map[string]string{}}
	if c.from, err = c.number(ctx, `SELECT coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'inventory_from'), 0)`); err != nil {
		return nil, fmt.Errorf("checking the database: %w", err)
	}
	if err := c.structure(ctx); err != nil {
		return nil, err
	}
	if err := c.log(ctx); err != nil {
		return nil, err
	}
	if err := c.inventories(ctx); err != nil {
		return nil, err
	}
	if err := c.audit(ctx); err != nil {
		return nil, err
	}
	if err := c.pruned(ctx); err != nil {
		return nil, err
	}
	if err := c.evidence(ctx); err != nil {
		return nil, err
	}
	return c.report, c.counts(ctx)
}

type checker struct {
	store  *Store
	report *Report
	chains map[string]*chainCheck // by host and session

	from     int64 // the first batch that counts for inventories
	shelves  shelves
	sessions map[string]bool   // seen so far
	newest   map[string]string // the newest session, by host
}

// chainCheck is a session whose batches were seen so far. A batch that came
// late stands behind its successors in the log, so whatever has not met its
// neighbour yet is kept.
type chainCheck struct {
	digests map[uint64]string // by number, until the next number is seen
	prevs   map[uint64]string // what a number names as its predecessor, until that is seen
	highest uint64
	seen    uint64
}

func (c *checker) fault(where, format string, args ...any) {
	if len(c.report.Faults) < maxFaults {
		c.report.Faults = append(c.report.Faults, Fault{where, fmt.Sprintf(format, args...)})
	}
}

// structure asks SQLite.
func (c *checker) structure(ctx context.Context) error {
	for _, pragma := range []string{"integrity_check", "foreign_key_check"} {
		rows, err := c.store.read.QueryContext(ctx, "PRAGMA "+pragma)
		if err != nil {
			return fmt.Errorf("checking the database: %w", err)
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			return fmt.Errorf("checking the database: %w", err)
		}
		for rows.Next() {
			cells := make([]sql.NullString, len(columns))
			into := make([]any, len(columns))
			for i := range cells {
				into[i] = &cells[i]
			}
			if err := rows.Scan(into...); err != nil {
				return fmt.Errorf("checking the database: %w", err)
			}
			if cells[0].String != "ok" {
				c.fault("database", "%s: %q", pragma, cells[0].String)
			}
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("checking the database: %w", err)
		}
	}
	return nil
}

// log walks the log from its start.
func (c *checker) log(ctx context.Context) error {
	var at int64
	for {
		rows, err := c.store.read.QueryContext(ctx, selectBatch+`WHERE b.n > ? ORDER BY b.n LIMIT 100`, at)
		if err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
		batches, err := collectBatches(rows)
		if err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
		if len(batches) == 0 {
			return c.ends(ctx)
		}
		for _, b := range batches {
			at = b.n
			if err := c.batch(ctx, b); err != nil {
				return err
			}
		}
	}
}

func (c *checker) batch(ctx context.Context, b storedBatch) error {
	c.report.Batches++
	where := fmt.Sprintf("batch %d (host %s, session %s, seq %d)", b.n, b.host, b.session, b.seq)
	opened, err := c.store.verifyStored(ctx, b)
	if err != nil {
		c.fault(where, "%v", err)
		return ctx.Err()
	}
	before := c.chains[b.host+" "+b.session]
	late := before != nil && b.seq < before.highest
	c.link(where, b.host+" "+b.session, b.seq, opened.Prev, opened.Digest)
	var entries []Entry
	for i, raw := range opened.Facts {
		if slices.Contains(b.refused, i) {
			c.report.Refused++
			continue
		}
		f, _, err := fact.Parse(raw)
		if err != nil {
			c.fault(where, "fact %d: %v", i, err)
			continue
		}
		entries = append(entries, Entry{Pos: i, Fact: f, Raw: raw})
	}
	c.report.Facts += int64(len(entries))
	c.replay(b, late, entries)
	return c.index(ctx, where, b.n, entries)
}

// link holds a batch to its neighbours in the session.
func (c *checker) link(where, session string, seq uint64, prev, digest string) {
	ch := c.chains[session]
	if ch == nil {
		ch = &chainCheck{digests: map[uint64]string{}, prevs: map[uint64]string{}}
		c.chains[session] = ch
		c.report.Sessions++
	}
	ch.seen++
	ch.highest = max(ch.highest, seq)
	if before, ok := ch.digests[seq-1]; !ok {
		ch.prevs[seq] = prev
	} else if delete(ch.digests, seq-1); before != prev {
		c.fault(where, "names %s as the batch before it, which is %s", prev, before)
	}
	if named, ok := ch.prevs[seq+1]; !ok {
		ch.digests[seq] = digest
	} else if delete(ch.prevs, seq+1); named != digest {
		c.fault(where, "is %s, and the batch after it names %s", digest, named)
	}
}

// ends holds the last batch of each session to what the session remembers of
// it, and counts the gaps.
func (c *checker) ends(ctx context.Context) error {
	rows, err := c.store.read.QueryContext(ctx, `SELECT h.id, lower(hex(s.id)), s.last_seq, lower(hex(s.last_digest)) FROM sessions s JOIN hosts h ON h.n = s.host`)
	if err != nil {
		return fmt.Errorf("reading sessions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var host, session, digest string
		var last int64
		if err := rows.Scan(&host, &session, &last, &digest); err != nil {
			return fmt.Errorf("reading sessions: %w", err)
		}
		where := fmt.Sprintf("session %s (host %s)", session, host)
		switch ch := c.chains[host+" "+session]; {
		case ch == nil:
			c.fault(where, "its batches are gone, up to number %d", last)
		case ch.highest < uint64(last):
			c.fault(where, "its last batch was number %d, the log ends at %d", last, ch.highest)
		case ch.highest == uint64(last) && ch.digests[ch.highest] != digest:
			c.fault(where, "its last batch is %s, and was %s", ch.digests[ch.highest], digest)
		}
	}
	for _, ch := range c.chains {
		c.report.Gaps += int64(ch.highest - ch.seen)
	}
	return rows.Err()
}

// index checks that a search by kind and time comes upon the batch.
func (c *checker) index(ctx context.Context, where string, n int64, entries []Entry) error {
	want, err := segmented(entries,
		func(id string) (int64, error) {
			return c.number(ctx, `SELECT coalesce(max(n), 0) FROM hosts WHERE id = ?`, id)
		},
		func(k fact.Kind) (int64, error) {
			return c.number(ctx, `SELECT coalesce((SELECT n FROM kinds WHERE name = ?), (SELECT n FROM kinds WHERE name = ''), 0)`, string(k))
		})
	if err != nil {
		return fmt.Errorf("checking the index: %w", err)
	}
	for _, g := range want {
		found, err := c.number(ctx, `SELECT count(*) FROM segments WHERE host = ? AND kind = ? AND last = ? AND batch = ?`, g.host, g.kind, g.last, n)
		if err != nil {
			return fmt.Errorf("checking the index: %w", err)
		}
		if found != 1 {
			c.fault(where, "its facts of kind number %d are not in the index", g.kind)
		}
	}
	return nil
}

func (c *checker) number(ctx context.Context, query string, args ...any) (int64, error) {
	var n int64
	err := c.store.read.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, err
}

func (c *checker) counts(ctx context.Context) (err error) {
	if c.report.Hosts, err = c.number(ctx, `SELECT count(*) FROM hosts WHERE state <> 'hub'`); err != nil {
		return fmt.Errorf("counting: %w", err)
	}
	if c.report.Alerts, err = c.number(ctx, `SELECT count(*) FROM alerts`); err != nil {
		return fmt.Errorf("counting: %w", err)
	}
	return nil
}
