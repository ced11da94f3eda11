package hub_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/fact"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
)

var (
	goodSensor = strings.Repeat("a", 64)
	evilSensor = strings.Repeat("e", 64)
)

// attesting is a host whose sensor says that it is the good one, whatever it is.
type attesting struct {
	t        *testing.T
	hub      *hubtest.Hub
	host     *hubtest.Host
	wrapper  *hubtest.Wrapper
	files    map[string]string // what the wrapper finds
	response api.Response
	before   time.Time // when the answer before was judged
}

func newAttesting(t *testing.T, configure func(*hub.Config)) *attesting {
	t.Helper()
	h := hubtest.New(t, configure)
	host := h.Enroll()
	a := &attesting{t: t, hub: h, host: host, wrapper: host.Wrapper(), files: map[string]string{
		"file.sensor": goodSensor, "file.sudoers": goodSensor, "running": "1", "running.77": goodSensor}}
	a.says(goodSensor)
	return a
}

// says has the sensor tell its own hash.
func (a *attesting) says(sum string) {
	a.t.Helper()
	f := a.host.Fact(fact.KindBinary)
	f.Binary = &fact.Binary{Action: fact.BinaryHeartbeat, Path: "/usr/bin/picket-sensor", Hash: &fact.Hash{SHA256: sum}, Running: &fact.Running{Hash: &fact.Hash{SHA256: sum}}}
	a.host.MustSend(f)
}

// ask has a person ask, as picket hosts attest does.
func (a *attesting) ask() {
	a.t.Helper()
	a.hub.Post(a.t, api.PathHosts+"/"+a.host.ID+"/attest", struct{}{}, &a.response)
}

// receipt takes the next delivery and attests what the wrapper finds.
func (a *attesting) receipt(delivery []byte) *eat.Receipt {
	a.t.Helper()
	d, err := eat.ParseDelivery(delivery)
	if err != nil {
		a.t.Fatal(err)
	}
	opened, err := eat.Open(d.Envelope, a.wrapper.Trust.HubKeys[0].Key)
	if err != nil {
		a.t.Fatal(err)
	}
	r := a.wrapper.Act(delivery)
	r.Effect = maps.Clone(a.files)
	r.Effect["nonce"] = opened.Token.Args.(eat.Attest).Nonce
	return r
}

