package hub_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
)

const threeTouches = `
id: test.touch
title: touched
status: stable
severity: low
score: 30
on: [canary]
where: canary.action == "read"
tests:
  - {name: read, facts: [{kind: canary, canary: {action: read, path: /a}}], alerts: 1}
  - {name: moved, facts: [{kind: canary, canary: {action: move, path: /a}}], alerts: 0}
---
id: test.three
title: touched three times
status: stable
severity: high
message: "{{window.count}} touches"
correlation: {type: event_count, rules: [test.touch], group-by: [host.id], timespan: 1h, condition: {gte: 3}, generate: true}
tests:
  - {name: three, facts: [{repeat: 3, fact: {kind: canary, canary: {action: read, path: /a}}}], alerts: 1}
  - {name: two, facts: [{repeat: 2, fact: {kind: canary, canary: {action: read, path: /a}}}], alerts: 0}
---
id: test.risk
title: a host at risk
status: stable
severity: high
risk: {of: host, at_least: 100, half_life: 30d}
tests:
  - {name: four, facts: [{repeat: 4, fact: {kind: canary, canary: {action: read, path: /a}}}], alerts: 1}
  - {name: one, facts: [{kind: canary, canary: {action: read, path: /a}}], alerts: 0}
---
id: test.silent
title: no more touches
status: stable
severity: low
on: [canary]
where: canary.action == "read"
absence: {within: 1h, group-by: [host.id]}
tests:
  - {name: silent, facts: [{kind: canary, canary: {action: read, path: /a}}, {advance: 2h}], alerts: 1}
  - {name: at once, facts: [{kind: canary, canary: {action: read, path: /a}}], alerts: 0}
`

// What rules remember survives the hub: a restart in mid-window neither loses
// an event nor counts one twice, and an alert shows all facts behind it.
func TestCorrelationOverARestart(t *testing.T) {
	dir := t.TempDir()
	writeRule(t, dir, "three.yaml", threeTouches)
	now := &later{}
	h := hubtest.New(t, func(c *hub.Config) { c.Rules, c.Now = dir, now.now })
	c := h.Enroll()
	c.MustSend(c.Canary("/a"), c.Canary("/b"))
	h.WaitAlerts("test.touch", 2)
	h.Restart()
	if got := h.Alerts("test.three"); len(got) != 0 {
		t.Fatalf("after two touches: %+v", got)
	}
	c.Restart()
	c.MustSend(c.Canary("/c"))
	three := h.WaitAlerts("test.three", 1)[0]
	if three.Message != "3 touches" || three.Window == nil || three.Window.Count != 3 || three.Window.Group["host.id"] != c.ID {
		t.Errorf("alert %+v, window %+v", three, three.Window)
	}
	risk := h.WaitAlerts("test.risk", 1)[0]
	if len(risk.Parts) < 2 {
		t.Fatalf("parts %+v", risk.Parts)
	}
	for _, p := range risk.Parts {
		if p.Alert == "" || p.Score <= 0 {
			t.Errorf("part %+v names no alert", p)
		}
	}
	if got := h.Alerts("test.silent"); len(got) != 0 {
		t.Fatalf("silent too early: %+v", got)
	}
	now.pass(2 * time.Hour)
	if silent := h.WaitAlerts("test.silent", 1)[0]; silent.Host.ID != c.ID || len(silent.Facts) != 0 {
		t.Errorf("alert %+v", silent)
	}
}

// A rule that keeps exceeding its bound is switched off for the host that
// brings it there, says so in an alert about itself, and comes back on demand.
func TestRuleThatExceedsItsBoundIsSwitchedOff(t *testing.T) {
	dir := t.TempDir()
	writeRule(t, dir, "dear.yaml", `
id: test.dear
title: dear
status: test
severity: low
on: [process]
where: process.args.all(a, process.args.all(b, a + b != process.command_line))
`)
	h := hubtest.New(t, func(c *hub.Config) { c.Rules = dir })
	c := h.Enroll()
	var many []string
	for i := range 500 {
		many = append(many, strings.Repeat("x", 8)+strconv.Itoa(i))
	}
	for range 12 {
		f := c.Fact(fact.KindProcess)
		f.Process = &fact.Process{Action: fact.ProcessStart, PID: 7, Args: many, CommandLine: "c"}
		c.MustSend(f)
	}
	running := func() api.RunningRule { return hubtest.Get[api.RunningRule](h, api.PathRules)[0] }
	h.Wait("the rule to be switched off", func() bool { return running().OffHosts == 1 })
	h.Wait("the notice about it", func() bool {
		return slices.ContainsFunc(h.Facts(api.FactQuery{Kind: "fleet"}), func(f api.StoredFact) bool {
			return strings.Contains(string(f.Fact), "rule.switched_off")
		})
	})
	if status, body := h.Do(http.MethodPost, "/api/v1/rules/test.dear/enable", ""); status != http.StatusOK {
		t.Fatalf("enabling: %d %s", status, body)
	}
	if r := running(); r.OffHosts != 0 || r.Off {
		t.Errorf("after it was enabled: %+v", r)
	}
}

// A filter says what it has let pass.
func TestFiltersAreCounted(t *testing.T) {
	dir := t.TempDir()
	writeRule(t, dir, "touch.yaml", touchRule)
	writeRule(t, dir, "filter.yaml", "filter: spare\nrules: [test.*]\nwhere: canary.path == \"/spared\"\nowner: ops\nexpires: 2126-01-01\n")
	h := hubtest.New(t, func(c *hub.Config) { c.Rules = dir })
	c := h.Enroll()
	c.MustSend(c.Canary("/spared"), c.Canary("/other"))
	h.WaitAlerts("test.touch", 1)
	f := hubtest.Get[api.RunningFilter](h, api.PathFilters)
	if len(f) != 1 || f[0].Name != "spare" || f[0].Hits != 1 || f[0].Rules != 1 || f[0].Expired || f[0].Last.IsZero() {
		t.Errorf("filters %+v", f)
	}
}
