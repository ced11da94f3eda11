package hub_test

import (
	"os"
	"path/filepath"
	"testing"

	"picket.internal/api"
	"picket.internal/fact"
	"picket.internal/hub"
	"picket.internal/hub/hubtest"
)

func TestCanaryFactBecomesAlert(t *testing.T) {
	h := hubtest.New(t, nil)
	host := h.Enroll()
	touch := host.Canary("/root/.aws/credentials")
	ack := host.MustSend(host.Metric(), touch)
	if ack.Duplicate || len(ack.Refused) > 0 {
		t.Errorf("ack is %+v", ack)
	}
	alert := h.WaitAlerts("canary.read", 1)[0]
	if alert.Host.ID != host.ID || alert.Host.Name == "" || alert.LatencyMS < 0 || alert.LatencyMS > 5000 {
		t.Errorf("alert is %+v", alert)
	}
	if string(alert.Facts[0]) != string(hubtest.Raw(t, touch)) {
		t.Errorf("the alert's fact is %s, want it as it was signed", alert.Facts[0])
	}
	facts := h.Facts(api.FactQuery{HostID: host.ID, Kind: string(fact.KindCanary)})
	if len(facts) != 1 || facts[0].Batch.Digest != ack.Digest {
		t.Errorf("facts are %+v", facts)
	}
}

func TestSuppressionSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	writeRule(t, dir, "touch.yaml", touchRule)
	h := hubtest.New(t, func(c *hub.Config) { c.Rules = dir })
	host := h.Enroll()
	host.MustSend(host.Canary("/a"))
	h.WaitAlerts("test.touch", 1)
	host.MustSend(host.Canary("/a"))
	h.Wait("a duplicate to count", func() bool { return h.Alerts("")[0].Count == 2 })
	h.Restart()
	host.MustSend(host.Canary("/a"))
	h.Wait("a duplicate after the restart to count", func() bool { return h.Alerts("")[0].Count == 3 })
	if n := len(h.Alerts("")); n != 1 {
		t.Errorf("%d alerts, want one", n)
	}
}

const touchRule = `id: test.touch
title: Touched
status: stable
severity: high
author: Test
description: For the test.
on: [canary]
where: canary.action == "read"
message: "{{canary.path}}"
suppress: {by: [canary.path], for: 1h}
tests:
  - name: one
    facts: [{kind: canary, canary: {action: read}}]
    alerts: 1
  - name: none
    facts: [{kind: canary, canary: {action: open}}]
    alerts: 0
`

func writeRule(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
