package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Runs is what is known of a hash and a path on a host, before the fact at hand.
type Runs struct {
	// Hosts is how many hosts have run the hash.
	Hosts int64
	// OnHost is true where this host has.
	OnHost bool
	// FromPath is true where this host has, from this path.
	FromPath bool
	// Previous is the hash that the host ran last from the path; nil where none.
	Previous []byte
}

// Runs looks up what the engine has stored about executables.
func (s *Store) Runs(ctx context.Context, hostID, path string, sha256 [32]byte) (Runs, error) {
	host := s.hosts.numberOf(hostID)
	var r Runs
	err := s.read.QueryRowContext(ctx, `SELECT
		(SELECT count(DISTINCT host) FROM executables WHERE sha256 = ?1),
		EXISTS (SELECT 1 FROM executables WHERE sha256 = ?1 AND host = ?2),
		EXISTS (SELECT 1 FROM executables WHERE host = ?2 AND path = ?3 AND sha256 = ?1)`,
		sha256[:], host, path).Scan(&r.Hosts, &r.OnHost, &r.FromPath)
	if err != nil {
		return Runs{}, fmt.Errorf("looking up an executable: %w", err)
	}
	err = s.read.QueryRowContext(ctx, `SELECT sha256 FROM executables WHERE host = ? AND path = ? ORDER BY last DESC, first DESC LIMIT 1`,
		host, path).Scan(&r.Previous)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Runs{}, fmt.Errorf("looking up an executable: %w", err)
	}
	return r, nil
}
