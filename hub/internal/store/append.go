package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"picket.internal/fact"
	"picket.internal/hub/internal/fault"
)

// Batch is a signed statement whose signature was verified, with what the
// index needs to know of it. It must not be changed once it is handed over.
type Batch struct {
	// Session is the sensor's session, 32 hexadecimal digits.
	Session string
	// Seq is the batch's number in the session, from 1.
	Seq uint64
	// Prev is the digest of the batch before it; zero for the first.
	Prev Digest
	// Digest is of Payload.
	Digest Digest
	// Sent is when the sensor sealed it, by its own clock.
	Sent time.Time
	// Payload holds the exact signed bytes, and Sig the signature.
	Payload, Sig []byte
	// Version and SHA256 are what the sensor says of itself.
	Version, SHA256 string
	// Dropped is how many facts the session says it has lost in its queue.
	Dropped int64
	// Entries are the facts that count, in their order.
	Entries []Entry
	// Refused are the places of those that do not.
	Refused []int
	// RefusedWhy is the id of why the last of them does not.
	RefusedWhy string
}

// Stored says what became of a batch.
type Stored struct {
	// Batch is its place in the log; 0 for a duplicate.
	Batch int64
	// Duplicate is true where it was stored already.
	Duplicate bool
	// Gap is how many batches are missing before it.
	Gap uint64
	// Late is true where it fills a gap.
	Late bool
	// At is when it was stored, by the hub's clock.
	At time.Time
	// Resync names the inventories of which the hub asks to be told what it lacks.
	Resync []string
}

// Append stores a batch of a host durably, or finds that it is stored already.
// What it shows about the host goes into the log in the same commit: a gap, a
// fork (which is fault.BatchFork, and not stored), a clone, a return from
// silence, a changed sensor.
func (s *Store) Append(ctx context.Context, hostID string, b *Batch) (Stored, error) {
	packed := s.packer.pack(b.Payload)
	changes := changesOf(b.Entries)
	var out Stored
	var fork error
	err := s.update(ctx, len(packed), func(tx *Tx) error {
		a := appending{tx: tx, hostID: hostID, b: b, packed: packed, changes: changes}
		var err error
		out, fork, err = a.run()
		return err
	})
	if err == nil {
		err = fork
	}
	return out, err
}

// appending is the work of one Append inside the transaction.
type appending struct {
	tx      *Tx
	hostID  string
	b       *Batch
	packed  []byte
	changes []change

	host        hostRow
	session     sessionRow
	inventories map[fact.Kind]*inventoryRow
}

type hostRow struct {
	n             int64
	state, name   string
	silent        bool
	lastSeen      int64
	session       int64
	pin           pin
	version, hash string
	inventories   int64 // the session that may change them
}

type sessionRow struct {
	n               int64
	chain           chain
	firstSent       int64
	dropped         int64
	cloned, forked  bool
	currentFirst    int64 // first_sent of the session that sent last
	id              []byte
	currentIsItself bool
}

// run returns a fork apart from err: a fork is refused, but what it changes is
// committed.
func (a *appending) run() (out Stored, fork, err error) {
	if err := a.loadHost(); err != nil {
		return Stored{}, nil, err
	}
	if err := a.loadSession(); err != nil {
		return Stored{}, nil, fmt.Errorf("reading session: %w", err)
	}
	out.At = a.tx.now
	v := a.session.chain.judge(a.b.Seq, a.b.Prev, a.b.Digest)
	switch v {
	case duplicate:
		out.Duplicate = true
		if err := a.loadInventories(); err != nil {
			return Stored{}, nil, fmt.Errorf("reading inventories: %w", err)
		}
		out.Resync = a.wants()
		return out, nil, a.heard()
	case forked:
		fork = fault.BatchFork.With("session %s already holds another batch %d, or another chain to it", a.b.Session, a.b.Seq)
		return Stored{}, fork, a.markFork()
	case afterGap:
		first, last := a.session.chain.missing(a.b.Seq)
		out.Gap = last - first + 1
		a.emit(&fact.Fleet{Action: fact.FleetGap, Session: a.b.Session, FirstSeq: clamp(first), LastSeq: clamp(last), Count: clamp(out.Gap),
			Reason: fmt.Sprintf("batch.gap: batches %d..%d are missing", first, last)})
	case late:
		out.Late = true
	}
	if err := a.store(v); err != nil {
		return Stored{}, nil, err
	}
	if err := a.inventory(v); err != nil {
		return Stored{}, nil, fmt.Errorf("storing inventories: %w", err)
	}
	out.Batch, out.Resync = a.tx.next-1, a.wants()
	return out, nil, nil
}

func (a *appending) loadHost() error {
	h := &a.host
	found, err := a.tx.get(`SELECT n, state, name, silent, last_seen, session, pinned, seen_disk, seen_running, sensor_version, sensor_sha256, inventory_session
		FROM hosts WHERE id = ?`, []any{a.hostID},
		&h.n, &h.state, &h.name, &h.silent, &h.lastSeen, &h.session, &h.pin.expected, &h.pin.disk, &h.pin.running, &h.version, &h.hash, &h.inventories)
	switch {
	case err != nil:
		return fmt.Errorf("reading host: %w", err)
	case !found:
		return fault.HostUnknown
	}
	return admit(h.state)
}

