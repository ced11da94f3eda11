package hub_test

import (
	"testing"
	"time"

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
