package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/mattn/go-sqlite3"

	"picket.internal/api"
	"picket.internal/hub/internal/fault"
)

const (
	// maxWaiting is how many submissions may wait for the writer; the next one
	// waits at the door, which the client sees as a slower answer.
	maxWaiting = 256
	// maxGroup bounds what one commit carries, so that the first in a group
	// does not wait for ever. Unit: bytes of payload.
	maxGroup = 16 << 20
)

// op is one submission: a change that is wholly in the database, or not at all.
type op struct {
	run  func(*Tx) error
	size int
	done chan error
	// taken is set once, by the writer that begins it or by the submitter that
	// gives it up: what run captures then belongs to that one.
	taken atomic.Bool
}

// writer owns the connection that writes, and is the only goroutine that
// changes the database. It commits in groups: what arrives while one commit
// waits for the disk goes into the next. An op that fails is taken back to its
// savepoint; its neighbours do not notice.
//
// All fields but ops and stopped belong to the goroutine that runs loop.
type writer struct {
	store *Store
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	log   hubLog
	ids   *idSource
	next  int64 // number of the next batch
	part  int64 // number of the next part of a payload

	ops     chan *op
	closing chan struct{}
	stopped chan struct{}
}

func newWriter(ctx context.Context, s *Store, db *sql.DB, conn *sql.Conn) (*writer, error) {
	w := &writer{
		store: s, db: db, conn: conn,
		stmts: map[string]*sql.Stmt{},
		ops:   make(chan *op, maxWaiting), closing: make(chan struct{}), stopped: make(chan struct{}),
	}
	var last int64
	row := conn.QueryRowContext(ctx, `SELECT max((SELECT coalesce(max(n), 0) FROM batches), (SELECT coalesce(max(batch), 0) FROM cursors))`)
	if err := row.Scan(&last); err != nil {
		return nil, fmt.Errorf("reading the end of the log: %w", err)
	}
	w.next = last + 1
	if err := conn.QueryRowContext(ctx, `SELECT coalesce(max(n), 0) + 1 FROM parts`).Scan(&w.part); err != nil {
		return nil, fmt.Errorf("reading the end of the log: %w", err)
	}
	var lastAlert string
	if err := conn.QueryRowContext(ctx, `SELECT max(coalesce((SELECT max(id) FROM alerts), ''), coalesce((SELECT max(id) FROM responses), ''), coalesce((SELECT max(id) FROM eats), ''))`).Scan(&lastAlert); err != nil {
		return nil, fmt.Errorf("reading the last alert: %w", err)
	}
	ids, err := newIDSource(lastAlert)
	if err != nil {
		return nil, err
	}
	w.ids = ids
	w.log, err = newHubLog(ctx, conn, s.opts)
	return w, err
}

// update runs fn in the next commit and returns when that is on the disk, or
// failed. Where ctx ends before the writer has begun fn, fn never runs. Where it
// ends later, update still waits: a caller reads what fn has left behind.
func (s *Store) update(ctx context.Context, size int, fn func(*Tx) error) error {
	o := &op{run: fn, size: size, done: make(chan error, 1)}
	select {
	case <-s.write.closing:
		return fault.StoreClosed
	default:
	}
	select {
	case s.write.ops <- o:
	case <-s.write.closing:
		return fault.StoreClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		if o.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return s.write.answer(o)
	case <-s.write.stopped:
		return s.write.answer(o)
	}
}

// answer waits for what became of o, which the writer has begun or will never
// begin.
func (w *writer) answer(o *op) error {
	select {
	case err := <-o.done:
		return err
	case <-w.stopped:
		select { // the writer may have answered just before it stopped
		case err := <-o.done:
			return err
		default:
			return fault.StoreClosed
		}
	}
}

func (w *writer) loop() {
	defer close(w.stopped)
	for {
		select {
		case o := <-w.ops:
			w.commit(w.collect(o))
		case <-w.closing:
			w.drain()
			return
		}
	}
}

