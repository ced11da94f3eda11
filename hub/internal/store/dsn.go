package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"

	"picket.internal/hub/internal/fault"
)

// busyTimeout is how long a connection waits for another process that has the
// database locked, as `picket-hub check` and backups may. Unit: milliseconds.
const busyTimeout = "5000"

// dsn is the address of the database for the writer, or for a reader that
// cannot write. extra holds further parameters of the driver, as written in a
// DSN; they come last, and what they change is found by verify.
func dsn(path string, readOnly bool, extra string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("finding %q: %w", path, err)
	}
	q := url.Values{
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_txlock":       {"immediate"},
		"_busy_timeout": {busyTimeout},
		"_foreign_keys": {"1"},
		"mode":          {"rw"},
	}
	if readOnly {
		q.Del("_journal_mode") // the file has it already, and setting it would write
		q.Set("_query_only", "1")
	}
	more, err := url.ParseQuery(extra)
	if err != nil {
		return "", fmt.Errorf("malformed database parameters: %w", err)
	}
	for name := range more {
		q.Set(name, more.Get(name))
	}
	return (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String(), nil
}

// verify reads back what makes a commit durable and the data sound. A setting
// that was not taken, for whatever reason, is refused.
func verify(ctx context.Context, conn *sql.Conn) error {
	want := []struct {
		pragma string
		ok     func(string) bool
		need   string
	}{
		{"journal_mode", func(v string) bool { return strings.EqualFold(v, "wal") }, "wal"},
		{"synchronous", func(v string) bool { return atLeast(v, 2) }, "2 (FULL) or more"},
		{"busy_timeout", func(v string) bool { return atLeast(v, 1) }, "more than 0"},
		{"foreign_keys", func(v string) bool { return v == "1" }, "1"},
	}
	for _, w := range want {
		var got string
		if err := conn.QueryRowContext(ctx, "PRAGMA "+w.pragma).Scan(&got); err != nil {
			return fmt.Errorf("reading PRAGMA %s: %w", w.pragma, err)
		}
		if !w.ok(got) {
			return fault.NotDurable.With("PRAGMA %s is %q, want %s: the database could lose what was acknowledged", w.pragma, got, w.need)
		}
	}
	return nil
}

func atLeast(v string, n int) bool {
	got, err := strconv.Atoi(v)
	return err == nil && got >= n
}
