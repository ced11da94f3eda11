package hub_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"picket.internal/api"
	"picket.internal/dossier"
	"picket.internal/eat"
	"picket.internal/hub/hubtest"
)

// Whoever breaks the glass goes over the hub's policy and nothing else: it is a
// record, an alert and a mark, and the host's own policy refuses as ever.
func TestBreakGlassGoesOverTheHubAlone(t *testing.T) {
	h := withPolicies(t, `name: two
title: Two must sign
on: {rules: [canary.read]}
mode: ask
actions: [{action: kill_process, signatures: 2}]
`)
	alice := hubtest.NewKey(t)
	h.Post(t, api.PathOperators, api.Operator{Name: "alice", Key: alice.Public().String()}, nil)
	host := h.Enroll()
	w := host.Wrapper() // its policy asks for one operator
	host.MustSend(touched(host, 4211))
	r := awaitStates(t, h, api.ResponseWaiting)[0]
	approve := func(body api.ApproveRequest) (int, string) {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return h.Do(http.MethodPost, api.PathResponses+"/"+r.ID+"/approve", string(text))
	}
	if status, answer := approve(api.ApproveRequest{BreakGlass: "line\nbreak"}); status != http.StatusBadRequest {
		t.Errorf("a reason of two lines: %d %s", status, answer)
	}
	if status, answer := approve(api.ApproveRequest{}); status == http.StatusOK {
		t.Errorf("a yes without signatures: %s", answer)
	}

	// Without any signature the hub lets it go, and the host refuses it.
	if status, answer := approve(api.ApproveRequest{BreakGlass: "nobody is there"}); status != http.StatusOK {
		t.Fatalf("breaking the glass: %d %s", status, answer)
	}
	if got, err := w.Next(); err != nil || got.Outcome != eat.OutcomeRefused || got.Refusal != eat.ErrThresholdNotMet.ID {
		t.Fatalf("the wrapper says %+v, %v; want a refusal for want of signatures", got, err)
	}

	// With one signature of the two the host's policy is met.
	host.MustSend(touched(host, 4212))
	for _, one := range awaitStates(t, h, api.ResponseRefused, api.ResponseWaiting) {
		if one.State == api.ResponseWaiting {
			r = one
		}
	}
	h.Post(t, api.PathResponses+"/"+r.ID+"/prepare", struct{}{}, &r)
	opened, err := eat.Open(r.Token.Envelope, h.Trust().HubKeys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	w.Trust = h.Trust()
	s := opened.Approve(alice)
	if status, answer := approve(api.ApproveRequest{Token: opened.Token.ID, Key: s.Key.String(), Sig: s.Sig, BreakGlass: "bob is on a plane"}); status != http.StatusOK {
		t.Fatalf("breaking the glass with a signature: %d %s", status, answer)
	}
	if got, err := w.Next(); err != nil || got.Outcome != eat.OutcomeDone {
		t.Fatalf("the wrapper says %+v, %v", got, err)
	}
	alerts := h.WaitAlerts("fleet.break_glass", 2)
	if !strings.Contains(alerts[0].Message, "signed by 1 of 2 operators") || !strings.Contains(alerts[0].Message, "bob is on a plane") || alerts[0].Host.ID != host.ID {
		t.Errorf("the alert says %q", alerts[0].Message)
	}
	var broken []string
	for _, entry := range hubtest.Get[api.AuditRecord](h, api.PathAuditRecords+"?limit=1000") {
		if strings.Contains(entry.Record, `"id":"response.break_glass/`) {
			broken = append(broken, string(entry.Document))
		}
	}
	if len(broken) != 2 || !strings.Contains(broken[1], `"signed":"1 of 2"`) || !strings.Contains(broken[1], `"reason":"bob is on a plane"`) {
		t.Errorf("the log says %q", broken)
	}
	if got := hubtest.Get[api.Response](h, api.PathResponses+"/"+r.ID)[0]; got.BreakGlass != "bob is on a plane" || got.State != api.ResponseDone {
		t.Errorf("the response is %+v", got)
	}

	// Whoever checks the alert sees that it was so, and that the log says it.
	claims := dossier.Check(parsed(t, export(t, h, r.Alert)), dossier.Keys{Trust: h.Trust()})
	if got := verdictsOf(claims); got["break-glass"] != dossier.OK || !dossier.Holds(claims) {
		t.Errorf("%v", claims)
	}

	// What a person asks for as an emergency is as loud.
	status, answer := h.Do(http.MethodPost, api.PathResponses, fmt.Sprintf(`{"host":%q,"action":"noop","args":{},"reason":"x","signatures":1,"break_glass":true}`, host.ID))
	if status != http.StatusBadRequest {
		t.Errorf("breaking the glass and waiting: %d %s", status, answer)
	}
	h.Post(t, api.PathResponses, api.IssueRequest{Host: host.ID, Action: eat.ActionNoop, Args: []byte("{}"), Reason: "does it work?", BreakGlass: true}, nil)
	h.WaitAlerts("fleet.break_glass", 3)
	checkHub(t, h)
}
