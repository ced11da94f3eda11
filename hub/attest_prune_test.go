package hub_test

import (
	"database/sql"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
)

// Attestations on schedule that agree lose their signed forms once they are old,
// and nothing else does: not the newest, not one that disagreed, not what a person
// asked for. What was asked and answered can be read still, the log tells of it,
// and a check knows the difference to what somebody took away.
func TestOldAttestationsArePruned(t *testing.T) {
	var ahead atomic.Int64
	a := newAttesting(t, func(c *hub.Config) {
		c.AttestEvery, c.AttestKeep = 500*time.Millisecond, 24*time.Hour
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	a.onSchedule(nil)
	a.says(goodSensor)
	a.judged(api.AttestAgrees)
	a.onSchedule(func(r *eat.Receipt) { r.Effect["file.sensor"] = evilSensor })
	a.says(goodSensor)
	a.judged(api.AttestDisagrees)
	a.onSchedule(nil) // as it was: a change from the time before
	a.says(goodSensor)
	a.judged(api.AttestChanged)
	a.onSchedule(nil)
	a.says(goodSensor)
	a.judged(api.AttestAgrees)
	read := func() (whole, pruned []api.Response) {
		for _, r := range responses(a.hub, api.ResponseQuery{Scheduled: true}) {
			switch one := hubtest.Get[api.Response](a.hub, api.PathResponses+"/"+r.ID)[0]; {
			case one.State != api.ResponseDone:
			case len(one.Token.Envelope) == 0:
				pruned = append(pruned, one)
			default:
				whole = append(whole, one)
			}
		}
		return whole, pruned
	}
	if whole, pruned := read(); len(whole) != 4 || len(pruned) != 0 {
		t.Fatalf("young: %d whole, %d pruned", len(whole), len(pruned))
	}
	ahead.Store(int64(25 * time.Hour))
	a.sweepUntil("the first to be pruned", func() bool { return a.hub.Counters()["attest.pruned"] >= 1 })
	whole, pruned := read()
	if len(whole) < 2 || len(whole)+len(pruned) != 4 {
		t.Fatalf("old: %d whole, %d pruned", len(whole), len(pruned))
	}
	for _, r := range pruned {
		effect := r.Receipts[0].Effect
		if len(r.Receipts[0].Envelope) != 0 || effect["file.sensor"] != goodSensor || effect["nonce"] == "" {
			t.Errorf("what was pruned is %+v", r.Receipts[0])
		}
	}
	if whole[len(whole)-1].Receipts[0].Effect["file.sensor"] != evilSensor {
		t.Errorf("the one that disagreed is not there: %+v", whole)
	}
	told := 0
	for _, r := range hubtest.Get[api.AuditRecord](a.hub, api.PathAuditRecords+"?limit=200") {
		if strings.Contains(string(r.Document), `"attest.pruned"`) {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the log tells of it %d times", told)
	}
	a.hub.Stop()
	check := func() *hub.CheckReport {
		t.Helper()
		report, err := hub.Check(t.Context(), a.hub.Dir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if report := check(); len(report.Faults) > 0 || report.Pruned != int64(len(pruned)) {
		t.Errorf("check: %+v", report)
	}
	db, err := sql.Open("sqlite3", filepath.Join(a.hub.Dir, "hub.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE eats SET envelope = x'' WHERE id = ?`, whole[len(whole)-1].Token.ID); err != nil {
		t.Fatal(err)
	}
	if report := check(); len(report.Faults) != 1 || !strings.Contains(report.Faults[0].What, "have lost their envelopes, and the log tells of") {
		t.Errorf("after one was taken away: %+v", report.Faults)
	}
}
