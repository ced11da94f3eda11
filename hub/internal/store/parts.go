package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
)

// partSize is how long a part of a payload is: four of them, with what SQLite
// adds to a row, fill a page of 4 KiB.
const partSize = 1008

// storeParts writes a packed payload, and returns where it lies.
func (tx *Tx) storeParts(packed []byte) (first int64, parts int, err error) {
	first = tx.part
	for len(packed) > 0 {
		n := min(len(packed), partSize)
		if err := tx.exec(`INSERT INTO parts (n, data) VALUES (?, ?)`, tx.part, packed[:n]); err != nil {
			return 0, 0, err
		}
		packed = packed[n:]
		tx.part++
		parts++
	}
	return first, parts, nil
}

// querier is a pool or a connection.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// payload reads and unpacks a stored payload.
func (s *Store) payload(ctx context.Context, db querier, b storedBatch) ([]byte, error) {
	rows, err := db.QueryContext(ctx, `SELECT data FROM parts WHERE n >= ? AND n < ? ORDER BY n`, b.firstPart, b.firstPart+int64(b.parts))
	if err != nil {
		return nil, fmt.Errorf("reading a payload: %w", err)
	}
	defer rows.Close()
	var packed bytes.Buffer
	for rows.Next() {
		var part sql.RawBytes
		if err := rows.Scan(&part); err != nil {
			return nil, fmt.Errorf("reading a payload: %w", err)
		}
		packed.Write(part)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading a payload: %w", err)
	}
	return s.packer.unpack(b.codec, packed.Bytes())
}
