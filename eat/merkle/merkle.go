// Package merkle computes the tree of a hub's log anew from its records, for
// those who check the log: the hub itself, and whoever has an export of it.
//
// It believes no hash that it has not computed. It must never read a file or
// the network, and keeps two hashes a record in memory.
package merkle

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Tree is a log as far as it was read (RFC 6962 section 2.1). The zero value is
// the empty log.
type Tree struct {
	records int64
	hashes  []tlog.Hash
}

// Append adds the next record and returns the hashes that a log stores for it.
func (t *Tree) Append(record []byte) ([]tlog.Hash, error) {
	hashes, err := tlog.StoredHashes(t.records, record, t)
	if err != nil {
		return nil, fmt.Errorf("hashing record %d: %w", t.records, err)
	}
	t.hashes = append(t.hashes, hashes...)
	t.records++
	return hashes, nil
}

// Size is how many records it has.
func (t *Tree) Size() int64 { return t.records }

// At is the tree as it was when it had size records.
func (t *Tree) At(size int64) (tlog.Tree, error) {
	if size < 0 || size > t.records {
		return tlog.Tree{}, fmt.Errorf("a tree of %d records where %d are known", size, t.records)
	}
	hash, err := tlog.TreeHash(size, t)
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("hashing a tree of %d records: %w", size, err)
	}
	return tlog.Tree{N: size, Hash: hash}, nil
}

// ReadHashes is for package tlog, which makes proofs with it.
func (t *Tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		if n < 0 || n >= int64(len(t.hashes)) {
			return nil, fmt.Errorf("no hash %d in a tree of %d records", n, t.records)
		}
		out[i] = t.hashes[n]
	}
	return out, nil
}
