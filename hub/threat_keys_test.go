package hub_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/dossier"
	"picket.internal/eat"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
	"picket.internal/hub/internal/fault"
	"picket.internal/wire"
)

// rotating is a hub whose keys are changed, with one host that takes orders.
type rotating struct {
	*hubtest.Hub
	t    *testing.T
	host *hubtest.Host
	w    *hubtest.Wrapper
}

func newRotating(t *testing.T, configure func(*hub.Config)) *rotating {
	t.Helper()
	h := hubtest.New(t, configure)
	host := h.Enroll()
	return &rotating{h, t, host, host.Wrapper()}
}

// step is a change of a key, which must be made, and another start of the hub.
func (r *rotating) step(k hub.Key, err error) string {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	r.Restart()
	return k.ID
}

func (r *rotating) add(role string) string { return r.step(hub.AddKey(r.Dir, role, 0)) }
func (r *rotating) use(role string, force bool) string {
	return r.step(hub.UseKey(r.t.Context(), r.Dir, role, force))
}

// noop has the host act, and returns the receipt with the ids of who signed.
func (r *rotating) noop() (*eat.Receipt, []string) {
	r.t.Helper()
	var one api.Response
	r.Post(r.t, api.PathResponses, api.IssueRequest{Host: r.host.ID, Action: eat.ActionNoop, Args: []byte("{}"), Reason: "a test"}, &one)
	got, err := r.w.Next()
	if err != nil {
		r.t.Fatal(err)
	}
	one = hubtest.Get[api.Response](r.Hub, api.PathResponses+"/"+one.ID)[0]
	var env struct{ Signatures []struct{ KeyID string } }
	if err := json.Unmarshal(one.Token.Envelope, &env); err != nil {
		r.t.Fatal(err)
	}
	var signed []string
	for _, s := range env.Signatures {
		signed = append(signed, s.KeyID)
	}
	return got, signed
}

func (r *rotating) done(what, key string) {
	r.t.Helper()
	if got, signed := r.noop(); got.Outcome != eat.OutcomeDone || len(signed) != 1 || signed[0] != key {
		r.t.Errorf("%s: %+v, signed by %v; want it done, and signed by %s", what, got, signed, key)
	}
}