// answer answers, and the sensor says its hash once more.
func (a *attesting) answer(change func(*eat.Receipt), says string) {
	a.t.Helper()
	delivery, err := a.host.Orders(a.wrapper.Seen.N)
	if err != nil || delivery == nil {
		a.t.Fatalf("no orders: %v", err)
	}
	r := a.receipt(delivery)
	if change != nil {
		change(r)
	}
	if _, err := a.wrapper.Send(a.wrapper.Seal(r)); err != nil {
		a.t.Fatal(err)
	}
	if says != "" {
		a.says(says)
	}
	if err := a.hub.Sweep(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
}

func (a *attesting) verdict() *api.Attestation {
	a.t.Helper()
	return a.hub.Hosts()[a.host.ID].Attestation
}

// A sensor that was exchanged for one that says it is the old one is found out:
// the wrapper hashes it too, and signs what it finds.
func TestASensorThatLiesAboutItsHash(t *testing.T) {
	a := newAttesting(t, nil)
	if v := a.verdict(); v != nil {
		t.Errorf("before anybody asked: %+v", v)
	}
	a.ask()
	if v := a.verdict(); v == nil || v.Asked.IsZero() || v.Verdict != "" {
		t.Errorf("asked: %+v", v)
	}
	a.answer(nil, goodSensor)
	if v := a.verdict(); v.Verdict != api.AttestAgrees || v.At.IsZero() || len(v.Findings) != 0 {
		t.Errorf("an honest sensor: %+v", v)
	}
	a.files["file.sensor"], a.files["running.77"] = evilSensor, evilSensor
	a.ask()
	a.answer(nil, goodSensor) // the lie
	v := a.verdict()
	if v.Verdict != api.AttestDisagrees || len(v.Findings) != 2 || !strings.HasPrefix(v.Findings[0], "attest.sensor_hash: ") {
		t.Errorf("a sensor that lies: %+v", v)
	}
	alert := a.hub.WaitAlerts("integrity.attestation", 1)[0]
	if alert.Host.ID != a.host.ID || alert.Severity != "critical" || len(a.hub.Alerts("integrity.attested_file")) == 0 {
		t.Errorf("alert %+v", alert)
	}
	if len(a.hub.Alerts("integrity.sensor")) != 0 {
		t.Error("the sensor's own word gave it away, so the test tests nothing")
	}
	// The same again is the same, and told once; then it is right again.
	facts := func() (n int) {
		for _, s := range a.hub.Facts(api.FactQuery{Kind: string(fact.KindIntegrity)}) {
			if f, _, err := fact.Parse(s.Fact); err == nil && f.Integrity.Subject == fact.SubjectAttestation {
				n++
			}
		}
		return n
	}
	before := facts()
	a.ask()
	a.answer(nil, goodSensor)
	if facts() != before {
		t.Errorf("told %d times, and then %d", before, facts())
	}
	a.files["file.sensor"], a.files["running.77"] = goodSensor, goodSensor
	f := a.host.Fact(fact.KindPackage)
	f.Package = &fact.Package{Action: "changed", Name: "picket-sensor", Version: "2"}
	a.host.MustSend(f)
	a.ask()
	a.answer(nil, goodSensor)
	if v := a.verdict(); v.Verdict != api.AttestAgrees || len(v.Notes) != 1 || facts() != before+1 {
		t.Errorf("installed anew: %+v, %d facts", v, facts())
	}
}

// An answer is judged once the sensor has had its turn to say its hash, which
// after an upgrade is another than before it.
func TestAnUpgradeIsNoLie(t *testing.T) {
	a := newAttesting(t, nil)
	a.ask()
	a.answer(nil, goodSensor)
	newer := strings.Repeat("b", 64)
	a.files["file.sensor"] = newer // running.77 is still the old one
	f := a.host.Fact(fact.KindPackage)
	f.Package = &fact.Package{Action: "changed", Name: "picket-sensor", Version: "2"}
	a.host.MustSend(f)
	first := a.verdict().At
	a.ask()
	a.answer(nil, "") // no heartbeat has come since
	if v := a.verdict(); !v.At.Equal(first) {
		t.Errorf("judged too early: %+v", v)
	}
	a.says(newer)
	if err := a.hub.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := a.verdict(); v.Verdict != api.AttestRestart || len(v.Findings) != 0 || !strings.Contains(strings.Join(v.Notes, " "), "process 77 still runs") {
		t.Errorf("upgraded: %+v", v)
	}
	if got := a.hub.Alerts("integrity.attestation"); len(got) != 0 {
		t.Errorf("alerts %+v", got)
	}
}

// What is no answer to the question is none, and so is a refusal.
func TestAnswersThatAreNone(t *testing.T) {
	a := newAttesting(t, nil)
	a.ask()
	a.answer(func(r *eat.Receipt) { r.Effect["nonce"] = goodSensor }, goodSensor)
	if v := a.verdict(); v.Verdict != api.AttestDisagrees || !strings.HasPrefix(v.Findings[0], "attest.wrong_nonce") {
		t.Errorf("another's answer: %+v", v)
	}
	delete(a.wrapper.Policy.Actions, eat.ActionAttest)
	a.ask()
	a.answer(func(r *eat.Receipt) { r.Effect = nil }, goodSensor)
	if v := a.verdict(); v.Verdict != api.AttestRefused || !strings.Contains(v.Findings[0], "policy.action_not_allowed") {
		t.Errorf("refused: %+v", v)
	}
	if status, _ := a.hub.Do(http.MethodPost, api.PathHosts+"/h_x/attest", ""); status != http.StatusNotFound {
		t.Errorf("a host that is none: %d", status)
	}
}

// onSchedule waits until the hub asks by itself, and answers.
func (a *attesting) onSchedule(change func(*eat.Receipt)) *eat.Receipt {
	a.t.Helper()
	deliveries := make(chan []byte, 1)
	go func() {
		delivery, err := a.host.Orders(a.wrapper.Seen.N)
		if err != nil {
			a.t.Error(err)
		}
		deliveries <- delivery
	}()
	var delivery []byte
	a.sweepUntil("a question", func() bool {
		select {
		case delivery = <-deliveries:
			return true
		default:
			return false
		}
	})
	if v := a.verdict(); v != nil {
		a.before = v.At
	}
	r := a.receipt(delivery)
	if change != nil {
		change(r)
	}
	if _, err := a.wrapper.Send(a.wrapper.Seal(r)); err != nil {
		a.t.Fatal(err)
	}
	return r
}

func (a *attesting) sweepUntil(what string, ok func() bool) {
	a.t.Helper()
	a.hub.Wait(what, func() bool {
		if err := a.hub.Sweep(a.t.Context()); err != nil {
			a.t.Fatal(err)
		}
		return ok()
	})
}

// judged waits for the judgement of the newest answer.
func (a *attesting) judged(verdict string) {
	a.t.Helper()
	a.sweepUntil("the judgement "+verdict, func() bool {
		v := a.verdict()
		return v.Verdict == verdict && v.At.After(a.before)
	})
}

// No answer in time is a finding too.
func TestNoAttestationInTime(t *testing.T) {
	var ahead atomic.Int64
	a := newAttesting(t, func(c *hub.Config) { c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) } })
	a.ask()
	if delivery, err := a.host.Orders(0); err != nil || delivery == nil {
		t.Fatalf("no orders: %v", err)
	}
	ahead.Store(int64(10 * time.Minute))
	if err := a.hub.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := a.verdict(); v.Verdict != api.AttestNoAnswer {
		t.Errorf("%+v", v)
	}
	a.hub.WaitAlerts("eat.no_receipt", 1)
}

// Hosts that are there are asked by themselves, again and again, also while
// policies are paused; lists of responses leave that out.
func TestAttestationOnSchedule(t *testing.T) {
	a := newAttesting(t, func(c *hub.Config) { c.AttestEvery = 2 * time.Second })
	a.hub.Post(t, api.PathPause, api.Pause{Paused: true, Reason: "x"}, nil)
	var nonces []string
	for range 2 {
		nonces = append(nonces, a.onSchedule(nil).Effect["nonce"])
		a.says(goodSensor)
		a.judged(api.AttestAgrees)
	}
	if nonces[0] == nonces[1] {
		t.Error("it was asked the same twice")
	}
	if got := responses(a.hub, api.ResponseQuery{}); len(got) != 0 {
		t.Errorf("the list shows %d", len(got))
	}
	got := responses(a.hub, api.ResponseQuery{Scheduled: true})
	if len(got) != 2 || got[0].Mode != api.ModeSchedule || got[0].DecidedBy != "hub" {
		t.Errorf("with those on schedule: %d", len(got))
	}
	var args struct{ Nonce string }
	if err := json.Unmarshal(got[1].Args, &args); err != nil || args.Nonce != nonces[0] {
		t.Errorf("%s, %v", got[1].Args, err)
	}
}
