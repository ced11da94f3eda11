package hub_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"picket.internal/api"
	"picket.internal/dossier"
	"picket.internal/eat"
	"picket.internal/fact"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
)

// fleetFacts are what the hub noticed of a host, oldest first.
func fleetFacts(t *testing.T, h *hubtest.Hub, actions ...string) (out []*fact.Fleet) {
	t.Helper()
	for _, s := range h.Facts(api.FactQuery{Kind: "fleet", Limit: 100}) {
		f, _, err := fact.Parse(s.Fact)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(actions, f.Fleet.Action) {
			out = append([]*fact.Fleet{f.Fleet}, out...)
		}
	}
	return out
}

// issueNoop has the hub order what changes nothing.
func issueNoop(t *testing.T, h *hubtest.Hub, host string) {
	t.Helper()
	h.Post(t, api.PathResponses, api.IssueRequest{Host: host, Action: eat.ActionNoop, Args: []byte("{}"), Reason: "try"}, nil)
}

// logOf is what a host has seen of the log, as the hub shows it.
func logOf(h *hubtest.Hub, id string) api.HostLog {
	if log := h.Hosts()[id].Log; log != nil {
		return *log
	}
	return api.HostLog{}
}

// TestThreat_H10_AForkShowsByWhatHostsHaveSeen: a hub that told one host another
// history cannot take it back. The host's next receipt carries the hub's own
// signature of it: one alert, the hosts that saw the hub's log stay as they were,
// and the hub goes on.
func TestThreat_H10_AForkShowsByWhatHostsHaveSeen(t *testing.T) {
	h := hubtest.New(t, nil)
	honest, forked := h.Enroll(), h.Enroll()
	w, f := honest.Wrapper(), forked.Wrapper()
	for host, wrapper := range map[*hubtest.Host]*hubtest.Wrapper{honest: w, forked: f} {
		issueNoop(t, h, host.ID)
		if r, err := wrapper.Next(); err != nil || r.Outcome != eat.OutcomeDone {
			t.Fatalf("%+v, %v", r, err)
		}
		if got := logOf(h, host.ID); got.Verdict != api.LogSame || got.Records != wrapper.Seen.N || got.Checkpoint != string(wrapper.Checkpoint) {
			t.Errorf("the hub says that the host saw %+v, and it saw %q", got, wrapper.Checkpoint)
		}
	}
	f.SeeFork()
	for range 2 { // the second says nothing new
		issueNoop(t, h, forked.ID)
		if r, err := f.Next(); err != nil || r.Refusal != eat.ErrLogFork.ID {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	alert := h.WaitAlerts("fleet.log_fork", 1)[0]
	if alert.Host.ID != forked.ID {
		t.Errorf("the alert is about %s", alert.Host.ID)
	}
	if told := fleetFacts(t, h, fact.FleetLogFork, fact.FleetLogRollback); len(told) != 1 || !strings.HasPrefix(told[0].Reason, "log.fork: ") || told[0].Count != f.Seen.N {
		t.Errorf("told %+v", told)
	}
	if got := logOf(h, forked.ID); got.Verdict != api.LogFork || got.Checkpoint != string(f.Checkpoint) {
		t.Errorf("the forked host's log is %+v, want %q", got, f.Checkpoint)
	}
	if got := logOf(h, honest.ID); got.Verdict != api.LogSame {
		t.Errorf("the other host's log is %+v", got)
	}
	issueNoop(t, h, honest.ID)
	if r, err := w.Next(); err != nil || r.Outcome != eat.OutcomeDone {
		t.Errorf("the hub after it: %+v, %v", r, err)
	}
	checkHub(t, h)
}

// TestThreat_H10_ARestoredDatabaseShows: a hub that was set back to an older
// database has a log that ends before what its hosts have seen, and once it has
// gone on, another log than they have seen. Each is told once.
func TestThreat_H10_ARestoredDatabaseShows(t *testing.T) {
	h := hubtest.New(t, nil)
	host := h.Enroll()
	w := host.Wrapper()
	issueNoop(t, h, host.ID)
	if _, err := w.Next(); err != nil {
		t.Fatal(err)
	}
	older := filepath.Join(t.TempDir(), "older.db")
	if err := hub.Backup(t.Context(), h.Dir, older); err != nil {
		t.Fatal(err)
	}
	issueNoop(t, h, host.ID)
	for range 20 {
		h.EnrollToken(1) // the log grows
	}
	delivery, err := host.Orders(w.Seen.N)
	if err != nil || delivery == nil {
		t.Fatal("no orders", err)
	}
	lost := w.Seal(w.Act(delivery)) // its receipt comes after
	h.Stop()
	for _, name := range []string{"hub.db-wal", "hub.db-shm"} {
		if err := os.Remove(filepath.Join(h.Dir, name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if err := os.Rename(older, filepath.Join(h.Dir, "hub.db")); err != nil {
		t.Fatal(err)
	}
	h.Start()
	if _, err := w.Send(lost); err != nil {
		t.Fatal(err)
	}
	h.WaitAlerts("fleet.log_rollback", 1)
	if got := logOf(h, host.ID); got.Verdict != api.LogRollback || got.Records != w.Seen.N {
		t.Errorf("the host's log is %+v", got)
	}
	for treeOf(t, h).N <= w.Seen.N {
		h.EnrollToken(1)
	}
	for range 2 {
		issueNoop(t, h, host.ID)
		r, err := w.Next()
		if err != nil || r.Refusal == "" {
			t.Fatalf("the host takes a log that went back: %+v, %v", r, err)
		}
	}
	h.WaitAlerts("fleet.log_fork", 1)
	told := fleetFacts(t, h, fact.FleetLogFork, fact.FleetLogRollback)
	if len(told) != 2 || told[0].Action != fact.FleetLogRollback || told[1].Action != fact.FleetLogFork {
		t.Errorf("told %+v", told)
	}
	checkHub(t, h)
}

// What an older wrapper tells is the size alone: nothing is shown by it but that
// the log is shorter. A receipt that comes late says nothing of now.
func TestWhatAnOlderWrapperHasSeen(t *testing.T) {
	h := hubtest.New(t, nil)
	host := h.Enroll()
	w := host.Wrapper()
	for range 2 {
		issueNoop(t, h, host.ID)
	}
	var receipts [][]byte
	for range 2 {
		delivery, err := host.Orders(w.Seen.N)
		if err != nil || delivery == nil {
			t.Fatal("no orders", err)
		}
		r := w.Act(delivery)
		w.Checkpoint = nil
		receipts = append(receipts, w.Seal(r))
		if _, err := w.Send(receipts[len(receipts)-1]); err != nil {
			t.Fatal(err)
		}
		if got := logOf(h, host.ID); got != (api.HostLog{Records: w.Seen.N}) {
			t.Errorf("the host's log is %+v", got)
		}
	}
	issueNoop(t, h, host.ID)
	delivery, err := host.Orders(w.Seen.N)
	if err != nil || delivery == nil {
		t.Fatal("no orders", err)
	}
	r := w.Act(delivery)
	w.Seen.N += 1000
	if _, err := w.Send(w.Seal(r)); err != nil {
		t.Fatal(err)
	}
	h.WaitAlerts("fleet.log_rollback", 1)
	if got := logOf(h, host.ID); got != (api.HostLog{Records: w.Seen.N, Verdict: api.LogRollback}) {
		t.Errorf("the host's log is %+v", got)
	}
}

// TestThreat_H10_ADossierShowsWhatItsHostSaw: the log of an exported alert is the
// one that the host's receipts saw, or the dossier is false.
func TestThreat_H10_ADossierShowsWhatItsHostSaw(t *testing.T) {
	s := showAlert(t)
	verdict := func(d *api.Dossier) string { return verdictsOf(dossier.Check(d, s.keys))["log seen"] }
	if d := parsed(t, s.bytes); verdict(d) != dossier.OK || len(d.Consistency) != 1 {
		t.Fatalf("%q with %d proofs", verdict(d), len(d.Consistency))
	}
	for name, change := range map[string]func(d *api.Dossier){
		"a hash of the proof": func(d *api.Dossier) { d.Consistency[0].Proof[0] = flipMiddle(d.Consistency[0].Proof[0]) },
		"half of a hash":      func(d *api.Dossier) { d.Consistency[0].Proof[0] = d.Consistency[0].Proof[0][:16] },
		"no proof":            func(d *api.Dossier) { d.Consistency = nil },
		"another proof":       func(d *api.Dossier) { d.Consistency[0].Records++ },
	} {
		d := parsed(t, s.bytes)
		if change(d); verdict(d) != dossier.False {
			t.Errorf("%s: %q", name, verdict(d))
		}
	}
	// The root that the host saw cannot be changed beside its receipt.
	d := parsed(t, s.bytes)
	response(d).Receipts[0].Effect[eat.EffectLogHash] = eat.FirstPrev
	if got := verdictsOf(dossier.Check(d, s.keys))["receipt"]; got != dossier.False {
		t.Errorf("another root beside the receipt: %q", got)
	}
	if d := forkedDossier(t); verdictsOf(dossier.Check(d.dossier, d.keys))["log seen"] != dossier.False {
		t.Error("a host that saw a fork does not make the dossier false")
	}
}

type shownFork struct {
	dossier *api.Dossier
	keys    dossier.Keys
}

// acted is a host that has done what a touched canary led to, and its receipt,
// which is not sealed yet.
func acted(t *testing.T) (*hubtest.Hub, *hubtest.Wrapper, *eat.Receipt) {
	t.Helper()
	h := withPolicies(t, suspend)
	host := h.Enroll()
	w := host.Wrapper()
	host.MustSend(touched(host, 4211))
	delivery, err := host.Orders(0)
	if err != nil || delivery == nil {
		t.Fatal("no orders", err)
	}
	return h, w, w.Act(delivery)
}

// forkedDossier is an alert whose host saw a fork before it wrote its receipt.
func forkedDossier(t *testing.T) shownFork {
	t.Helper()
	h, w, r := acted(t)
	w.SeeFork()
	if _, err := w.Send(w.Seal(r)); err != nil {
		t.Fatal(err)
	}
	awaitStates(t, h, api.ResponseDone)
	return shownFork{parsed(t, export(t, h, h.WaitAlerts("canary.read", 1)[0].ID)), dossier.Keys{Trust: h.Trust()}}
}

// A receipt of an older wrapper does not show which log its host saw.
func TestADossierOfAnOlderWrapper(t *testing.T) {
	h, w, r := acted(t)
	w.Checkpoint = nil
	if _, err := w.Send(w.Seal(r)); err != nil {
		t.Fatal(err)
	}
	awaitStates(t, h, api.ResponseDone)
	data := export(t, h, h.WaitAlerts("canary.read", 1)[0].ID)
	if claims := dossier.Check(parsed(t, data), dossier.Keys{Trust: h.Trust()}); verdictsOf(claims)["log seen"] != dossier.NotShown || !dossier.Holds(claims) {
		t.Errorf("%v", claims)
	}
}
