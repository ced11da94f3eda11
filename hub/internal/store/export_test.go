package store

import (
	"context"
	"database/sql"
)

// Reader is the pool of reading connections.
func (s *Store) Reader() *sql.DB { return s.read }

// DropMemory forgets what the store keeps in memory, as a restart would.
func (s *Store) DropMemory() {
	s.feed = newFeed()
	s.cache = newUnpacked(cacheBytes)
}

// Chain is for the table of TestJudge.
type Chain = chain

func NewChain(known bool, last uint64, head Digest, same, before, after *Digest) Chain {
	return chain{known, last, head, same, before, after}
}

func (c chain) Judge(seq uint64, prev, digest Digest) string {
	return [...]string{"accepted", "duplicate", "gap", "late", "forked"}[c.judge(seq, prev, digest)]
}

// Write runs fn as one change of the database, as every method that writes does.
func (s *Store) Write(ctx context.Context, fn func() error) error {
	return s.update(ctx, 1, func(*Tx) error { return fn() })
}
