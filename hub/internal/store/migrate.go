package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"picket.internal/hub/internal/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

func migrator(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("reading migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("reading migrations: %w", err)
	}
	return p, nil
}

// migrate brings a database of this or an older version up to date. One of a
// newer version is refused: what it holds may not mean what this build reads.
func migrate(ctx context.Context, db *sql.DB) error {
	var tables int
	row := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = 'goose_db_version'`)
	if err := row.Scan(&tables); err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	if tables == 0 {
		return fault.NotInitialised.With("the database has no schema; run picket-hub init in an empty directory")
	}
	p, err := migrator(db)
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("reading the schema version: %w", err)
	}
	if current > target {
		return fault.NewerSchema.With("the database has schema %d, this build knows %d; run the newer picket-hub, or restore a backup made with this one", current, target)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	return nil
}
