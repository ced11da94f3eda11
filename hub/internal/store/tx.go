package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"picket.internal/fact"
)

// Tx is the transaction of one group of submissions. It lives in the writer's
// goroutine and ends with the commit.
type Tx struct {
	w   *writer
	now time.Time

	// What follows is the writer's state as this transaction sees it; it
	// becomes the writer's own only when the commit is done.
	log  hubLog
	next int64
	part int64
	ids  idSource

	// audited is true once the append-only log has grown.
	audited bool

	// emitted are the facts of the hub's own that go into this commit.
	emitted []*fact.Fact
	// committed is run, in order, once the commit is on the disk.
	committed []func()
}

// restore takes back what an op did to the transaction's memory.
func (tx *Tx) restore(mark Tx) {
	tx.log, tx.next, tx.part, tx.ids = mark.log, mark.next, mark.part, mark.ids
	tx.emitted = tx.emitted[:len(mark.emitted)]
	tx.committed = tx.committed[:len(mark.committed)]
}

// Emit adds a fact that the hub itself noticed to the log. It is signed by the
// hub and committed with whatever made the hub notice it. Host.ID must name
// the host that it is about; the rest of the frame is filled in.
func (tx *Tx) Emit(f *fact.Fact) { tx.emitted = append(tx.emitted, f) }

// onCommit runs fn once the transaction is durable.
func (tx *Tx) onCommit(fn func()) { tx.committed = append(tx.committed, fn) }

// The writer's queries take no context: a commit is never abandoned half way,
// and the driver is spared a goroutine a query.

func (tx *Tx) stmt(query string) (*sql.Stmt, error) {
	if st, ok := tx.w.stmts[query]; ok {
		return st, nil
	}
	st, err := tx.w.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	tx.w.stmts[query] = st
	return st, nil
}

func (tx *Tx) exec(query string, args ...any) error {
	_, err := tx.change(query, args...)
	return err
}

// change runs a statement and says how many rows it changed.
func (tx *Tx) change(query string, args ...any) (int64, error) {
	st, err := tx.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := st.Exec(args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// insert runs an INSERT and returns the new row's number.
func (tx *Tx) insert(query string, args ...any) (int64, error) {
	st, err := tx.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := st.Exec(args...)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// get reads one row; found is false where there is none.
func (tx *Tx) get(query string, args []any, into ...any) (found bool, err error) {
	st, err := tx.stmt(query)
	if err != nil {
		return false, err
	}
	err = st.QueryRow(args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
