package eat_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/envelope"
)

func TestEntries(t *testing.T) {
	for _, e := range []eat.Entry{
		{Type: eat.EntryToken, ID: eattest.TokenID, SHA256: hash},
		{Type: eat.EntryApproval, ID: eattest.TokenID + "/alice", SHA256: hash},
		{Type: eat.EntryReceipt, ID: eattest.HostID + "/17", SHA256: hash},
		{Type: eat.EntryLogin, ID: "01K3Z9V6W4Q2N8T1XEJ5B7RM00", SHA256: hash},
		{Type: eat.EntryConfig, ID: "rules", SHA256: hash},
	} {
		record, err := e.Encode()
		if err != nil {
			t.Errorf("%+v: %v", e, err)
			continue
		}
		if got, err := eat.ParseEntry(record); err != nil || got != e {
			t.Errorf("%s: %+v, %v", record, got, err)
		}
	}
	for what, e := range map[string]eat.Entry{
		"type": {Type: "fact", ID: "1", SHA256: hash},
		"id":   {Type: eat.EntryLogin, SHA256: hash},
		"line": {Type: eat.EntryLogin, ID: "a\nb", SHA256: hash},
		"ulid": {Type: eat.EntryToken, ID: "1", SHA256: hash},
		"hash": {Type: eat.EntryLogin, ID: "1"},
	} {
		if record, err := e.Encode(); record != nil || !errors.Is(err, eat.ErrBadField) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, record := range []string{"", `{"id":"1","sha256":"` + hash + `", "type":"login"}`, `{"id":"1","sha256":"","type":"login"}`} {
		if _, err := eat.ParseEntry([]byte(record)); !errors.Is(err, eat.ErrBadField) {
			t.Errorf("%s: %v", record, err)
		}
	}
}

// Between any two sizes of a log there is a proof, and none between forks.
func TestLogsExtendAndFork(t *testing.T) {
	hub := eattest.NewHub(t)
	var trees []tlog.Tree
	for i := range 20 {
		trees = append(trees, hub.Tree(t))
		token := eattest.Token(eat.Noop{})
		token.Counter = uint64(i + 1)
		d := hub.Issue(t, token, trees[0].N)
		newer := hub.Tree(t)
		if err := eat.Extends(newer, trees[0], d.Consistency); err != nil {
			t.Errorf("%d records after %d: %v", newer.N, trees[0].N, err)
		}
		if err := eat.Extends(trees[0], newer, d.Consistency); !errors.Is(err, eat.ErrLogRollback) {
			t.Errorf("back to %d records: %v", trees[0].N, err)
		}
		forked := trees[0]
		forked.Hash[0] ^= 1
		if err := eat.Extends(newer, forked, d.Consistency); !errors.Is(err, eat.ErrLogFork) {
			t.Errorf("a fork at %d records: %v", forked.N, err)
		}
		opened, err := eat.Open(d.Envelope, eattest.HubKey.Public())
		if err != nil {
			t.Fatal(err)
		}
		entry := eat.Entry{Type: eat.EntryToken, ID: token.ID, SHA256: opened.SHA256}
		if err := eat.Contains(newer, entry, d.Index, d.Inclusion); err != nil {
			t.Error(err)
		}
		entry.Type = eat.EntryApproval
		if err := eat.Contains(newer, entry, d.Index, d.Inclusion); !errors.Is(err, eat.ErrNotLogged) {
			t.Errorf("an approval passes for a token: %v", err)
		}
	}
}

func TestCheckpoints(t *testing.T) {
	tree := eattest.NewHub(t).Tree(t)
	key := vkey(t, eattest.LogKey)
	good := checkpoint(t, tree, eattest.LogName, eattest.LogKey)
	if got, err := eat.OpenCheckpoint(good, key); err != nil || got != tree {
		t.Fatal(got, err)
	}
	for i := range good {
		for _, bit := range []byte{0x01, 0x20} {
			changed := append([]byte(nil), good...)
			changed[i] ^= bit
			if got, err := eat.OpenCheckpoint(changed, key); !errors.Is(err, eat.ErrBadCheckpoint) || got != (tlog.Tree{}) {
				t.Fatalf("byte %d changed: %v, %v", i, got, err)
			}
		}
	}
	if _, err := eat.OpenCheckpoint(append(good, strings.Repeat("— a AAAAAAAAAAAAAAAAAAAAAA==\n", 200)...), key); !errors.Is(err, eat.ErrBadCheckpoint) {
		t.Errorf("too large: %v", err)
	}
	if _, err := eat.OpenCheckpoint(good, "log"); !errors.Is(err, eat.ErrBadCheckpoint) {
		t.Errorf("by no key: %v", err)
	}
	for _, name := range []string{"", "two words", "a+b"} {
		if _, err := eat.SignCheckpoint(tree, name, eattest.LogKey); err == nil {
			t.Errorf("a log of the name %q", name)
		}
	}
}

// While the key of a log is changed two sign it, and who believes either does.
func TestACheckpointOfTwoKeys(t *testing.T) {
	tree := eattest.NewHub(t).Tree(t)
	other := eattest.Key(21)
	both, err := eat.SignCheckpoint(tree, eattest.LogName, eattest.LogKey, other)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key   envelope.PrivateKey
		opens bool
	}{"the one": {eattest.LogKey, true}, "the other": {other, true}, "a third": {eattest.Key(22), false}} {
		vkey, err := eat.LogVerifier(eattest.LogName, c.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := eat.OpenCheckpoint(both, vkey); (err == nil) != c.opens || c.opens && got != tree {
			t.Errorf("by %s: %+v, %v", name, got, err)
		}
	}
}