// admit tells whether a host in this state may send.
func admit(state string) error {
	switch state {
	case stateEnrolled, stateSuspect, stateHub:
		return nil
	case statePending:
		return fault.HostPending.With("the host waits for a person's approval")
	}
	return fault.HostDisabled
}

func (a *appending) loadSession() error {
	id, err := hex.DecodeString(a.b.Session)
	if err != nil {
		return fault.BatchMalformed.With("malformed session %q", a.b.Session)
	}
	ss := &a.session
	ss.id = id
	var last int64
	var head []byte
	found, err := a.tx.get(`SELECT n, first_sent, last_seq, last_digest, dropped, cloned, forked FROM sessions WHERE host = ? AND id = ?`,
		[]any{a.host.n, id}, &ss.n, &ss.firstSent, &last, &head, &ss.dropped, &ss.cloned, &ss.forked)
	if err != nil {
		return err
	}
	ss.currentIsItself = found && ss.n == a.host.session
	if !ss.currentIsItself && a.host.session != 0 {
		if _, err := a.tx.get(`SELECT first_sent FROM sessions WHERE n = ?`, []any{a.host.session}, &ss.currentFirst); err != nil {
			return err
		}
	}
	ss.chain = chain{known: found, last: uint64(last)}
	copy(ss.chain.head[:], head)
	if found && a.b.Seq <= ss.chain.last {
		return a.loadNeighbours()
	}
	return nil
}

// loadNeighbours reads what the chain holds around a batch that is not new.
func (a *appending) loadNeighbours() error {
	c := &a.session.chain
	for seq, into := range map[uint64]**Digest{a.b.Seq: &c.same, a.b.Seq - 1: &c.before} {
		var digest []byte
		found, err := a.tx.get(`SELECT digest FROM batches WHERE session = ? AND seq = ?`, []any{a.session.n, int64(seq)}, &digest)
		if err != nil {
			return err
		}
		if found {
			*into = (*Digest)(digest)
		}
	}
	if c.same != nil {
		return nil
	}
	var next storedBatch
	found, err := a.tx.get(`SELECT codec, first_part, parts FROM batches WHERE session = ? AND seq = ?`,
		[]any{a.session.n, int64(a.b.Seq) + 1}, &next.codec, &next.firstPart, &next.parts)
	if err != nil || !found {
		return err
	}
	after, err := a.tx.w.store.decode(context.Background(), a.tx.w.conn, next)
	if err != nil {
		return err
	}
	c.after = new(Digest)
	return parseDigest(after.Prev, c.after)
}

// store writes the batch, its index and what follows from it.
func (a *appending) store(v verdict) error {
	if err := a.storeSession(v); err != nil {
		return fmt.Errorf("storing session: %w", err)
	}
	n := a.tx.next
	a.tx.next++
	first, parts, err := a.tx.storeParts(a.packed)
	if err == nil {
		err = a.tx.exec(`INSERT INTO batches (n, session, seq, received, digest, sig, codec, first_part, parts, refused) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			n, a.session.n, int64(a.b.Seq), millis(a.tx.now), a.b.Digest[:], a.b.Sig, codecZstd, first, parts, packPlaces(a.b.Refused))
	}
	if err != nil {
		return fmt.Errorf("storing batch: %w", err)
	}
	if err := a.tx.index(n, a.b.Entries); err != nil {
		return fmt.Errorf("indexing facts: %w", err)
	}
	if n := len(a.b.Refused); n > 0 {
		a.emit(&fact.Fleet{Action: fact.FleetRefused, Session: a.b.Session, FirstSeq: clamp(a.b.Seq), LastSeq: clamp(a.b.Seq),
			Count: int64(n), Reason: a.b.RefusedWhy})
	}
	if err := a.storeHost(v); err != nil {
		return fmt.Errorf("storing host: %w", err)
	}
	lb := &LogBatch{N: n, Received: a.tx.now, Host: a.hostID, Session: a.b.Session, Seq: a.b.Seq, Digest: a.b.Digest, Entries: a.b.Entries, size: len(a.b.Payload)}
	a.tx.onCommit(func() { a.tx.w.store.feed.publish(lb) })
	return nil
}

func (a *appending) storeSession(v verdict) (err error) {
	ss := &a.session
	if !ss.chain.known {
		ss.n, err = a.tx.insert(`INSERT INTO sessions (host, id, first_sent, last_seq, last_digest, dropped) VALUES (?, ?, ?, ?, ?, ?)`,
			a.host.n, ss.id, millis(a.b.Sent), int64(a.b.Seq), a.b.Digest[:], a.b.Dropped)
		return err
	}
	if v == late {
		return nil // the head stays where it is
	}
	return a.tx.exec(`UPDATE sessions SET last_seq = ?, last_digest = ?, dropped = max(dropped, ?) WHERE n = ?`,
		int64(a.b.Seq), a.b.Digest[:], a.b.Dropped, ss.n)
}

// index writes the segments of a batch.
func (tx *Tx) index(n int64, entries []Entry) error {
	segments, err := segmented(entries, tx.host, func(k fact.Kind) (int64, error) { return tx.kind(string(k)) })
	if err != nil {
		return err
	}
	for _, g := range segments {
		err := tx.exec(`INSERT INTO segments (host, kind, last, batch) VALUES (?, ?, ?, ?)`, g.host, g.kind, g.last, n)
		if err != nil {
			return err
		}
	}
	return nil
}

func clamp(n uint64) int64 { return int64(min(n, 1<<53-1)) }
