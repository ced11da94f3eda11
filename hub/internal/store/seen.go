package store

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/fact"
)

// saw holds what a receipt says that its host has seen of the log to the log as
// it is here, and keeps the newest of it. A log that is not the one that the host
// saw is told once, and again where it turns from one difference to the other:
// whoever is on the other side of a fork of this hub learns of it from here.
func (tx *Tx) saw(w *wrapperRow, r Receipt) error {
	var newest int64
	var before string
	if _, err := tx.get(`SELECT log_receipt, log_verdict FROM wrappers WHERE host = ?`, []any{w.n}, &newest, &before); err != nil {
		return fmt.Errorf("reading what a host has seen of the log: %w", err)
	}
	if int64(r.Seq) <= newest { // what came after it holds all that this could show
		return nil
	}
	log := tx.w.store.auditLog
	vkeys, err := log.Verifiers()
	if err != nil {
		return err
	}
	tree, note, err := r.Seen(vkeys...)
	var verdict, words string
	switch {
	case errors.Is(err, eat.ErrBadCheckpoint): // the host believes another key
		tree.N, _ = strconv.ParseInt(r.Effect[eat.EffectLogSize], 10, 64)
		verdict, words, err = api.LogFork, err.Error(), nil
	case err != nil:
		tx.disbelieve(w.subject(), r.Receipt, eat.ErrReceipt.ID, err.Error())
		return nil
	case tree.N == 0:
		return nil
	default:
		verdict, words, err = tx.judgeSeen(tree, note != nil)
	}
	if err != nil { // picket-hub check finds it, too; receipts must go on being taken
		tx.w.store.opts.logger().Error("what a host has seen of the log cannot be held to it, run picket-hub check", "host", w.id, "records", tree.N, "error", err)
		return nil
	}
	if action := logActions[verdict]; action != "" && verdict != before {
		tx.Emit(&fact.Fact{Kind: fact.KindFleet, Host: w.subject(), Fleet: &fact.Fleet{Action: action, Count: tree.N, Reason: "log." + verdict + ": " + words}})
		w.noticed = append(w.noticed, "log."+verdict)
	}
	if note == nil {
		note = []byte{}
	}
	return tx.exec(`INSERT INTO wrappers (host, log_receipt, log_records, log_note, log_verdict) VALUES (?, ?, ?, ?, ?) ON CONFLICT (host) DO UPDATE SET
		log_receipt = excluded.log_receipt, log_records = excluded.log_records, log_note = excluded.log_note, log_verdict = excluded.log_verdict`,
		w.n, int64(r.Seq), tree.N, note, verdict)
}

var logActions = map[string]string{api.LogFork: fact.FleetLogFork, api.LogRollback: fact.FleetLogRollback}

// judgeSeen holds a tree that a host saw to the log; signed is false where its
// root is not known.
func (tx *Tx) judgeSeen(seen tlog.Tree, signed bool) (verdict, words string, err error) {
	var size int64
	if _, err := tx.get(`SELECT coalesce(max(n) + 1, 0) FROM audit`, nil, &size); err != nil {
		return "", "", err
	}
	if seen.N > size {
		return api.LogRollback, fmt.Sprintf("the host has seen %d records, and there are %d", seen.N, size), nil
	}
	if !signed {
		return "", "", nil
	}
	own, err := tlog.TreeHash(seen.N, tlog.HashReaderFunc(tx.readHashes))
	if err != nil {
		return "", "", err
	}
	if own != seen.Hash {
		return api.LogFork, fmt.Sprintf("the log's key has signed %s for the first %d records, and they are %s here", seen.Hash, seen.N, own), nil
	}
	return api.LogSame, "", nil
}
