package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/hub/internal/audit"
	"picket.internal/hub/internal/fault"
)

// readers is how many connections may read at once.
const readers = 4

// Options say how a Store works. Hub, Key and Log must be set.
type Options struct {
	// Hub is the hub's id; the database must be of the same hub.
	Hub string
	// Key signs the batches of what the hub itself notices.
	Key envelope.PrivateKey
	// Log signs the checkpoints of the append-only log.
	Log envelope.PrivateKey
	// LogBeside sign them too, while a change of that key is under way.
	LogBeside []envelope.PrivateKey
	// LogBefore are keys that have signed checkpoints and do not any more.
	LogBefore []envelope.PublicKey
	// Params are further parameters of the database driver, as written in a
	// DSN, as in "_cache_size=-65536"; empty means none. One that costs
	// durability is refused.
	Params string
	// EvidenceBytes is how many bytes of evidence are kept; empty means 2 GiB.
	EvidenceBytes int64
	// OpenEvidence opens a chunk, for Check; nil means that what is sealed stays so.
	OpenEvidence func(*eat.Chunk) ([]byte, error)
	// Now is the clock; empty means time.Now.
	Now func() time.Time
	// Logger is told what goes wrong behind an answer; empty means nobody.
	Logger *slog.Logger
}

func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

func (o Options) log() audit.Log {
	return audit.Log{Name: audit.Name(o.Hub), Keys: append([]envelope.PrivateKey{o.Log}, o.LogBeside...), Before: o.LogBefore}
}

func (o Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger
}

// Store is an open database. Its methods may be called from any goroutine.
type Store struct {
	opts Options
	path string

	// read is a pool of connections that cannot write.
	read *sql.DB
	// auditLog names and signs the append-only log.
	auditLog audit.Log

	// write is owned by the writer once Open has returned.
	write *writer

	// feed holds the batches committed last, for the engine.
	feed *feed
	// grown are the alerts that got duplicates lately, for those who follow.
	grown *grown
	// cache holds batches that queries unpacked.
	cache *unpacked
	// packer packs and unpacks payloads.
	packer *packer
	// kinds and hosts name small integers; see names.
	kinds *names
	hosts *names

	closing sync.Once
	closed  error // what closing led to
}

// Create makes a database for a new hub. It never touches one that is there.
func Create(ctx context.Context, path string, opts Options) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fault.AlreadyExists.With("%q is there already; a hub is initialised once", path)
	}
	if err != nil {
		return fmt.Errorf("creating the database: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("creating the database: %w", err)
	}
	db, conn, err := openWriter(ctx, path, opts.Params)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(), db.Close()) }()
	if err := createSchema(ctx, db); err != nil {
		return err
	}
	return writeIdentity(ctx, conn, opts)
}

func createSchema(ctx context.Context, db *sql.DB) error {
	p, err := migrator(db)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("creating the schema: %w", err)
	}
	return nil
}

func writeIdentity(ctx context.Context, conn *sql.Conn, opts Options) error {
	_, err := conn.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('hub', ?)`, opts.Hub)
	if err == nil {
		_, err = conn.ExecContext(ctx,
			`INSERT INTO hosts (id, key, state, machine, name, enrolled) VALUES (?, ?, 'hub', '', 'hub', ?)`,
			HubHost(opts.Hub), opts.Key.Public().Bytes(), millis(opts.now()))
	}
	if err != nil {
		return fmt.Errorf("writing the hub's identity: %w", err)
	}
	return nil
}

// Open opens the database of an initialised hub, brings its schema up to date
// and starts the writer. It refuses a database that is missing, that belongs to
// another hub or a newer build, or that would not be durable.
func Open(ctx context.Context, path string, opts Options) (*Store, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fault.NotInitialised.With("there is no %q; run picket-hub init first", path)
	}
	db, conn, err := openWriter(ctx, path, opts.Params)
	if err != nil {
		return nil, err
	}
	s, err := assemble(ctx, path, db, conn, opts)
	if err != nil {
		return nil, errors.Join(err, conn.Close(), db.Close())
	}
	return s, nil
}

func assemble(ctx context.Context, path string, db *sql.DB, conn *sql.Conn, opts Options) (*Store, error) {
	if err := migrate(ctx, db); err != nil {
		return nil, err
	}
	if err := checkIdentity(ctx, conn, opts); err != nil {
		return nil, err
	}
	packer, err := newPacker()
	if err != nil {
		return nil, err
	}
	if opts.Log.IsZero() {
		return nil, errors.New("internal error: a store without the key of its log")
	}
	s := &Store{opts: opts, path: path, auditLog: opts.log(), packer: packer, feed: newFeed(), grown: newGrown(), cache: newUnpacked(cacheBytes),
		kinds: newNames(), hosts: newNames()}
	if s.read, err = openReaders(path, opts.Params); err != nil {
		return nil, err
	}
	if err := s.loadNames(ctx); err != nil {
		return nil, errors.Join(err, s.read.Close())
	}
	if s.write, err = newWriter(ctx, s, db, conn); err != nil {
		return nil, errors.Join(err, s.read.Close())
	}
	go s.write.loop()
	return s, nil
}

func checkIdentity(ctx context.Context, conn *sql.Conn, opts Options) error {
	var id string
	var key []byte
	err := conn.QueryRowContext(ctx, `SELECT id, key FROM hosts WHERE state = 'hub'`).Scan(&id, &key)
	if err != nil {
		return fault.NotInitialised.With("the database names no hub (%v); run picket-hub init in an empty directory", err)
	}
	if id != HubHost(opts.Hub) || string(key) != string(opts.Key.Public().Bytes()) {
		return fault.NotInitialised.With("the database is of hub %q, the keys beside it are of another; restore the files that belong together", id)
	}
	return nil
}

// openWriter opens the one connection that writes, and checks it.
func openWriter(ctx context.Context, path, params string) (*sql.DB, *sql.Conn, error) {
	name, err := dsn(path, false, params)
	if err != nil {
		return nil, nil, err
	}
	db, err := sql.Open("sqlite3", name)
	if err != nil {
		return nil, nil, fmt.Errorf("opening store: %w", err)
	}
	db.SetMaxOpenConns(2) // migrations take a second one, before the writer runs
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("opening store: %w", err), db.Close())
	}
	if err := verify(ctx, conn); err != nil {
		return nil, nil, errors.Join(err, conn.Close(), db.Close())
	}
	return db, conn, nil
}

func openReaders(path, params string) (*sql.DB, error) {
	name, err := dsn(path, true, params)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite3", name)
	if err != nil {
		return nil, fmt.Errorf("opening store for reading: %w", err)
	}
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	return db, nil
}

// Close ends the writer after what it has taken, and closes the database.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.feed.close()
		s.closed = errors.Join(s.write.close(), s.read.Close(), s.packer.close())
	})
	return s.closed
}

// millis is a time as the database keeps it.
func millis(t time.Time) int64 { return t.UnixMilli() }

// fromMillis is the inverse of millis; 0 is the zero time.
func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Ping tells whether the store can be read.
func (s *Store) Ping(ctx context.Context) error {
	var n int
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM meta`).Scan(&n); err != nil {
		return fmt.Errorf("reading the store: %w", err)
	}
	return nil
}
