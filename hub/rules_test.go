package hub_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket.internal/api"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
)

const trial = `id: trial.touch
title: A canary was touched
status: STATUS
severity: high
on: [canary]
where: canary.action == "read"
`

const trialTests = `tests:
  - {name: fires, facts: [{kind: canary, canary: {action: read}}], alerts: 1}
  - {name: silent, facts: [{kind: canary, canary: {action: open}}], alerts: 0}
`

// ruleFolder is a hub that watches a folder with one rule.
func ruleFolder(t *testing.T, text string) (h *hubtest.Hub, write func(text string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "touch.yaml")
	write = func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	return hubtest.New(t, func(c *hub.Config) { c.Rules = filepath.Dir(path) }), write
}

// No rule goes live without a test that fires and one that does not, and both
// must pass; until then the last good set runs, and what is wrong is said.
func TestStableRulesNeedTestsThatHold(t *testing.T) {
	onTrial := strings.Replace(trial, "STATUS", "test", 1)
	stable := strings.Replace(trial, "STATUS", "stable", 1)
	h, write := ruleFolder(t, onTrial)
	running := func() api.RunningRule {
		t.Helper()
		rules := hubtest.Get[api.RunningRule](h, api.PathRules)
		if len(rules) != 1 {
			t.Fatalf("%d rules run", len(rules))
		}
		return rules[0]
	}
	if r := running(); r.Status != "test" || !r.Shadow || r.File != "touch.yaml" {
		t.Fatalf("at first %+v runs", r)
	}
	for name, tc := range map[string]struct{ text, code string }{
		"no tests":            {stable, "rule.missing_tests"},
		"none that fires":     {stable + strings.Replace(trialTests, "action: read", "action: open", 1), "rule.test_failed"},
		"only one that fires": {stable + trialTests[:strings.LastIndex(trialTests, "  - ")], "rule.missing_tests"},
		"one does not hold":   {stable + strings.Replace(trialTests, "alerts: 0", "alerts: 1", 1), "rule.missing_tests"},
		"the other fires too": {stable + strings.Replace(trialTests, "action: open", "action: read", 1), "rule.test_failed"},
	} {
		write(tc.text)
		h.Wait(name+" is refused with "+tc.code, func() bool {
			return strings.Contains(hubtest.Get[api.Status](h, api.PathStatus)[0].Rules.Error, tc.code)
		})
		if r := running(); r.Status != "test" {
			t.Errorf("%s: %+v runs", name, r)
		}
		if files := hubtest.Get[api.RuleFile](h, api.PathRuleFiles); files[0].Text != onTrial {
			t.Errorf("%s: the hub gives out what it does not run", name)
		}
		write(onTrial)
		h.Wait("the good set is good again", func() bool {
			return hubtest.Get[api.Status](h, api.PathStatus)[0].Rules.Error == ""
		})
	}
	write(stable + trialTests)
	h.Wait("the rule is stable", func() bool { return running().Status == "stable" })
	if diff := cmp.Diff([]api.RuleFile{{Name: "touch.yaml", Text: stable + trialTests}}, hubtest.Get[api.RuleFile](h, api.PathRuleFiles)); diff != "" {
		t.Errorf("files: -want +got\n%s", diff)
	}
}

// Alerts of a rule on trial are stored, counted and found by who asks for them,
// and by nobody else.
func TestShadowAlertsAreCountedAndFound(t *testing.T) {
	h, _ := ruleFolder(t, strings.Replace(trial, "STATUS", "experimental", 1))
	host := h.Enroll()
	host.MustSend(host.Canary("/a"))
	h.WaitAlerts("trial.touch", 1)
	host.MustSend(host.Canary("/b"))
	h.WaitAlerts("trial.touch", 2)
	if status, text := h.Do(http.MethodGet, api.PathAlerts, ""); status != http.StatusOK || text != "" {
		t.Errorf("unasked: %d %s", status, text)
	}
	r := hubtest.Get[api.RunningRule](h, api.PathRules)[0]
	if r.Alerts != 0 || r.ShadowAlerts != 2 || r.Matched != 2 || r.LastAlert.IsZero() {
		t.Errorf("counted: %+v", r)
	}
	if n := h.Hosts()[host.ID].Alerts; n != 0 {
		t.Errorf("the host has %d alerts", n)
	}
}

// A flood is one alert, counted, its facts listed through the API.
func TestDuplicatesAreLinked(t *testing.T) {
	h, _ := ruleFolder(t, strings.Replace(trial, "STATUS", "stable", 1)+"suppress: {by: [canary.id], for: 1h}\n"+trialTests)
	host := h.Enroll()
	for range 7 {
		host.MustSend(host.Canary("/a"))
	}
	h.Wait("seven are counted", func() bool {
		alerts := h.Alerts("trial.touch")
		return len(alerts) == 1 && alerts[0].Count == 7
	})
	a := h.Alerts("trial.touch")[0]
	facts := hubtest.Get[api.AlertFacts](h, api.PathAlerts+"/"+a.ID+"/facts?limit=5")[0]
	if len(facts.Facts) != 5 || facts.Linked != 7 || facts.Unlinked != 0 || facts.Next == "" || facts.Facts[0].Raised {
		t.Errorf("%+v", facts)
	}
	rest := hubtest.Get[api.AlertFacts](h, api.PathAlerts+"/"+a.ID+"/facts?after="+facts.Next)[0]
	if len(rest.Facts) != 2 || !rest.Facts[1].Raised || string(rest.Facts[1].Fact) != string(a.Facts[0]) {
		t.Errorf("the first fact comes last: %+v", rest)
	}
}
