// Package eattest plays a hub, its operators and its log for tests of whoever
// makes or takes Emergency Action Tokens. Its keys are the same in every run.
//
// It must never be linked into a program: everybody knows its keys.
package eattest

import (
	"bytes"
	"encoding/pem"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/eat"
	"picket.internal/envelope"
)

// What the kit's tokens, policies and trust stores say.
const (
	HubID   = "u_aibaeaqcaibaeaqcaibaeaqcai"
	HostID  = "h_aeaqcaibaeaqcaibaeaqcaibae"
	BootID  = "3f1f7a52-6f0e-4d0b-9c7e-0d8f5a1b2c3d"
	TokenID = "01K3Z9V6W4Q2N8T1XEJ5B7RMCD"
	LogName = "picket.internal/log/" + HubID
)

// Now is the kit's time.
var Now = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)

// Key is key number n, the same in every run.
func Key(n byte) envelope.PrivateKey {
	// What PKCS #8 puts before the 32 bytes of an Ed25519 key (RFC 8410).
	der := append([]byte("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"), bytes.Repeat([]byte{n}, 32)...)
	key, err := envelope.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		panic(err)
	}
	return key
}

// The kit's keys.
var (
	HubKey   = Key(5)
	LogKey   = Key(6)
	AliceKey = Key(7)
	BobKey   = Key(8)
	// WrapperKey signs receipts.
	WrapperKey = Key(9)
)

// Hub issues tokens and keeps a log in memory.
type Hub struct {
	// Key signs tokens, LogKeys sign the log. NewHub gives it the kit's.
	Key     envelope.PrivateKey
	LogKeys []envelope.PrivateKey

	records int64
	hashes  []tlog.Hash
}

// NewHub makes a hub whose log has a few records of other things.
func NewHub(t testing.TB) *Hub {
	t.Helper()
	h := &Hub{Key: HubKey, LogKeys: []envelope.PrivateKey{LogKey}}
	for _, id := range []string{"login/1", "login/2", "login/3"} {
		h.Append(t, eat.Entry{Type: eat.EntryLogin, ID: id, SHA256: eat.FirstPrev})
	}
	return h
}

// Fork is a hub with the same keys and, so far, the same log.
func (h *Hub) Fork() *Hub {
	return &Hub{Key: h.Key, LogKeys: h.LogKeys, records: h.records, hashes: slices.Clone(h.hashes)}
}

func (h *Hub) reader() tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			out[i] = h.hashes[index]
		}
		return out, nil
	}
}

// Append writes an entry into the log and returns its index.
func (h *Hub) Append(t testing.TB, e eat.Entry) int64 {
	t.Helper()
	record, err := e.Encode()
	check(t, err)
	hashes, err := tlog.StoredHashes(h.records, record, h.reader())
	check(t, err)
	h.hashes = append(h.hashes, hashes...)
	h.records++
	return h.records - 1
}

// Tree is the log as it is now.
func (h *Hub) Tree(t testing.TB) tlog.Tree {
	t.Helper()
	hash, err := tlog.TreeHash(h.records, h.reader())
	check(t, err)
	return tlog.Tree{N: h.records, Hash: hash}
}

// Issue signs a token, adds the approvals of the keys, writes it into the log
// and returns the delivery for a host that has seen the log up to a size.
func (h *Hub) Issue(t testing.TB, token eat.Token, seen int64, operators ...envelope.PrivateKey) eat.Delivery {
	t.Helper()
	sealed, err := eat.Sign(token, h.Key)
	check(t, err)
	opened, err := eat.Open(sealed, h.Key.Public())
	check(t, err)
	var approvals []envelope.Signature
	for _, key := range operators {
		approvals = append(approvals, opened.Approve(key))
	}
	joined, err := opened.Join(approvals...)
	check(t, err)
	index := h.Append(t, eat.Entry{Type: eat.EntryToken, ID: token.ID, SHA256: opened.SHA256})
	return h.Prove(t, joined, index, seen)
}

// Prove makes the delivery of an envelope that is record index of the log.
func (h *Hub) Prove(t testing.TB, sealed []byte, index, seen int64) eat.Delivery {
	t.Helper()
	tree := h.Tree(t)
	d := eat.Delivery{Envelope: sealed, Index: index, From: seen}
	var err error
	d.Checkpoint, err = eat.SignCheckpoint(tree, LogName, h.LogKeys...)
	check(t, err)
	d.Inclusion, err = tlog.ProveRecord(tree.N, index, h.reader())
	check(t, err)
	if seen > 0 && seen < tree.N {
		d.Consistency, err = tlog.ProveTree(tree.N, seen, h.reader())
		check(t, err)
	}
	return d
}

// Deliver is Issue, encoded: the bytes for a wrapper's standard input.
func (h *Hub) Deliver(t testing.TB, token eat.Token, seen int64, operators ...envelope.PrivateKey) []byte {
	t.Helper()
	data, err := h.Issue(t, token, seen, operators...).Encode()
	check(t, err)
	return data
}

// Token is a valid token for the kit's host with the arguments.
func Token(args eat.Args) eat.Token {
	return eat.Token{
		ID: TokenID, Hub: HubID, Host: HostID, Boot: BootID, Args: args, Reason: "alert 01K3Z9V6W4Q2N8T1XEJ5B7RMCE: a canary file was read",
		Issued: Now, NotBefore: Now, Expires: Now.Add(5 * time.Minute), Counter: 1, Policy: "canary-touched",
	}
}

// Trust believes the kit's hub, log and operators alice and bob.
func Trust(t testing.TB) *eat.TrustStore {
	t.Helper()
	log, err := eat.LogVerifier(LogName, LogKey.Public())
	check(t, err)
	trust := &eat.TrustStore{
		V: 1, Hub: HubID, Log: log,
		HubKeys:   []eat.HubKey{{Key: HubKey.Public(), NotAfter: Now.AddDate(1, 0, 0)}},
		Operators: []eat.Operator{{Name: "alice", Key: AliceKey.Public()}, {Name: "bob", Key: BobKey.Public()}},
	}
	check(t, trust.Validate())
	return trust
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
