package store_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"picket.internal/fact"
	"picket.internal/hub/internal/fault"
	"picket.internal/hub/internal/store"
	"picket.internal/wire"
)

func check(t *testing.T, b *bench) *store.Report {
	t.Helper()
	report, err := store.Check(t.Context(), b.path, b.opts)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestCheckFindsWhatWasChanged(t *testing.T) {
	for _, tt := range []struct {
		name, change, want string
	}{
		{"nothing", `SELECT 1`, ""},
		{"a signature", `UPDATE batches SET sig = zeroblob(64) WHERE n = 5`, "batch 5 "},
		{"a payload", `UPDATE parts SET data = zeroblob(length(data)) WHERE n = (SELECT first_part FROM batches WHERE n = 5)`, "batch 5 "},
		{"a payload and its digest, of another batch", `UPDATE batches SET first_part = b.first_part, parts = b.parts, digest = b.digest, sig = b.sig
			FROM (SELECT * FROM batches WHERE n = 6) AS b WHERE batches.n = 5`, "batch 5 "},
		{"a batch given to another host", `UPDATE sessions SET host = (SELECT n FROM hosts WHERE name = 'other') WHERE n = (SELECT session FROM batches WHERE n = 5)`, "batch 3 "},
		{"the end of the log", `DELETE FROM batches WHERE n = 10`, "session "},
		{"the index", `DELETE FROM segments WHERE batch = 5`, "batch 5 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			h := b.enroll("a")
			b.enroll("other")
			for range 8 {
				h.send(h.facts.Facts(4)...)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			tamper(t, b.path, tt.change)
			report := check(t, b)
			if tt.want == "" {
				if len(report.Faults) != 0 || report.Facts != 8*4+2 || report.Hosts != 2 || report.Gaps != 0 {
					t.Errorf("report is %+v", report)
				}
				return
			}
			if len(report.Faults) == 0 || !strings.HasPrefix(report.Faults[0].Where, tt.want) || !strings.Contains(report.Faults[0].Where, h.session) {
				t.Errorf("faults are %+v, want one at %s", report.Faults, tt.want)
			}
		})
	}
}

func TestCheckCountsGapsAndLateBatches(t *testing.T) {
	b := newBench(t)
	h := b.enroll("a")
	h.send(h.facts.Fact())
	two, three := h.seal(h.facts.Fact()), h.seal(h.facts.Fact())
	h.send(h.facts.Fact())
	if report := check(t, b); report.Gaps != 2 || len(report.Faults) != 0 {
		t.Errorf("report is %+v, want 2 missing and no fault", report)
	}
	for _, late := range []*store.Batch{three, two} {
		if _, err := h.append(late); err != nil {
			t.Fatal(err)
		}
	}
	if report := check(t, b); report.Gaps != 0 || len(report.Faults) != 0 {
		t.Errorf("report is %+v, want nothing missing", report)
	}
}

func tamper(t *testing.T, path, change string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(change); err != nil {
		t.Fatal(err)
	}
}

// TestSpoiltBatchStopsNobody: the engine reads on behind it.
func TestSpoiltBatchStopsNobody(t *testing.T) {
	b := newBench(t)
	h := b.enroll("a")
	for range 5 {
		h.send(h.facts.Fact())
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	tamper(t, b.path, `UPDATE batches SET sig = zeroblob(64) WHERE n = 3`)
	b.open()
	batches, err := b.Next(t.Context(), 0, 100)
	if err != nil || len(batches) != 6 {
		t.Fatalf("%d batches, %v; want 6", len(batches), err)
	}
	for _, lb := range batches {
		if want := lb.N != 3; want != (len(lb.Entries) == 1) {
			t.Errorf("batch %d has %d facts", lb.N, len(lb.Entries))
		}
	}
}

func TestOpeningWhatIsNoStore(t *testing.T) {
	b := newBench(t)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	open := func(path string, opts store.Options) error {
		s, err := store.Open(t.Context(), path, opts)
		if s != nil {
			s.Close()
		}
		return err
	}
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stranger := b.opts
	stranger.Hub = wire.NewHubID()
	otherKey := b.opts
	otherKey.Key = newKey(t)
	for name, err := range map[string]error{
		"a missing file":         open(filepath.Join(t.TempDir(), "none.db"), b.opts),
		"an empty file":          open(empty, b.opts),
		"the store of a hub":     open(b.path, stranger),
		"a store of another key": open(b.path, otherKey),
	} {
		if !errors.Is(err, fault.NotInitialised) {
			t.Errorf("%s: %v, want %v", name, err, fault.NotInitialised)
		}
	}
	tamper(t, b.path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
	if err := open(b.path, b.opts); !errors.Is(err, fault.NewerSchema) {
		t.Errorf("a newer schema: %v, want %v", err, fault.NewerSchema)
	}
	if err := store.Create(t.Context(), b.path, b.opts); !errors.Is(err, fault.AlreadyExists) {
		t.Errorf("creating it again: %v, want %v", err, fault.AlreadyExists)
	}
}

func TestRestartGoesOn(t *testing.T) {
	b := newBench(t)
	h := b.enroll("a")
	h.send(h.facts.Facts(3)...)
	again := h.seal(h.facts.Fact())
	first, err := h.append(again)
	if err != nil {
		t.Fatal(err)
	}
	b.reopen()
	if out, err := h.append(again); err != nil || !out.Duplicate {
		t.Errorf("a batch from before the restart: %+v, %v; want a duplicate", out, err)
	}
	if out := h.send(h.facts.Fact()); out.Batch <= first.Batch {
		t.Errorf("stored at %d, behind %d", out.Batch, first.Batch)
	}
	b.enroll("b") // the hub's own chain begins a new session
	if got := len(b.noticed(fact.KindFleet)); got != 2 {
		t.Errorf("%d notices, want 2", got)
	}
	if report := check(t, b); len(report.Faults) != 0 || report.Sessions != 3 {
		t.Errorf("report is %+v", report)
	}
}
