package hub_test

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/fact"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
	"picket.internal/wire"
)

const catHash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// touched is a canary that a process read which can be named exactly.
func touched(h *hubtest.Host, pid int64) *fact.Fact {
	f := h.Canary("/root/.aws/credentials")
	f.Process.PID, f.Process.StartTicks, f.Process.Hash = pid, 4711, &fact.Hash{SHA256: catHash}
	return f
}

// withPolicies is a hub with one policy file.
func withPolicies(t *testing.T, text string) *hubtest.Hub {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "test.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return hubtest.New(t, func(c *hub.Config) { c.Policies = dir })
}

func responses(h *hubtest.Hub, q api.ResponseQuery) []api.Response {
	q.Limit = api.MaxLimit
	return hubtest.Get[api.Response](h, api.PathResponses+"?"+q.Values().Encode())
}

// awaitStates waits until there are responses in just these states, sorted.
func awaitStates(t *testing.T, h *hubtest.Hub, want ...string) []api.Response {
	t.Helper()
	var all []api.Response
	var got []string
	slices.Sort(want)
	h.Wait("responses "+strings.Join(want, " "), func() bool {
		all, got = responses(h, api.ResponseQuery{}), nil
		for _, r := range all {
			got = append(got, r.State)
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	})
	return all
}

const suspend = `name: suspend
title: Suspend what touches a canary
on: {rules: [canary.read]}
mode: auto
actions: [{action: suspend_process, lifetime: 10m}]
`

// From a touched canary to a receipt in the alert: the token names the process
// of the fact, a real verifier takes it, and the alert shows what became of it.
func TestAnAlertLeadsToATokenAndAReceipt(t *testing.T) {
	h := withPolicies(t, suspend)
	host := h.Enroll()
	w := host.Wrapper()
	host.MustSend(touched(host, 4211))
	r, err := w.Next() // the host connects after the alert, and is served at once
	if err != nil {
		t.Fatal(err)
	}
	if r.Outcome != eat.OutcomeDone {
		t.Fatalf("the wrapper says %s %s", r.Outcome, r.Refusal)
	}
	one := awaitStates(t, h, api.ResponseDone)[0]
	alert := h.WaitAlerts("canary.read", 1)[0]
	alert = hubtest.Get[api.Alert](h, api.PathAlerts+"/"+alert.ID)[0]
	if len(alert.Responses) != 1 || alert.Responses[0].ID != one.ID || len(one.Receipts) != 1 || one.Receipts[0].Outcome != "done" || one.Token == nil {
		t.Fatalf("the alert shows %+v", alert.Responses)
	}
	opened, err := eat.Open(one.Token.Envelope, h.Trust().HubKeys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	want := eat.SuspendProcess{Process: eat.Process{PID: 4211, StartTicks: 4711, SHA256: catHash}, Lifetime: 600}
	if opened.Token.Args != want || opened.Token.Policy != "suspend" || !strings.HasPrefix(opened.Token.Reason, "alert "+alert.ID+": ") {
		t.Errorf("the token is %+v", opened.Token)
	}
	// The receipt is a fact that rules and people see, and the receipt itself verifies.
	if _, _, err := eat.OpenReceipt(one.Receipts[0].Envelope, w.Key.Public()); err != nil {
		t.Error(err)
	}
	facts := h.Facts(api.FactQuery{Kind: "receipt", Limit: 10})
	if len(facts) != 1 || !strings.Contains(string(facts[0].Fact), `"action":"done"`) || !strings.Contains(string(facts[0].Fact), alert.ID) {
		t.Errorf("receipt facts: %v", facts)
	}
	checkHub(t, h)
}

// A canary's reader may be told before its program is hashed, and the hash
// follows with the fact that the process began: the token names it.
func TestAHashThatFollowsIsWaitedFor(t *testing.T) {
	h := withPolicies(t, suspend)
	host := h.Enroll()
	w := host.Wrapper()
	early := touched(host, 4212)
	early.Process.Hash, early.Process.HashStatus, early.Process.EntityID = nil, fact.HashDeferred, "e1"
	host.MustSend(early)
	other, late := host.Fact(fact.KindProcess), host.Fact(fact.KindProcess)
	for f, id := range map[*fact.Fact]string{other: "e0", late: "e1"} {
		p := *early.Process
		p.Action, p.EntityID, p.HashStatus = fact.ProcessStart, id, fact.HashOK
		p.Hash = &fact.Hash{SHA256: strings.Repeat(id[1:], 64)}
		f.Process = &p
	}
	host.MustSend(other)
	host.MustSend(late)
	r, err := w.Next()
	if err != nil || r.Outcome != eat.OutcomeDone {
		t.Fatalf("the wrapper says %+v, %v", r, err)
	}
	one := awaitStates(t, h, api.ResponseDone)[0]
	opened, err := eat.Open(one.Token.Envelope, h.Trust().HubKeys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	want := eat.SuspendProcess{Process: eat.Process{PID: 4212, StartTicks: 4711, SHA256: strings.Repeat("1", 64)}, Lifetime: 600}
	if opened.Token.Args != want {
		t.Errorf("the token is about %+v, want %+v", opened.Token.Args, want)
	}
}

// checkHub verifies everything that the hub has stored.
func checkHub(t *testing.T, h *hubtest.Hub) {
	t.Helper()
	h.Stop()
	report, err := hub.Check(t.Context(), h.Dir, slog.New(slog.DiscardHandler))
	if err != nil || len(report.Faults) > 0 {
		t.Errorf("check: %+v, %v", report, err)
	}
}

// A connected host gets its token at once, and one that asks twice ends its own
// first question.
func TestOrdersAreALongPoll(t *testing.T) {
	h := withPolicies(t, suspend)
	host := h.Enroll()
	w := host.Wrapper()
	type answer struct {
		delivery []byte
		err      error
	}
	answers := make(chan answer, 2)
	for range 2 {
		go func() {
			d, err := host.Orders(0)
			answers <- answer{d, err}
		}()
	}
	// Whichever came second has ended the other.
	if older := <-answers; older.delivery != nil || older.err != nil {
		t.Errorf("the older question ended with %d bytes, %v", len(older.delivery), older.err)
	}
	host.MustSend(touched(host, 4212))
	a := <-answers
	if a.err != nil || a.delivery == nil {
		t.Fatalf("the newer one ended with %v", a.err)
	}
	if r := w.Act(a.delivery); r.Outcome != eat.OutcomeDone {
		t.Errorf("%s %s", r.Outcome, r.Refusal)
	}
}

// TestThreat_E6_AStormIsContainedAtThreeHosts has 50 hosts trip one rule within
// a minute. One host that the policy never acts on is among them.
func TestThreat_E6_AStormIsContainedAtThreeHosts(t *testing.T) {
	h := withPolicies(t, `name: storm
title: Isolate what touches a canary
on: {rules: [canary.read]}
mode: auto
limits: {hosts_per_hour: 3, never: {labels: [role=db]}}
actions: [{action: isolate_network, lifetime: 10m}]
`)
	var hosts []*hubtest.Host
	for range 51 {
		hosts = append(hosts, h.Enroll())
	}
	tagged := hosts[0]
	h.Post(t, api.PathHosts+"/"+tagged.ID+"/set", api.HostSetting{Labels: []string{"role=db"}}, nil)
	for i, host := range hosts {
		host.MustSend(touched(host, int64(5000+i)))
	}
	var all []api.Response
	h.Wait("51 responses", func() bool { all = responses(h, api.ResponseQuery{}); return len(all) == 51 })
	count := map[string]int{}
	for _, r := range all {
		why, _, _ := strings.Cut(r.Why, ":")
		if r.State == api.ResponseQueued {
			why = "" // its host asks below
		}
		count[r.State+" "+why]++
		if r.Host.ID == tagged.ID && r.State != api.ResponseWaiting {
			t.Errorf("the tagged host got %s", r.State)
		}
	}
	want := map[string]int{"queued ": 3, "waiting action.budget_exceeded": 47, "waiting action.never_here": 1}
	if fmt.Sprint(count) != fmt.Sprint(want) {
		t.Errorf("responses: %v, want %v", count, want)
	}
	issued := 0
	for _, r := range all {
		if r.State != api.ResponseQueued {
			continue
		}
		host := hosts[slices.IndexFunc(hosts, func(c *hubtest.Host) bool { return c.ID == r.Host.ID })]
		if d, err := host.Orders(0); err != nil || d == nil {
			t.Errorf("a host got no orders: %v", err)
		}
		issued++
	}
	if issued != 3 || h.Counters()["eat.issued"] != 3 || h.Counters()["action.budget_exceeded"] != 47 {
		t.Errorf("%d issued, counters %v", issued, h.Counters())
	}
}

// The stop for the whole fleet holds back what was decided and not yet fetched,
// needs no restart and outlives one. What a person decides goes on.
func TestPause(t *testing.T) {
	h := withPolicies(t, suspend)
	host := h.Enroll()
	host.Wrapper()
	host.MustSend(touched(host, 4211))
	awaitStates(t, h, api.ResponseQueued)
	h.Post(t, api.PathPause, api.Pause{Paused: true, Reason: "a false alarm"}, nil)
	h.Restart()
	host.MustSend(touched2(host, 4212))
	h.Wait("two responses", func() bool { return len(responses(h, api.ResponseQuery{})) == 2 })
	var id string
	h.Post(t, api.PathResponses, api.IssueRequest{Host: host.ID, Action: "noop", Args: []byte("{}"), Reason: "is the way open?"}, nil)
	d, err := host.Orders(0) // what a person asked for, and nothing else
	if err != nil {
		t.Fatal(err)
	}
	delivery, err := eat.ParseDelivery(d)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := eat.Open(delivery.Envelope, h.Trust().HubKeys[0].Key)
	if err != nil || opened.Token.Action() != "noop" {
		t.Fatalf("got %+v, %v", opened, err)
	}
	for _, r := range awaitStates(t, h, api.ResponseDelivered, api.ResponseWaiting, api.ResponseWaiting) {
		if r.State == api.ResponseWaiting {
			id = r.ID
			if r.Why != "action.paused: a false alarm" {
				t.Errorf("it waits because of %q", r.Why)
			}
		}
	}
	h.Post(t, api.PathResponses+"/"+id+"/approve", api.ApproveRequest{}, nil)
	awaitStates(t, h, api.ResponseDelivered, api.ResponseIssued, api.ResponseWaiting)
	h.Post(t, api.PathPause, api.Pause{}, nil)
	if p := hubtest.Get[api.Pause](h, api.PathPause)[0]; p.Paused {
		t.Error("it is paused still")
	}
}

// touched2 is another program, which the rule's suppression lets through.
func touched2(h *hubtest.Host, pid int64) *fact.Fact {
	f := touched(h, pid)
	f.Process.Executable = "/usr/bin/head"
	return f
}

// One incident leads to one action: further alerts belong to the response that
// is there.
func TestOneIncidentOneAction(t *testing.T) {
	h := withPolicies(t, strings.Replace(suspend, "{action: suspend_process, lifetime: 10m}", "{action: suspend_process}, {action: isolate_network}", 1))
	host := h.Enroll()
	host.MustSend(touched(host, 4211))
	host.MustSend(touched2(host, 4211))
	host.MustSend(func() *fact.Fact { f := touched(host, 4213); f.Process.Executable = "/usr/bin/tail"; return f }())
	h.WaitAlerts("canary.read", 3)
	h.Wait("the third alert to belong to the isolation", func() bool {
		for _, r := range responses(h, api.ResponseQuery{}) {
			if r.Action == "isolate_network" && len(r.Alerts) == 3 {
				return true
			}
		}
		return false
	})
	all := awaitStates(t, h, api.ResponseQueued, api.ResponseQueued, api.ResponseQueued)
	var got []string
	for _, r := range all {
		got = append(got, fmt.Sprint(r.Action, len(r.Alerts)))
	}
	slices.Sort(got)
	if want := "[isolate_network3 suspend_process1 suspend_process2]"; fmt.Sprint(got) != want {
		t.Errorf("responses %v, want %s", got, want)
	}
}

// What a rule on trial finds, what a policy only records, and what nobody can
// aim lead to no token.
func TestWhatLeadsToNoToken(t *testing.T) {
	h := withPolicies(t, `name: try
title: Suspend what touches a canary
on: {rules: [canary.read]}
mode: dry_run
actions: [{action: suspend_process, mode: auto}, {action: quarantine_file}]
`)
	host := h.Enroll()
	host.MustSend(touched(host, 4211))
	for _, r := range awaitStates(t, h, api.ResponseDryRun, api.ResponseFailed) {
		if r.Token != nil || r.State == api.ResponseFailed && !strings.Contains(r.Why, "file with a path") {
			t.Errorf("%+v", r)
		}
	}
	if d := h.Counters()["eat.issued"]; d != 0 {
		t.Errorf("%d tokens", d)
	}
}

const askTwo = `name: ask
title: Ask to isolate
on: {rules: [canary.read]}
mode: ask
actions: [{action: isolate_network, signatures: 2, lifetime: 10m}]
`

// TestThreat_W10_TheHubCannotSignForOperators goes the way of an approval with
// two signatures, and each way around it.
func TestThreat_W10_TheHubCannotSignForOperators(t *testing.T) {
	h := withPolicies(t, askTwo)
	alice, bob, mallory := hubtest.NewKey(t), hubtest.NewKey(t), hubtest.NewKey(t)
	for name, key := range map[string]envelope.PrivateKey{"alice": alice, "bob": bob} {
		h.Post(t, api.PathOperators, api.Operator{Name: name, Key: key.Public().String()}, nil)
	}
	host := h.Enroll()
	w := host.Wrapper()
	w.Policy.Open.Hub = append(w.Policy.Open.Hub, hubAddress)
	w.Policy.Actions["isolate_network"] = eat.ActionRule{Signatures: []eat.Signatures{{Need: 2}}}
	host.MustSend(touched(host, 4211))
	r := awaitStates(t, h, api.ResponseWaiting)[0]
	path := api.PathResponses + "/" + r.ID
	refused := func(what, want string, body string) {
		t.Helper()
		if status, text := h.Do(http.MethodPost, path+"/approve", body); status/100 != 4 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s, want %s", what, status, text, want)
		}
	}
	refused("a yes alone", "eat.signature_needed", "{}")
	poll := make(chan []byte, 1)
	go func() { d, _ := host.Orders(0); poll <- d }() // names its boot
	h.Wait("the boot to be known", func() bool {
		status, _ := h.Do(http.MethodPost, path+"/prepare", "")
		return status == http.StatusOK
	})
	h.Post(t, path+"/prepare", struct{}{}, &r)
	opened, err := eat.Open(r.Token.Envelope, h.Trust().HubKeys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	approve := func(key envelope.PrivateKey) api.ApproveRequest {
		s := opened.Approve(key)
		return api.ApproveRequest{Token: r.Token.ID, Key: s.Key.String(), Sig: s.Sig}
	}
	text := func(a api.ApproveRequest) string {
		return fmt.Sprintf(`{"token":%q,"key":%q,"sig":%q}`, a.Token, a.Key, base64.StdEncoding.EncodeToString(a.Sig))
	}
	refused("a stranger's signature", "no operator of this hub", text(approve(mallory)))
	forged := approve(alice)
	forged.Sig[0] ^= 1
	refused("a spoilt signature", "eat.bad_approval", text(forged))
	other := approve(alice)
	other.Token = "01K3Z9V6W4Q2N8T1XEJ5B7RMCD"
	refused("another token", "another token by now", text(other))
	h.Post(t, path+"/approve", approve(alice), &r)
	h.Post(t, path+"/approve", approve(alice), &r) // the same person twice is one
	if r.State != api.ResponseWaiting || r.Why != "1 of 2 operators have signed" || !slices.Equal(r.Token.SignedBy, []string{"alice"}) {
		t.Fatalf("after one signature: %s %q %v", r.State, r.Why, r.Token.SignedBy)
	}
	select {
	case <-poll:
		t.Error("a token that lacks a signature was delivered")
	default:
	}
	h.Post(t, path+"/approve", approve(bob), &r)
	if r.State != api.ResponseIssued && r.State != api.ResponseDelivered {
		t.Fatalf("after two signatures: %s %q", r.State, r.Why)
	}
	if _, err := eat.Open(r.Token.Envelope, bob.Public()); err != nil {
		t.Error(err)
	}
	if receipt := w.Act(<-poll); receipt.Outcome != eat.OutcomeDone {
		t.Errorf("a host that asks for two says %s %s", receipt.Outcome, receipt.Refusal)
	}
	// The hub alone: a person's yes at a hub that was told nothing of signatures.
	var alone api.Response
	h.Post(t, api.PathResponses, api.IssueRequest{Host: host.ID, Action: "isolate_network", Args: []byte(`{"lifetime":60}`), Reason: "at once"}, &alone)
	if receipt, err := w.Next(); err != nil || receipt.Refusal != eat.ErrThresholdNotMet.ID {
		t.Errorf("without operators: %+v, %v", receipt, err)
	}
	h.WaitAlerts("picket.token_refused", 1)
}

var hubAddress = netip.MustParseAddrPort("127.0.0.1:7443")

// TestThreat_W15_ReceiptsAreTheWrappers forges, drops, doubles and withholds
// receipts as somebody would who has the sensor's key.
func TestThreat_W15_ReceiptsAreTheWrappers(t *testing.T) {
	h := withPolicies(t, suspend)
	host := h.Enroll()
	w := host.Wrapper()
	host.MustSend(touched(host, 4211))
	delivery, err := host.Orders(0)
	if err != nil {
		t.Fatal(err)
	}
	good := w.Act(delivery)
	forger := *w
	forger.Key = host.Key // the sensor's
	if _, err := w.Send(forger.Seal(good)); wire.ErrorID(err) != "receipt.bad_signature" {
		t.Errorf("a receipt by the sensor's key: %v", err)
	}
	h.WaitAlerts("receipt.bad_signature", 1)
	awaitStates(t, h, api.ResponseDelivered)
	reply, err := w.Send(w.Seal(good))
	if err != nil || reply.Seq != 1 {
		t.Errorf("the wrapper's own: %+v, %v", reply, err)
	}
	awaitStates(t, h, api.ResponseDone)
	// Twice is once.
	w.Seq, w.Prev = 0, eat.FirstPrev
	again := *good
	again.Detail = "another of the same number"
	if _, err := w.Send(w.Seal(&again)); err != nil {
		t.Error(err)
	}
	h.WaitAlerts("receipt.broken_chain", 1)
	w.Seq = 7 // and six are withheld
	if reply, err := w.Send(w.Seal(good)); err != nil || reply.Seq != 8 {
		t.Errorf("after a gap: %+v, %v", reply, err)
	}
	h.Wait("the gap to be told", func() bool {
		return slices.ContainsFunc(h.Facts(api.FactQuery{Kind: "receipt", Limit: 100}), func(f api.StoredFact) bool {
			return strings.Contains(string(f.Fact), "number 8 follows 1")
		})
	})
	// A host that acted on what this hub never signed says so by itself.
	strange := *good
	strange.Token = "01K3Z9V6W4Q2N8T1XEJ5B7RMCD"
	if _, err := w.Send(w.Seal(&strange)); err != nil {
		t.Error(err)
	}
	h.WaitAlerts("receipt.unknown_token", 1)
	checkHub(t, h)
}

// TestThreat_W15_AMissingReceiptIsAnAlert lets a token expire that the host
// fetched, and one that nobody fetched.
func TestThreat_W15_AMissingReceiptIsAnAlert(t *testing.T) {
	clock := newClock()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "test.yaml"), []byte(suspend), 0o600); err != nil {
		t.Fatal(err)
	}
	h := hubtest.New(t, func(c *hub.Config) { c.Policies, c.Now = dir, clock.Now })
	host := h.Enroll()
	w := host.Wrapper()
	host.MustSend(touched(host, 4211))
	delivery, err := host.Orders(0)
	if err != nil || delivery == nil {
		t.Fatal(err)
	}
	awaitStates(t, h, api.ResponseDelivered)
	clock.Add(5*time.Minute + 59*time.Second)
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitStates(t, h, api.ResponseDelivered)
	clock.Add(2 * time.Second)
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitStates(t, h, api.ResponseNoReceipt)
	h.WaitAlerts("eat.no_receipt", 1)
	// It comes late, and counts.
	r := &eat.Receipt{Host: host.ID, Boot: hubtest.Boot, Outcome: eat.OutcomeDone, Started: time.Now().UTC(), Wrapper: "test"}
	one := responses(h, api.ResponseQuery{})[0]
	r.Token, r.TokenSHA256, r.Action = one.Token.ID, one.Token.SHA256, one.Action
	if _, err := w.Send(w.Seal(r)); err != nil {
		t.Fatal(err)
	}
	awaitStates(t, h, api.ResponseDone)
}

// A sensor that knows nothing of what its wrapper has seen, as after a restart,
// costs a token nothing: the wrapper says where the proof must begin, and what it
// signed is remembered.
func TestTheProofBeginsWhereTheWrapperSays(t *testing.T) {
	h := withPolicies(t, suspend)
	host := h.Enroll()
	w := host.Wrapper()
	issue := func() {
		t.Helper()
		h.Post(t, api.PathResponses, api.IssueRequest{Host: host.ID, Action: "noop", Args: []byte("{}"), Reason: "try"}, nil)
	}
	act := func(want string) {
		t.Helper()
		delivery, err := host.Orders(0)
		if err != nil || delivery == nil {
			t.Fatal("no orders", err)
		}
		r := w.Act(delivery)
		if got := r.Outcome + r.Refusal; got != want {
			t.Fatalf("the wrapper says %s (%s), want %s", got, r.Detail, want)
		}
		if _, err := w.Send(w.Seal(r)); err != nil {
			t.Fatal(err)
		}
	}
	issue()
	act("done")
	issue()
	act("done") // by the receipt before
	h.Enroll()  // the log grows, and the wrapper has seen what the hub knows nothing of
	w.Seen = treeOf(t, h)
	h.Enroll()
	issue()
	act("refused" + eat.ErrNoConsistency.ID)
	act("done")
	awaitStates(t, h, api.ResponseDone, api.ResponseDone, api.ResponseDone)
}

// A question for orders that is open when the wrapper refuses a proof is answered
// with another one, and what a receipt says that the wrapper has seen counts, also
// where its token was first handed out with less.
func TestARefusedProofIsMendedAtOnce(t *testing.T) {
	h := withPolicies(t, suspend)
	host := h.Enroll()
	w := host.Wrapper()
	issue := func() {
		t.Helper()
		h.Post(t, api.PathResponses, api.IssueRequest{Host: host.ID, Action: "noop", Args: []byte("{}"), Reason: "try"}, nil)
	}
	w.Seen = treeOf(t, h)
	h.Enroll()
	issue()
	delivery, err := host.Orders(0)
	if err != nil || delivery == nil {
		t.Fatal("no orders", err)
	}
	refused := w.Act(delivery)
	if refused.Refusal != eat.ErrNoConsistency.ID {
		t.Fatalf("the wrapper says %s %s", refused.Outcome, refused.Refusal)
	}
	began := time.Now()
	answer := make(chan []byte, 1)
	go func() {
		delivery, _ := host.Orders(0)
		answer <- delivery
	}()
	if _, err := w.Send(w.Seal(refused)); err != nil {
		t.Fatal(err)
	}
	done := w.Act(<-answer)
	if took := time.Since(began); done.Outcome != eat.OutcomeDone || took > 8*time.Second {
		t.Errorf("the wrapper says %s %s after %v; a token is handed out again after 10 s in any case", done.Outcome, done.Refusal, took)
	}
	done.Effect = map[string]string{"log_size": fmt.Sprint(w.Seen.N)}
	if _, err := w.Send(w.Seal(done)); err != nil {
		t.Fatal(err)
	}
	issue()
	if delivery, err = host.Orders(0); err != nil {
		t.Fatal(err)
	}
	if r := w.Act(delivery); r.Outcome != eat.OutcomeDone {
		t.Errorf("of the next token the wrapper says %s (%s)", r.Refusal, r.Detail)
	}
}

// A wrapper takes an isolation back unless it hears of the hub again, so the hub
// answers the receipt of each, once.
func TestAnIsolationIsConfirmed(t *testing.T) {
	h := withPolicies(t, suspend)
	host := h.Enroll()
	w := host.Wrapper()
	w.Policy.Actions[eat.ActionIsolateNetwork] = eat.ActionRule{}
	w.Policy.Open.Hub = []netip.AddrPort{netip.MustParseAddrPort("10.77.0.1:7443")}
	h.Post(t, api.PathResponses, api.IssueRequest{Host: host.ID, Action: eat.ActionIsolateNetwork, Args: []byte(`{"lifetime":3600}`), Reason: "case 4711"}, nil)
	delivery, err := host.Orders(w.Seen.N)
	if err != nil || delivery == nil {
		t.Fatal("no orders", err)
	}
	isolated := w.Act(delivery)
	sealed := w.Seal(isolated)
	for range 2 { // also where the answer was lost and the sensor sends it again
		if _, err := w.Send(sealed); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := w.Next(); err != nil || r.Action != eat.ActionNoop || r.Outcome != eat.OutcomeDone {
		t.Fatalf("the hub's word is %+v, %v", r, err)
	}
	all := awaitStates(t, h, api.ResponseDone, api.ResponseDone)
	if confirm := all[0]; confirm.Action != eat.ActionNoop || confirm.DecidedBy != "hub" || !strings.Contains(confirm.Reason, isolated.Token) {
		t.Errorf("the hub's word is %+v", confirm)
	}
	checkHub(t, h)
}

// How often policies act on one host is the operator's to say.
func TestTheBoundOfAHostIsASetting(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "test.yaml"), []byte(suspend), 0o600); err != nil {
		t.Fatal(err)
	}
	h := hubtest.New(t, func(c *hub.Config) { c.Policies, c.HostActions = dir, 2 })
	host := h.Enroll()
	for pid := range int64(3) {
		host.MustSend(touched(host, 4211+pid))
	}
	all := awaitStates(t, h, api.ResponseQueued, api.ResponseQueued, api.ResponseWaiting)
	if why := all[0].Why; !strings.HasPrefix(why, "action.budget_exceeded") {
		t.Errorf("the third waits because %q", why)
	}
}

