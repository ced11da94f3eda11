package hub_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub/hubtest"
	"picket.internal/wire"
)

// problem is the id of the wire.Problem in err; the whole error where there is
// none.
func problem(err error) string {
	var p *wire.Problem
	if errors.As(err, &p) {
		return p.ID
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

// notices lists what the hub itself noticed about a host, oldest first.
func notices(h *hubtest.Hub, t *testing.T, host string) []string {
	t.Helper()
	facts := h.Facts(api.FactQuery{HostID: host, Kind: string(fact.KindFleet)})
	var out []string
	for i := range facts {
		f, _, err := fact.Parse(facts[len(facts)-1-i].Fact)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f.Fleet.Action)
	}
	return out
}

func TestThreat_T1_OneTokenLetsOneHostIn(t *testing.T) {
	h := hubtest.New(t, nil)
	token := h.EnrollToken(1)
	const parallel = 100
	results := make([]error, parallel)
	hosts := make([]*hubtest.Host, parallel)
	for i := range hosts {
		hosts[i] = h.Stranger()
	}
	var wg sync.WaitGroup
	for i, host := range hosts {
		wg.Go(func() { _, results[i] = host.Enroll(token, "machine of "+host.ID) })
	}
	wg.Wait()
	count := map[string]int{}
	for _, err := range results {
		count[problem(err)]++
	}
	if diff := cmp.Diff(map[string]int{"": 1, "enrol.token_used": parallel - 1}, count); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if n := len(h.Hosts()); n != 1 {
		t.Errorf("%d hosts, want 1", n)
	}
	enrolled := h.Facts(api.FactQuery{Kind: string(fact.KindFleet)})
	if len(enrolled) != 1 || !strings.Contains(string(enrolled[0].Fact), token.ID) {
		t.Errorf("the log says %+v, want one enrollment that names token %s", enrolled, token.ID)
	}
}

func TestThreat_T2_NoSecretIsKeptOrLogged(t *testing.T) {
	h := hubtest.New(t, nil)
	token := h.EnrollToken(2)
	host, twice := h.Stranger(), h.Stranger()
	if _, err := host.Enroll(token, "one"); err != nil {
		t.Fatal(err)
	}
	if _, err := twice.Enroll(token, "two"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Stranger().Enroll(token, "three"); problem(err) != "enrol.token_used" {
		t.Errorf("third use: %v", err)
	}
	answers := ""
	for _, path := range []string{api.PathHosts, api.PathFacts, api.PathAlerts, api.PathStatus, "/metrics"} {
		_, body := h.Do("GET", path, "")
		answers += body
	}
	h.Stop()
	where := map[string][]byte{"the log": []byte(h.Log.String()), "the API": []byte(answers)}
	err := filepath.WalkDir(h.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == filepath.Join(h.Dir, "profile.json") {
			return err
		}
		where[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(where["the log"]) == 0 || len(where[filepath.Join(h.Dir, "hub.db")]) == 0 {
		t.Fatal("there is nothing to look through")
	}
	for _, secret := range []string{token.Secret, h.Access.Secret} {
		raw, err := base64.RawURLEncoding.DecodeString(secret)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range where {
			if bytes.Contains(text, []byte(secret)) || bytes.Contains(text, raw) {
				t.Errorf("a token's secret is in %s", name)
			}
		}
	}
}

func TestThreat_T4_SameMachineDoesNotTakeOver(t *testing.T) {
	h := hubtest.New(t, nil)
	first, second := h.Stranger(), h.Stranger()
	one, err := first.Enroll(h.EnrollToken(1), "the machine")
	if err != nil {
		t.Fatal(err)
	}
	first.ID = one.Host
	two, err := second.Enroll(h.EnrollToken(1), "the machine")
	if err != nil {
		t.Fatal(err)
	}
	second.ID = two.Host
	if two.State != wire.StatePending || two.Host == one.Host {
		t.Errorf("second enrollment: %s as %s, want pending with another id than %s", two.State, two.Host, one.Host)
	}
	if _, err := second.Send(second.Metric()); problem(err) != "host.pending" {
		t.Errorf("batch of the pending host: %v, want host.pending", err)
	}
	first.MustSend(first.Metric())
	if alert := h.WaitAlerts("fleet.duplicate_machine", 1)[0]; alert.Host.ID != two.Host {
		t.Errorf("alert is about %s, want %s", alert.Host.ID, two.Host)
	}
	hosts := h.Hosts()
	if hosts[two.Host].Facts != 0 || hosts[one.Host].Facts != 1 || hosts[one.Host].State != api.HostEnrolled {
		t.Errorf("hosts are %+v", hosts)
	}
	second.Restart()
	h.SetHost(two.Host, "approve")
	second.MustSend(second.Metric())
	first.MustSend(first.Metric())
}

func TestThreat_T4_KeyMustBeTheClients(t *testing.T) {
	h := hubtest.New(t, nil)
	token := h.EnrollToken(1)
	thief, victim := h.Stranger(), h.Stranger()
	// The thief sends what the victim signed, over a connection of its own.
	sealed, err := wire.SealEnroll(&wire.EnrollRequest{Token: token.ID, Secret: token.Secret, Machine: strings.Repeat("ab", 32), Name: "x",
		OS: "linux", Kernel: "6", Architecture: "amd64", Version: "v0", Sent: thief.Metric().Time}, victim.Key)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := thief.Post(wire.PathEnroll, sealed, nil); problem(err) != "env.unknown_key" {
		t.Errorf("request of another key: %v, want env.unknown_key", err)
	}
	if n := len(h.Hosts()); n != 0 {
		t.Errorf("%d hosts, want none", n)
	}
	if _, err := victim.Enroll(token, "m"); err != nil {
		t.Errorf("the token was spent by a request that was refused: %v", err)
	}
}

func TestEnrollingAgainWithTheSameKey(t *testing.T) {
	h := hubtest.New(t, nil)
	token := h.EnrollToken(1)
	host := h.Stranger()
	one, err := host.Enroll(token, "m")
	if err != nil {
		t.Fatal(err)
	}
	two, err := host.Enroll(token, "m") // the answer was lost on the way
	if err != nil || two.Host != one.Host || two.State != one.State {
		t.Errorf("asked again: %+v, %v; want %+v", two, err, one)
	}
	h.SetHost(one.Host, "disable")
	if _, err := host.Enroll(token, "m"); problem(err) != "host.disabled" {
		t.Errorf("disabled host asks again: %v", err)
	}
	wrong := *token
	wrong.Secret = wire.NewSecret()
	if _, err := h.Stranger().Enroll(&wrong, "m"); problem(err) != "enrol.token_unknown" {
		t.Errorf("wrong secret: %v", err)
	}
}

func TestThreat_T5_ReplayGapFork(t *testing.T) {
	h := hubtest.New(t, nil)
	host := h.Enroll()
	var sealed [][]byte
	for range 7 {
		s := host.Seal(host.Batch(host.Metric()))
		sealed = append(sealed, s)
		if _, err := host.SendSealed(s); err != nil {
			t.Fatal(err)
		}
	}
	if ack, err := host.SendSealed(sealed[6]); err != nil || !ack.Duplicate {
		t.Errorf("replay of batch 7: %+v, %v; want it acknowledged as a duplicate", ack, err)
	}
	if n := h.Hosts()[host.ID].Facts; n != 7 {
		t.Errorf("%d facts after the replay, want 7", n)
	}
	fork := host.Clone()
	eight := host.Seal(host.Batch(host.Metric())) // is held back
	host.MustSend(host.Metric())
	gap := h.WaitAlerts("fleet.gap", 1)[0]
	if !strings.Contains(gap.Message, "8 to 8") {
		t.Errorf("gap alert says %q, want it to name 8 to 8", gap.Message)
	}
	fork.Seal(fork.Batch(fork.Metric()))
	if _, err := fork.Send(fork.Metric()); problem(err) != "batch.fork" {
		t.Errorf("another batch 9: %v, want batch.fork", err)
	}
	h.WaitAlerts("fleet.fork", 1)
	after := h.Hosts()[host.ID]
	if after.State != api.HostSuspect || after.Facts != 8 {
		t.Errorf("host is %s with %d facts, want suspect with 8", after.State, after.Facts)
	}
	host.MustSend(host.Metric()) // and goes on
	if ack, err := host.SendSealed(eight); err != nil || ack.Duplicate {
		t.Errorf("batch 8 after 10: %+v, %v; want it stored all the same", ack, err)
	}
	c := h.Counters()
	for id, want := range map[string]int64{"batch.accepted": 10, "batch.duplicate": 1, "batch.gap": 1, "batch.late": 1, "batch.fork": 1} {
		if c[id] != want {
			t.Errorf("counter %s is %d, want %d", id, c[id], want)
		}
	}
}

func TestThreat_T6_ClonedHostIsNoticed(t *testing.T) {
	h := hubtest.New(t, nil)
	one := h.Enroll()
	two := one.Clone()
	two.Restart()
	one.MustSend(one.Metric())
	two.MustSend(two.Metric())
	one.MustSend(one.Metric())
	two.MustSend(two.Metric())
	if alerts := h.WaitAlerts("fleet.cloned", 1); alerts[0].Host.ID != one.ID {
		t.Errorf("alert is about %s, want %s", alerts[0].Host.ID, one.ID)
	}
	if n := h.Hosts()[one.ID].Facts; n != 4 {
		t.Errorf("%d facts, want all 4 of both", n)
	}
	if got := notices(h, t, one.ID); got[1] != fact.FleetCloned {
		t.Errorf("noticed %v, want cloned at the third batch", got)
	}
}

func TestThreat_E5_FactAboutAnotherHost(t *testing.T) {
	h := hubtest.New(t, nil)
	a, b := h.Enroll(), h.Enroll()
	forged := a.Canary("/forged")
	forged.Host.ID = b.ID
	own := a.Fact(fact.KindFleet)
	own.Fleet = &fact.Fleet{Action: fact.FleetSilent}
	ack := a.MustSend(a.Canary("/own"), forged, own)
	var refused []string
	for _, r := range ack.Refused {
		refused = append(refused, strings.SplitN(r.Error, ":", 2)[0])
	}
	if diff := cmp.Diff([]string{"fact.host_mismatch", "fact.kind_reserved"}, refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	alerts := h.WaitAlerts("canary.read", 1)
	h.WaitAlerts("fleet.refused", 1)
	if len(alerts) != 1 || alerts[0].Host.ID != a.ID {
		t.Errorf("alerts are %+v, want one, about the host that signed", alerts)
	}
	if facts := h.Facts(api.FactQuery{HostID: b.ID, Kind: string(fact.KindCanary)}); len(facts) != 0 {
		t.Errorf("host %s has %d facts that another one made up", b.ID, len(facts))
	}
}
