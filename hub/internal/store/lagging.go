package store

import (
	"context"
	"crypto/ecdh"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"

	"picket.internal/eat/sealing"
	"picket.internal/hub/internal/fault"
	"picket.internal/strictjson"
)

// Look opens the database to read, beside a hub that may run. It brings nothing
// up to date: a database that an older hub has left is read as that left it.
func Look(ctx context.Context, path string, opts Options) (s *Store, done func() error, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fault.NotInitialised.With("there is no %q", path)
	}
	db, err := openReaders(path, opts.Params)
	if err != nil {
		return nil, nil, err
	}
	return &Store{opts: opts, path: path, read: db, auditLog: opts.log()}, db.Close, nil
}

// Lagging names the hosts that take orders and have not attested one of the
// trust stores whose SHA-256 are given: in their last attestation their own was
// another, or they have sent none.
func (s *Store) Lagging(ctx context.Context, trust []string) (names []string, of int, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT h.name, coalesce(a.files, '{}') FROM hosts h JOIN wrappers w ON w.host = h.n LEFT JOIN attestations a ON a.host = h.n
		WHERE h.state IN ('enrolled', 'suspect') AND length(w.key) > 0 ORDER BY h.name`)
	if err != nil {
		return nil, 0, fmt.Errorf("reading what hosts trust: %w", err)
	}
	defer rows.Close()
	for ; rows.Next(); of++ {
		var name string
		var text []byte
		files := map[string]string{}
		if err := rows.Scan(&name, &text); err != nil {
			return nil, 0, fmt.Errorf("reading what hosts trust: %w", err)
		}
		if err := strictjson.Decode(text, strictjson.Limits{Bytes: 1 << 20}, &files, nil); err != nil {
			return nil, 0, fmt.Errorf("reading what %.80q trusts: %w", name, err)
		}
		if !slices.Contains(trust, files["file.trust"]) {
			names = append(names, name)
		}
	}
	return names, of, rows.Err()
}

// EnrolledWithout names the hosts that the hub told its TLS keys last before it
// told of the one with the id, which it does from its next start on.
func (s *Store) EnrolledWithout(ctx context.Context, id string) (names []string, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT h.name FROM hosts h WHERE h.state IN ('enrolled', 'suspect', 'pending')
		AND coalesce((SELECT max(n) FROM audit WHERE type = 'config' AND id IN ('host.enrolling/' || h.id, 'host.enrolled_again/' || h.id)), -1)
		  < coalesce((SELECT min(n) FROM audit WHERE type = 'config' AND id = 'hub.key/' || ?), ?) ORDER BY h.name`, id, math.MaxInt64)
	if err != nil {
		return nil, fmt.Errorf("reading what hosts were told: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("reading what hosts were told: %w", err)
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// SealedTo counts the bundles of evidence that are here and open with a key.
func (s *Store) SealedTo(ctx context.Context, key *ecdh.PrivateKey) (n int, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT h.id, c.token, min(c.number) FROM evidence_chunks c JOIN eats e ON e.id = c.token JOIN hosts h ON h.n = e.host GROUP BY c.token`)
	if err != nil {
		return 0, fmt.Errorf("reading evidence: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var host, token string
		var number int64
		if err := rows.Scan(&host, &token, &number); err != nil {
			return 0, fmt.Errorf("reading evidence: %w", err)
		}
		c, err := s.Chunk(ctx, host, token, number)
		if err != nil {
			return 0, err
		}
		if _, err := sealing.Open(c, key); err == nil {
			n++
		}
	}
	return n, rows.Err()
}
