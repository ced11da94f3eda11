package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"picket.internal/hub/internal/fault"
)

// Backup copies the database as it is at one moment into a new file, for its
// owner only, and may run beside the hub. The keys lie elsewhere and are not in
// it. The copy is on the disk when it returns; a file that is there is never
// overwritten.
func Backup(ctx context.Context, path, to string, opts Options) (err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fault.NotInitialised.With("there is no %q", path)
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fault.AlreadyExists.With("%q is there already; a backup overwrites nothing, name a new file", to)
	}
	if err != nil {
		return fmt.Errorf("making the backup: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			os.Remove(to)
		}
	}()
	db, conn, err := openWriter(ctx, path, opts.Params)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(), db.Close()) }()
	// VACUUM INTO reads one moment and fills a file that is empty.
	if _, err := conn.ExecContext(ctx, `VACUUM INTO ?`, to); err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	folder, err := os.Open(filepath.Dir(to))
	if err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}
