package store_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/eat"
	"picket.internal/hub/internal/store"
)

// What people and hosts change is in the log, in its order, and the log proves
// each record to one who has seen any part of it before.
func TestChangesAreLoggedAndProved(t *testing.T) {
	b := newBench(t)
	h := b.enroll("web1")
	if err := b.SetHostState(t.Context(), h.id, "disabled"); err != nil {
		t.Fatal(err)
	}
	records, err := b.AuditRecords(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		e, err := eat.ParseEntry([]byte(r.Record))
		if err != nil {
			t.Fatal(err)
		}
		event, _, _ := strings.Cut(e.ID, "/")
		got = append(got, event)
	}
	if want := "enroll_token.made host.enrolling host.disabled"; strings.Join(got, " ") != want {
		t.Fatalf("the log has %v, want %s", got, want)
	}
	vkey, err := b.AuditLog().Verifier()
	if err != nil {
		t.Fatal(err)
	}
	var seen tlog.Tree
	for i, r := range records {
		p, err := b.Prove(t.Context(), int64(i), seen.N)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := eat.OpenCheckpoint(p.Checkpoint, vkey)
		if err != nil {
			t.Fatal(err)
		}
		e, _ := eat.ParseEntry([]byte(r.Record))
		if err := eat.Contains(tree, e, int64(i), p.Inclusion); err != nil {
			t.Errorf("record %d: %v", i, err)
		}
		if err := eat.Extends(tree, seen, p.Consistency); err != nil {
			t.Errorf("from %d records: %v", seen.N, err)
		}
		seen = tree
		b.token(1, time.Hour) // the log goes on
	}
}

// A refused change leaves no record, and what is refused beside it changes
// nothing of what is not.
func TestARefusedChangeIsNotLogged(t *testing.T) {
	b := newBench(t)
	if err := b.SetHostState(t.Context(), "h_aaaaaaaaaaaaaaaaaaaaaaaaaa", "disabled"); err == nil {
		t.Fatal("an unknown host was disabled")
	}
	if records, err := b.AuditRecords(t.Context(), 0, 10); err != nil || len(records) != 0 {
		t.Errorf("the log has %d records, %v", len(records), err)
	}
}

// TestThreat_H10_EditedHistoryShows writes into the database as its
// administrator would, who has not the log's key.
func TestThreat_H10_EditedHistoryShows(t *testing.T) {
	for name, c := range map[string]struct {
		edit, where string
	}{
		"a document is changed":                    {`UPDATE audit SET doc = CAST(replace(doc, '"by":"hub"', '"by":"me2"') AS BLOB) WHERE n = 2`, "audit.broken at 2"},
		"a record is taken away":                   {`DELETE FROM audit WHERE n = 1`, "audit.broken at 1"},
		"the newest record is taken away":          {`DELETE FROM audit WHERE n = 4`, "audit.broken at 4"},
		"the newest record and what is said of it": {`DELETE FROM audit WHERE n = 4; DELETE FROM audit_checkpoints WHERE size = 5`, "audit.broken at 4"},
		"a record is filed as another":             {`UPDATE audit SET id = 'x' WHERE n = 3`, "audit.broken at 3"},
		"a record becomes another":                 {`UPDATE audit SET record = (SELECT record FROM audit WHERE n = 0), doc = (SELECT doc FROM audit WHERE n = 0), id = (SELECT id FROM audit WHERE n = 0), type = 'config' WHERE n = 3`, "audit.broken at 3"},
		"a hash is changed":                        {`UPDATE audit_hashes SET hash = zeroblob(32) WHERE n = 3`, "audit.broken at 2"},
		"a checkpoint is changed":                  {`UPDATE audit_checkpoints SET note = CAST(replace(note, 'log/u_', 'log/u-') AS BLOB) WHERE size = 3`, "checkpoint of 3 records"},
		"the checkpoints are gone":                 {`DELETE FROM audit_checkpoints WHERE size > 3`, "audit.broken at 3"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for range 5 {
				b.token(1, time.Hour)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			if r, err := store.Check(t.Context(), b.path, b.opts); err != nil || len(r.Faults) > 0 || r.Audit != 5 {
				t.Fatalf("before: %+v, %v", r, err)
			}
			db, err := sql.Open("sqlite3", b.path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(c.edit); err != nil {
				t.Fatal(err)
			}
			r, err := store.Check(t.Context(), b.path, b.opts)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Faults) == 0 || r.Faults[0].Where != c.where {
				t.Errorf("found %v, want %q first", r.Faults, c.where)
			}
		})
	}
}
