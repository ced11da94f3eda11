package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/fact"
	"picket.internal/wire"
)

// hubBatch and hubBatchBytes bound one batch of the hub's own: what hosts put
// into the hub's mouth must not make it more than the hub can sign.
const (
	hubBatch      = 500
	hubBatchBytes = 256 << 10
)

// hubLog is the hub's own chain: what the hub notices is signed and stored as
// what hosts send, so that the engine and every query see one log. Each start
// of the hub is a session.
type hubLog struct {
	host    string
	boot    string
	session string
	seq     uint64 // of the last batch
	prev    string // its digest
	facts   uint64 // number of the last fact
}

// HubHost is the host id under which the hub signs: a batch names a host, so
// the hub has an id of that form too, with the same random part.
func HubHost(hub string) string { return "h_" + strings.TrimPrefix(hub, "u_") }

func newHubLog(ctx context.Context, conn *sql.Conn, opts Options) (hubLog, error) {
	l := hubLog{host: HubHost(opts.Hub), boot: randomUUID(), session: wire.NewSession(), prev: wire.FirstPrev}
	err := conn.QueryRowContext(ctx, `SELECT facts FROM hosts WHERE id = ?`, l.host).Scan(&l.facts)
	if err != nil {
		return hubLog{}, fmt.Errorf("reading the hub's own chain: %w", err)
	}
	return l, nil
}

// flushHubFacts appends what the group made the hub notice, in the same commit.
func (tx *Tx) flushHubFacts() error {
	facts := tx.emitted
	tx.emitted = nil
	for len(facts) > 0 {
		n, err := tx.appendHub(facts)
		if err != nil {
			return fmt.Errorf("writing the hub's own log: %w", err)
		}
		facts = facts[n:]
	}
	if len(tx.emitted) > 0 {
		return fmt.Errorf("internal error: the hub's own log raised %d facts about itself", len(tx.emitted))
	}
	return nil
}

// appendHub appends as many of the facts as one batch takes, and returns how
// many those are.
func (tx *Tx) appendHub(facts []*fact.Fact) (taken int, err error) {
	opts := tx.w.store.opts
	l := &tx.log
	wb := wire.Batch{Host: l.host, Hub: opts.Hub, Boot: l.boot, Session: l.session, Seq: l.seq + 1, Prev: l.prev,
		Sent: tx.now.UTC(), Sensor: wire.SensorInfo{Version: "hub"}}
	var entries []Entry
	for size := 0; taken < len(facts) && len(entries) < hubBatch && size < hubBatchBytes; taken++ {
		f := facts[taken]
		l.facts++
		f.ID, f.Time, f.Seq = tx.ids.next(tx.now), tx.now.UTC(), l.facts
		raw, err := f.Encode()
		if err != nil { // a notice that cannot be written must not cost the batch that led to it
			opts.logger().Error("a notice of the hub's own is lost", "kind", f.Kind, "host", f.Host.ID, "error", err)
			continue
		}
		entries = append(entries, Entry{Pos: len(entries), Fact: f, Raw: raw})
		wb.Facts = append(wb.Facts, jsontext.Value(raw))
		size += len(raw)
	}
	if len(entries) == 0 {
		return taken, nil
	}
	sealed, digest, err := wire.Seal(&wb, opts.Key)
	if err != nil {
		return 0, err
	}
	opened, err := wire.Open(sealed, opts.Key.Public())
	if err != nil {
		return 0, err
	}
	l.seq, l.prev = wb.Seq, digest
	b, err := Verified(opened)
	if err != nil {
		return 0, err
	}
	b.Entries = entries
	a := appending{tx: tx, hostID: l.host, b: b, packed: tx.w.store.packer.pack(b.Payload)}
	if _, fork, err := a.run(); err != nil || fork != nil {
		return 0, errors.Join(err, fork)
	}
	return taken, nil
}

// Verified is a batch as the store takes it, out of one that wire has verified.
// Entries and Refused are the caller's to fill in.
func Verified(o *wire.Opened) (*Batch, error) {
	b := &Batch{
		Session: o.Session, Seq: o.Seq, Sent: o.Sent, Payload: o.Payload, Sig: o.Sig,
		Version: o.Sensor.Version, SHA256: o.Sensor.SHA256,
		Dropped: clamp(o.Dropped.Critical) + clamp(o.Dropped.Process) + clamp(o.Dropped.Inventory) + clamp(o.Dropped.Metric),
	}
	if err := parseDigest(o.Digest, &b.Digest); err != nil {
		return nil, err
	}
	return b, parseDigest(o.Prev, &b.Prev)
}

func parseDigest(s string, into *Digest) error {
	if n, err := hex.Decode(into[:], []byte(s)); err != nil || n != len(into) {
		return fmt.Errorf("malformed digest %q", s)
	}
	return nil
}

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// randomUUID is a version 4 UUID.
func randomUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (Go 1.24)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