// treeOf is the hub's log as it is now.
func treeOf(t *testing.T, h *hubtest.Hub) tlog.Tree {
	t.Helper()
	tree, err := eat.OpenCheckpoint([]byte(hubtest.Get[api.Checkpoint](h, api.PathCheckpoint)[0].Note), h.Trust().Log)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// Undoing names the token that it takes back, and the lease's end by itself
// shows at the response.
func TestUndo(t *testing.T) {
	h := withPolicies(t, suspend)
	host := h.Enroll()
	w := host.Wrapper()
	host.MustSend(touched(host, 4211))
	if r, err := w.Next(); err != nil || r.Outcome != eat.OutcomeDone {
		t.Fatal(r, err)
	}
	first := awaitStates(t, h, api.ResponseDone)[0]
	var undo api.Response
	h.Post(t, api.PathResponses+"/"+first.ID+"/undo", api.DecisionRequest{Reason: "it was the backup"}, &undo)
	if undo.Action != "release" || undo.Undoes != first.ID || !strings.Contains(string(undo.Args), first.Token.ID) {
		t.Errorf("undoing is %+v", undo)
	}
	r, err := w.Next()
	if err != nil || r.Outcome != eat.OutcomeDone {
		t.Fatal(r, err)
	}
	ended := &eat.Receipt{Host: host.ID, Boot: hubtest.Boot, Outcome: eat.OutcomeUndone, Started: time.Now().UTC(), Wrapper: "test",
		Token: first.Token.ID, TokenSHA256: first.Token.SHA256, Action: first.Action}
	if _, err := w.Send(w.Seal(ended)); err != nil {
		t.Fatal(err)
	}
	awaitStates(t, h, api.ResponseDone, api.ResponseUndone)
	if status, text := h.Do(http.MethodPost, api.PathResponses+"/"+first.ID+"/undo", `{"reason":"again"}`); status != http.StatusConflict {
		t.Errorf("undoing it again: %d %s", status, text)
	}
}

func TestOrdersAndReceiptsOfStrangers(t *testing.T) {
	h := hubtest.New(t, nil)
	stranger, host := h.Stranger(), h.Enroll()
	if _, err := stranger.Orders(0); wire.ErrorID(err) != "host.unknown" {
		t.Errorf("a stranger's question: %v", err)
	}
	other := host.Clone()
	other.ID = stranger.ID
	if _, err := other.Orders(0); wire.ErrorID(err) != "orders.malformed" {
		t.Errorf("in another's name: %v", err)
	}
	if _, _, err := host.Post(wire.PathReceipts, []byte("{}"), nil); wire.ErrorID(err) != "receipt.no_key" {
		t.Errorf("receipts of a host without a wrapper: %v", err)
	}
	host.Wrapper()
	if _, _, err := host.Post(wire.PathReceipts, []byte(strings.Repeat("{}\n", 65)), nil); wire.ErrorID(err) != "receipt.too_large" {
		t.Errorf("too many: %v", err)
	}
	if _, _, err := host.Post(wire.PathReceipts, make([]byte, wire.MaxReceiptsBytes+1), nil); wire.ErrorID(err) != "receipt.too_large" {
		t.Errorf("too long: %v", err)
	}
	if trust := h.Trust(); trust.Hub != h.ID() || len(trust.HubKeys) != 1 {
		t.Errorf("trust store %+v", trust)
	}
	for action, refused := range map[string]int{"done": 1, "undone": 1, "missing": 1, "refused": 0, "failed": 0} {
		f := host.Fact(fact.KindReceipt)
		f.Receipt = &fact.Receipt{Action: action, TokenID: "x", ErrorID: "launch.failed"}
		if ack := host.MustSend(f); len(ack.Refused) != refused {
			t.Errorf("a receipt of the sensor's own that says %s: %+v", action, ack)
		}
	}
}

// A folder of policies with a mistake in it never runs by half: at the start
// the hub refuses it, and later the last good ones go on.
func TestBrokenPoliciesDoNotRun(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "test.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(suspend)
	h := hubtest.New(t, func(c *hub.Config) { c.Policies = dir })
	names := func() (out []string) {
		for _, p := range hubtest.Get[api.Policy](h, api.PathPolicies) {
			out = append(out, p.Name+" "+p.Mode)
		}
		return out
	}
	write(strings.Replace(suspend, "mode: auto", "mode: auto\nlimit: {hosts_per_hour: 1}", 1))
	if err := h.Sweep(t.Context()); err == nil || !strings.Contains(err.Error(), "unknown key limit") {
		t.Errorf("a mistyped limit: %v", err)
	}
	if got := names(); !slices.Equal(got, []string{"suspend auto"}) {
		t.Errorf("policies %v run", got)
	}
	h.Stop()
	if _, err := hub.New(t.Context(), hub.Config{Dir: h.Dir, Policies: dir}); err == nil || !strings.Contains(err.Error(), "unknown key limit") {
		t.Errorf("a hub started with it: %v", err)
	}
	write(suspend)
	h.Start()
	write(strings.Replace(suspend, "mode: auto", "mode: ask", 1))
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := names(); !slices.Equal(got, []string{"suspend ask"}) {
		t.Errorf("policies %v run", got)
	}
}