// collect takes what is waiting, without waiting for more.
func (w *writer) collect(first *op) []*op {
	group, size := []*op{first}, first.size
	for size < maxGroup {
		select {
		case o := <-w.ops:
			group, size = append(group, o), size+o.size
		default:
			return group
		}
	}
	return group
}

func (w *writer) drain() {
	for {
		select {
		case o := <-w.ops:
			w.commit(w.collect(o))
		default:
			return
		}
	}
}

// commit runs a group in one transaction and answers every op in it.
func (w *writer) commit(group []*op) {
	group = slices.DeleteFunc(group, func(o *op) bool { return !o.taken.CompareAndSwap(false, true) })
	if len(group) == 0 {
		return
	}
	tx := &Tx{w: w, log: w.log, next: w.next, part: w.part, ids: *w.ids, now: w.store.opts.now()}
	results := make([]error, len(group))
	err := tx.exec("BEGIN IMMEDIATE")
	for i := 0; err == nil && i < len(group); i++ {
		results[i], err = tx.runOne(group[i])
	}
	if err == nil {
		err = tx.flushHubFacts()
	}
	if err == nil {
		err = tx.checkpoint()
	}
	if err == nil {
		err = tx.exec("COMMIT")
	}
	if err != nil {
		_ = tx.exec("ROLLBACK") // SQLite may have rolled back by itself, on a full disk for one
		err = classify(err)
		w.store.opts.logger().Error("committing failed, nothing was acknowledged", "error", err, "submissions", len(group))
		for i := range results {
			results[i] = err
		}
	} else {
		w.log, w.next, w.part, *w.ids = tx.log, tx.next, tx.part, tx.ids
		for _, after := range tx.committed {
			after()
		}
	}
	for i, o := range group {
		o.done <- results[i]
	}
}

// runOne runs an op inside a savepoint. The first error is the op's own, after
// which the database is as before it; the second one ends the whole group.
func (tx *Tx) runOne(o *op) (result, fatal error) {
	mark := *tx
	if err := tx.exec("SAVEPOINT op"); err != nil {
		return nil, err
	}
	result = runGuarded(tx, o.run)
	if result == nil {
		return nil, tx.exec("RELEASE op")
	}
	if breaks(result) {
		return nil, result // the transaction may be gone already
	}
	if err := errors.Join(tx.exec("ROLLBACK TO op"), tx.exec("RELEASE op")); err != nil {
		return nil, errors.Join(result, err)
	}
	tx.restore(mark)
	var f *fault.Fault
	if !errors.As(result, &f) {
		result = classify(result)
	}
	return result, nil
}

// runGuarded turns a panic of one op into its error: one submission must not
// end the hub.
func runGuarded(tx *Tx, run func(*Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			tx.w.store.opts.logger().Error("a write panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("internal error: a write panicked: %v", p)
		}
	}()
	return run(tx)
}

func (w *writer) close() error {
	close(w.closing)
	<-w.stopped
	var errs []error
	for _, st := range w.stmts {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, w.conn.Close(), w.db.Close())...)
}

// classify makes what a caller may see out of an error of the database.
func classify(err error) error {
	var f *fault.Fault
	if errors.As(err, &f) || errors.Is(err, api.ErrNotFound) {
		return err
	}
	if noRoom(err) {
		return fault.StoreFull.With("the disk under the store is full")
	}
	return fmt.Errorf("%w: %w", fault.StoreFailed, err)
}

// breaks tells whether an error ends the transaction, and not only the
// statement that met it.
func breaks(err error) bool {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrNomem, sqlite3.ErrCorrupt, sqlite3.ErrInterrupt, sqlite3.ErrReadonly:
		return true
	}
	return false
}

// noRoom tells whether the disk was full. SQLite says so in as many ways as it
// has files: the log of changes, the database, and the memory shared with
// readers, which lies in a file too.
func noRoom(err error) bool {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Code == sqlite3.ErrFull ||
		e.SystemErrno == syscall.ENOSPC || e.SystemErrno == syscall.EDQUOT ||
		e.ExtendedCode == sqlite3.ErrIoErrSHMSize
}
