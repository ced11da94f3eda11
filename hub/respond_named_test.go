package hub_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
)

// A policy answers the alerts of rules that name it, also where it is on nothing
// else. A rule on trial that names one acts on nothing, and a name that no policy
// has is said, and counted with each alert, until there is one.
func TestThreat_E6_ARuleNamesItsPolicies(t *testing.T) {
	rules, policies := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	named := strings.Replace(trial, "STATUS", "stable", 1) + trialTests + "response: [suspend, ask_ada]\n"
	write(filepath.Join(rules, "named.yaml"), named)
	write(filepath.Join(rules, "trial.yaml"), strings.NewReplacer("trial.touch", "trial.other", "STATUS", "test").Replace(trial)+"response: [watch, nobody]\n")
	write(filepath.Join(policies, "suspend.yaml"), strings.Replace(suspend, "on: {rules: [canary.read]}\n", "", 1))
	write(filepath.Join(policies, "watch.yaml"), strings.NewReplacer("on: {rules: [canary.read]}\n", "", "name: suspend", "name: watch").Replace(suspend))
	h := hubtest.New(t, func(c *hub.Config) { c.Rules, c.Policies = rules, policies })
	status := func() []string { return hubtest.Get[api.Status](h, api.PathStatus)[0].Rules.Warnings }
	want := []string{`named.yaml:1: there is no response policy "ask_ada"`, `trial.yaml:1: there is no response policy "nobody"`}
	if got := status(); !slices.Equal(got, want) {
		t.Errorf("the hub says %q, want %q", got, want)
	}
	host := h.Enroll()
	host.MustSend(touched(host, 4211))
	one := awaitStates(t, h, api.ResponseQueued)[0]
	alert := h.WaitAlerts("trial.touch", 1)[0]
	if one.Policy != "suspend" || one.Alert != alert.ID || !slices.Equal(alert.Rule.Response, []string{"suspend", "ask_ada"}) {
		t.Errorf("the alert that names %v led to %+v", alert.Rule.Response, one)
	}
	onTrial := hubtest.Get[api.Alert](h, api.PathAlerts+"?shadow=true")
	if i := slices.IndexFunc(onTrial, func(a api.Alert) bool { return a.Rule.ID == "trial.other" }); i < 0 || onTrial[i].Rule.Response != nil {
		t.Errorf("on trial: %+v", onTrial)
	}
	h.Wait("the name that there is not to be counted", func() bool { return h.Counters()["response.unknown_policy"] == 1 })
	write(filepath.Join(policies, "ada.yaml"), `name: ask_ada
title: Ask Ada
mode: ask
actions: [{action: kill_process}]
`)
	write(filepath.Join(rules, "trial.yaml"), strings.NewReplacer("trial.touch", "trial.other", "STATUS", "test").Replace(trial))
	h.Wait("the rules to be read again", func() bool {
		if err := h.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(status()) == 0
	})
	host.MustSend(touched(host, 4212))
	awaitStates(t, h, api.ResponseQueued, api.ResponseQueued, api.ResponseWaiting)
	if n := h.Counters()["response.unknown_policy"]; n != 1 {
		t.Errorf("%d alerts named a policy that there is not", n)
	}
}

// The last host with a role that is heard of and not contained is left to a person.
// What is contained already loses nothing by more of it, and a host that was let go
// stands for the others again.
func TestTheLastHostWithARoleStays(t *testing.T) {
	h := withPolicies(t, strings.Replace(suspend, "mode: auto\n", "mode: auto\nlimits: {keep: [role=web]}\n", 1))
	web1, web2, db := h.Enroll(), h.Enroll(), h.Enroll()
	for host, label := range map[*hubtest.Host]string{web1: "role=web", web2: "role=web", db: "role=webmail"} {
		h.Post(t, api.PathHosts+"/"+host.ID+"/set", api.HostSetting{Labels: []string{"site=a", label}}, nil)
	}
	await := func(want ...string) map[string]string {
		t.Helper()
		why := map[string]string{}
		for _, r := range awaitStates(t, h, want...) {
			if r.State == api.ResponseWaiting {
				why[r.Host.ID] = r.Why
			}
		}
		return why
	}
	w := web1.Wrapper()
	web1.MustSend(touched(web1, 4211))
	if r, err := w.Next(); err != nil || r.Outcome != eat.OutcomeDone {
		t.Fatal(r, err)
	}
	suspended := awaitStates(t, h, api.ResponseDone)[0]
	web2.MustSend(touched(web2, 4212))
	want := `action.last_host: no other host with the label "role=web" is heard and not contained`
	if why := await(api.ResponseDone, api.ResponseWaiting); why[web2.ID] != want {
		t.Errorf("the last web server waits because %q", why)
	}
	db.MustSend(touched(db, 4213))
	web1.MustSend(touched(web1, 4214))
	second, err := w.Next()
	if err != nil || second.Outcome != eat.OutcomeDone {
		t.Fatal(second, err)
	}
	await(api.ResponseDone, api.ResponseDone, api.ResponseWaiting, api.ResponseQueued)
	if n := h.Counters()["action.last_host"]; n != 1 {
		t.Errorf("it held back %d times", n)
	}
	// Both processes of web1 go on, so web2 is not the last any more.
	for _, done := range []*eat.Receipt{{Token: suspended.Token.ID, TokenSHA256: suspended.Token.SHA256}, {Token: second.Token, TokenSHA256: second.TokenSHA256}} {
		ended := &eat.Receipt{Host: web1.ID, Boot: hubtest.Boot, Outcome: eat.OutcomeAutoUndone, Started: second.Started, Wrapper: "test",
			Token: done.Token, TokenSHA256: done.TokenSHA256, Action: eat.ActionSuspendProcess}
		if _, err := w.Send(w.Seal(ended)); err != nil {
			t.Fatal(err)
		}
	}
	web2.MustSend(touched2(web2, 4215))
	await(api.ResponseUndone, api.ResponseUndone, api.ResponseWaiting, api.ResponseQueued, api.ResponseQueued)
}
