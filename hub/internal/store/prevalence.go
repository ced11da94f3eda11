package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Execution is a hash that ran from a path on a host.
type Execution struct {
	Host, Path  string
	SHA256      [32]byte
	First, Last time.Time
}

// HostsWithHash returns how many hosts have run a hash.
func (s *Store) HostsWithHash(ctx context.Context, sha256 [32]byte) (int64, error) {
	var n int64
	err := s.read.QueryRowContext(ctx, `SELECT count(DISTINCT host) FROM executables WHERE sha256 = ?`, sha256[:]).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("looking up a hash: %w", err)
	}
	return n, nil
}

// HashOnHost tells whether a host has run a hash.
func (s *Store) HashOnHost(ctx context.Context, host string, sha256 [32]byte) (bool, error) {
	var known bool
	err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM executables WHERE sha256 = ? AND host = ?)`,
		sha256[:], s.hosts.numberOf(host)).Scan(&known)
	if err != nil {
		return false, fmt.Errorf("looking up a hash: %w", err)
	}
	return known, nil
}

// HashesAtPath returns the two hashes that a host ran last from a path, the
// newest first.
func (s *Store) HashesAtPath(ctx context.Context, host, path string) ([][32]byte, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT sha256 FROM executables WHERE host = ? AND path = ? ORDER BY last DESC, first DESC LIMIT 2`,
		s.hosts.numberOf(host), path)
	if err != nil {
		return nil, fmt.Errorf("looking up a path: %w", err)
	}
	defer rows.Close()
	var out [][32]byte
	for rows.Next() {
		var sum sql.RawBytes
		if err := rows.Scan(&sum); err != nil {
			return nil, fmt.Errorf("looking up a path: %w", err)
		}
		if len(sum) != 32 {
			return nil, fmt.Errorf("malformed hash at %q", path)
		}
		out = append(out, [32]byte(sum))
	}
	return out, rows.Err()
}