// attests has the host's wrapper tell the trust store that root has put there.
func (r *rotating) attests() {
	r.t.Helper()
	r.Post(r.t, api.PathHosts+"/"+r.host.ID+"/attest", struct{}{}, nil)
	if _, err := r.w.Next(); err != nil {
		r.t.Fatal(err)
	}
	if err := r.Sweep(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func lockedOut(t *testing.T, what string, err error, says string) {
	t.Helper()
	if !errors.Is(err, fault.KeyLocksOut) || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %v, want %v with %q", what, err, fault.KeyLocksOut, says)
	}
}

// TestThreat_H11_KeysAreChangedWithoutAGap changes the key for tokens and the
// key of the log while a host takes orders, which it never stops to do.
func TestThreat_H11_KeysAreChangedWithoutAGap(t *testing.T) {
	dir := t.TempDir()
	writeRule(t, dir, "test.yaml", suspend)
	r := newRotating(t, func(c *hub.Config) { c.Policies = dir })
	old := r.w.Trust
	first := old.HubKeys[0].Key.ID()
	r.host.MustSend(touched(r.host, 4211))
	if got, err := r.w.Next(); err != nil || got.Outcome != eat.OutcomeDone {
		t.Fatalf("%+v, %v", got, err)
	}
	alert := r.WaitAlerts("canary.read", 1)[0]
	r.done("before", first)
	second := r.add("token")
	both := r.Trust()
	if len(both.HubKeys) != 2 || both.HubKeys[0] != old.HubKeys[0] || both.HubKeys[1].Key.ID() != second {
		t.Fatalf("hosts are asked to believe %+v", both.HubKeys)
	}
	r.done("a host with the old trust store", first)

	_, err := hub.UseKey(t.Context(), r.Dir, "token", false)
	lockedOut(t, "no host has told that it knows the key", err, r.Hosts()[r.host.ID].Name)
	r.w.Trust = both
	r.attests()
	r.use("token", false)
	r.done("a host with both", second)

	r.add("log")
	r.use("log", false)
	newLog := r.Trust()
	if newLog.Log == old.Log {
		t.Fatal("the key of the log that is published is still the old one")
	}
	note := []byte(hubtest.Get[api.Checkpoint](r.Hub, api.PathCheckpoint)[0].Note)
	for _, vkey := range []string{old.Log, newLog.Log} {
		if _, err := eat.OpenCheckpoint(note, vkey); err != nil {
			t.Errorf("a host with %s: %v", vkey, err)
		}
	}
	r.done("a host with the old key of the log", second)
	_, err = hub.RetireKey(t.Context(), r.Dir, "log", "", false, false)
	lockedOut(t, "no host has told that it knows the key of the log", err, "have not attested")
	r.w.Trust = newLog
	r.attests()
	r.step(hub.RetireKey(t.Context(), r.Dir, "log", "", false, false))
	r.done("a host with the new key of the log", second)
	if _, err := eat.OpenCheckpoint([]byte(hubtest.Get[api.Checkpoint](r.Hub, api.PathCheckpoint)[0].Note), old.Log); !errors.Is(err, eat.ErrBadCheckpoint) {
		t.Errorf("the old key of the log signs still: %v", err)
	}

	// What was exported before and what is exported now are checked by the trust
	// store that was published in between: it has both keys for tokens.
	verified := func(what string, trust *eat.TrustStore, want string) {
		t.Helper()
		claims := dossier.Check(parsed(t, export(t, r.Hub, alert.ID)), dossier.Keys{Trust: trust})
		if got := verdictsOf(claims); got["log"] != dossier.OK || got["log seen"] != dossier.OK || got["receipt"] != dossier.OK || got["token"] != want {
			t.Errorf("%s: %v", what, claims)
		}
	}
	verified("a token of the old key", newLog, dossier.OK)

	r.step(hub.RetireKey(t.Context(), r.Dir, "token", first, true, false))
	last := r.Trust()
	revoked := *newLog
	revoked.Revoked = last.Revoked
	verified("a token of a key that was stolen", &revoked, dossier.NotShown)
	if len(last.HubKeys) != 1 || last.HubKeys[0].Key.ID() != second || len(last.Revoked) != 1 || last.Revoked[0] != first {
		t.Errorf("hosts are asked to believe %+v, and not %v", last.HubKeys, last.Revoked)
	}
	r.w.Trust = last
	r.done("a host that knows of the theft", second)
	// in_use, old and revoked of the first; next and in_use of the second.
	for id, want := range map[string]int{first: 3, second: 2} {
		if n := logged(r.Hub, "hub.key/"+id); n != want {
			t.Errorf("%d records of the key %s, want %d", n, id, want)
		}
	}
	r.Restart()
	if n := logged(r.Hub, "hub.key/"+first); n != 3 {
		t.Errorf("another start made a record: %d", n)
	}
	if alerts := append(r.Alerts("fleet.log_fork"), r.Alerts("fleet.log_rollback")...); len(alerts) > 0 {
		t.Errorf("a host that has seen what the old key signed is taken for a fork: %+v", alerts)
	}
	checkHub(t, r.Hub) // also the checkpoints that only the old key has signed
}

// A key for tokens that hosts believe no longer signs nothing, and people are
// told before.
func TestThreat_H11_AnExpiredKeySignsNothing(t *testing.T) {
	clock := newClock()
	dir := t.TempDir()
	writeRule(t, dir, "test.yaml", suspend)
	r := newRotating(t, func(c *hub.Config) { c.Now, c.Policies = clock.Now, dir })
	end := r.w.Trust.HubKeys[0].NotAfter
	clock.Add(time.Until(end) - 31*24*time.Hour)
	sweep := func() {
		t.Helper()
		if err := r.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	if n := logged(r.Hub, "hub.key_ends_near"); n != 0 {
		t.Errorf("told %d times a month too early", n)
	}
	clock.Add(2 * 24 * time.Hour)
	sweep()
	sweep()
	r.WaitAlerts("fleet.key_ends", 1)
	if n := logged(r.Hub, "hub.key_ends_near"); n != 1 || !strings.Contains(r.Log.String(), "the key for tokens ends") {
		t.Errorf("told %d times, want once, and in the hub's log", n)
	}
	clock.Add(30 * 24 * time.Hour)
	sweep()
	if alerts := r.WaitAlerts("fleet.key_ends", 2); !strings.Contains(alerts[0].Message, "eat.key_expired") {
		t.Errorf("the alert says %q", alerts[0].Message)
	}
	if status, answer := r.Do(http.MethodPost, api.PathResponses, `{"host":"`+r.host.ID+`","action":"noop","args":{},"reason":"x"}`); status != http.StatusConflict ||
		!strings.Contains(answer, "eat.key_expired") || !strings.Contains(answer, "picket-hub keys add token") {
		t.Errorf("a person's order: %d %s", status, answer)
	}
	r.host.MustSend(touched(r.host, 4211))
	one := awaitStates(t, r.Hub, api.ResponseWaiting)[0]
	if status, answer := r.Do(http.MethodPost, api.PathResponses+"/"+one.ID+"/prepare", "{}"); status != http.StatusConflict || !strings.Contains(answer, "eat.key_expired") {
		t.Errorf("a token to be signed: %d %s", status, answer)
	}
}

// What an old key for evidence has closed it opens until nothing is left of it.
func TestAnOldKeyForEvidenceOpensWhatItClosed(t *testing.T) {
	g := newGathered(t, 1000)
	g.sendReceipt()
	g.taken(0)
	if _, err := hub.AddKey(g.hub.Dir, "evidence", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := hub.UseKey(t.Context(), g.hub.Dir, "evidence", false); err != nil {
		t.Fatal(err)
	}
	before := g.hub.Trust().EvidenceKey
	g.hub.Restart()
	if string(g.hub.Trust().EvidenceKey) == string(before) {
		t.Error("hosts are asked to seal to the old key still")
	}
	if status, text := g.read(); status != http.StatusOK || len(text) != 1000 {
		t.Errorf("what was sealed to the old key: %d, %d bytes", status, len(text))
	}
	_, err := hub.RetireKey(t.Context(), g.hub.Dir, "evidence", "", false, false)
	lockedOut(t, "a bundle is sealed to it", err, "1 bundles of evidence")
	if _, err := hub.RetireKey(t.Context(), g.hub.Dir, "evidence", "", false, true); err != nil {
		t.Fatal(err)
	}
	g.hub.Restart()
	if status, _ := g.read(); status == http.StatusOK {
		t.Error("the key is gone, and the evidence is read")
	}
}

// Hosts know the next TLS key since they enrolled. The one after it they do not.
func TestThreat_T9_TheTLSKeyIsChanged(t *testing.T) {
	h := hubtest.New(t, nil)
	host := h.Stranger()
	token := h.EnrollToken(1)
	reply, err := host.Enroll(token, "m")
	if err != nil {
		t.Fatal(err)
	}
	host.ID = reply.Host
	pins := reply.Pins
	use := func(force bool) error {
		_, err := hub.UseKey(t.Context(), h.Dir, "tls", force)
		return err
	}
	if err := use(false); err != nil {
		t.Fatal(err)
	}
	h.Restart()
	if now := h.Pins(); now[0] != pins[1] || now[1] == pins[0] {
		t.Fatalf("the pins were %v, and are %v", pins, now)
	}
	if _, err := host.Send(host.Metric()); err != nil { // over a connection that pins the keys of before
		t.Errorf("a host that has enrolled before: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(h.Dir, "profile.json"))
	if err != nil {
		t.Fatal(err)
	}
	access, err := wire.ParseAccessToken(strings.Split(string(text), `"`)[3])
	if err != nil || len(access.Pins) != 2 || access.Pins[0] != h.Pins()[0] || access.Pins[1] != h.Pins()[1] {
		t.Errorf("the profile pins %v, %v", access.Pins, err)
	}
	lockedOut(t, "a host that knows no key after that", use(false), "enrolled before")
	if _, err := host.Enroll(h.EnrollToken(1), "m"); err != nil { // its identity was taken away, its key was not
		t.Fatal(err)
	}
	if err := use(false); err != nil {
		t.Errorf("after it has enrolled again: %v", err)
	}
	if err := use(true); err != nil {
		t.Errorf("by force: %v", err)
	}
}
