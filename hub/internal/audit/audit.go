// Package audit says what a hub writes into its append-only log, and signs how
// far that log has come: every token, approval and receipt, and every change of
// what the hub is and whom it believes.
//
// A record of the log is a digest (eat.Entry); the document that it is the
// digest of is kept beside it. The records make a Merkle tree (RFC 6962), so a
// record that is changed or taken away shows to everybody who has seen a
// checkpoint: the wrapper on each host, and whoever has exported one.
//
// Where the log is kept, and that it is written in the same transaction as what
// it tells, is package store's. This package must never read the clock or the
// database, and a document must never hold a secret.
package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/strictjson"
)

// Log names a hub's log and signs it.
type Log struct {
	// Name is what checkpoints call the log.
	Name string
	// Keys sign it, with keys that have no other use. Hosts are asked to believe
	// the first; the others sign while a change of the key is under way. There
	// must be one.
	Keys []envelope.PrivateKey
	// Before are keys that have signed it once.
	Before []envelope.PublicKey
}

// Name is what checkpoints call the log of a hub.
func Name(hub string) string { return "picket.internal/log/" + hub }

// Checkpoint is the hub's signed word on the log.
func (l Log) Checkpoint(tree tlog.Tree) ([]byte, error) {
	return eat.SignCheckpoint(tree, l.Name, l.Keys...)
}

// Verifier is the log's key as trust stores have it.
func (l Log) Verifier() (string, error) { return eat.LogVerifier(l.Name, l.Keys[0].Public()) }

// Verifiers are all keys that the log has or had, as trust stores have one, the
// one that hosts are asked to believe first: what was signed once stays signed.
func (l Log) Verifiers() (out []string, err error) {
	for _, key := range append([]envelope.PublicKey{l.Keys[0].Public()}, l.Others()...) {
		vkey, err := eat.LogVerifier(l.Name, key)
		if err != nil {
			return nil, err
		}
		out = append(out, vkey)
	}
	return out, nil
}

// Others are the keys that the log has or had beside the one that hosts are asked
// to believe.
func (l Log) Others() []envelope.PublicKey {
	keys := slices.Clone(l.Before)
	for _, k := range l.Keys[1:] {
		keys = append(keys, k.Public())
	}
	return keys
}

// Open verifies a checkpoint by any key that the log has or had. Its error is
// eat.ErrBadCheckpoint.
func (l Log) Open(note []byte) (tree tlog.Tree, err error) {
	keys, err := l.Verifiers()
	if err != nil {
		return tlog.Tree{}, err
	}
	for _, vkey := range keys {
		if tree, err = eat.OpenCheckpoint(note, vkey); err == nil {
			return tree, nil
		}
	}
	return tlog.Tree{}, err
}

// Entry is the record of a document.
func Entry(kind, id string, doc []byte) eat.Entry {
	sum := sha256.Sum256(doc)
	return eat.Entry{Type: kind, ID: id, SHA256: hex.EncodeToString(sum[:])}
}

// Change is the document of a change of what the hub is. Encode fills in V.
type Change eat.LogChange

// Encode returns the record of the change and its document.
func (c Change) Encode() (eat.Entry, []byte, error) {
	c.V = 1
	doc, err := strictjson.Encode(c)
	if err != nil {
		return eat.Entry{}, nil, fmt.Errorf("writing the change %q: %w", c.Event, err)
	}
	id := c.Event
	if c.Subject != "" {
		id += "/" + c.Subject
	}
	return Entry(eat.EntryConfig, id, doc), doc, nil
}

// Approval is the document of a signature, a yes or a no. Encode fills in V.
type Approval eat.LogApproval

// Encode returns the record of the approval and its document.
func (a Approval) Encode() (eat.Entry, []byte, error) {
	a.V = 1
	doc, err := strictjson.Encode(a)
	if err != nil {
		return eat.Entry{}, nil, fmt.Errorf("writing an approval: %w", err)
	}
	id := a.Response
	if a.Operator != "" {
		id += "/" + a.Operator
	}
	return Entry(eat.EntryApproval, id, doc), doc, nil
}
