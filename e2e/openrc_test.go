package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket.internal/e2e/booted"
	"picket.internal/eat"
	"picket.internal/packaging"
)

// TestInstallWithOpenRC sets a host up that OpenRC starts: the same command from
// the same tarball, an order carried out by sudo, the watcher with its four
// capabilities and no way to more, and nothing left after the removal.
func TestInstallWithOpenRC(t *testing.T) {
	host := booted.Start(t, booted.Options{OpenRC: true, Capabilities: []string{"CAP_NET_ADMIN"}, Unfiltered: true})
	hub := newOrderingHub(t)
	host.Forward(t, hub.addr)
	deb, _ := packagesOf(t, "0.0.1")
	host.Push(t, filepath.Join(filepath.Dir(deb), "picket-sensor.tar.gz"), "/run/picket-sensor.tar.gz")
	host.Run(t, "tar", "--extract", "--gzip", "--file=/run/picket-sensor.tar.gz", "--directory=/")
	before := diskOf(t, host)
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := host.Try("sh", "-c", "rc-status --all; head -n 50 /var/log/picket-*.log")
			t.Log(out)
		}
	})

	install := host.Command("picket-sensor", "install", "--launch", "socket")
	install.Stdin = strings.NewReader(hub.token())
	if out, err := install.CombinedOutput(); err == nil || !strings.Contains(string(out), "--launch sudo") {
		t.Fatalf("the launch socket without systemd: %v\n%s", err, out)
	}
	for range 2 { // each step may be done again
		install = host.Command("picket-sensor", "install")
		install.Stdin = strings.NewReader(hub.token())
		began := time.Now()
		out, err := install.CombinedOutput()
		if err != nil {
			t.Fatalf("installing: %v\n%s", err, out)
		}
		t.Logf("picket-sensor install took %s:\n%s", time.Since(began).Round(time.Millisecond), out)
	}
	if r, _ := hub.noop(1); r.Outcome != eat.OutcomeDone {
		t.Errorf("a noop by sudo: %s %s %s", r.Outcome, r.Refusal, r.Detail)
	}
	for _, name := range packaging.Services {
		host.Run(t, "rc-service", name, "status")
	}

	// CAP_DAC_READ_SEARCH 2, CAP_NET_ADMIN 12, CAP_SYS_PTRACE 19, CAP_AUDIT_READ 37. Source: linux/capability.h
	const watch = "0000002000081004"
	for user, want := range map[string][]string{
		"picket-watch": {"CapEff:\t" + watch, "CapBnd:\t" + watch, "NoNewPrivs:\t1"},
		"picket":       {"CapEff:\t0000000000000000", "NoNewPrivs:\t0"},
	} {
		status := host.Run(t, "sh", "-c", `for p in /proc/[0-9]*; do test "$(stat -c %U $p)" = `+user+` && cat $p/status; done; true`)
		for _, line := range want {
			if !strings.Contains(status, line+"\n") {
				t.Errorf("the process of %s has no line %q:\n%s", user, line, status)
			}
		}
	}

	if processesOf(t, host) == "" {
		t.Error("no process of the sensor's users is seen while it runs: the look for what is left would find none either")
	}
	host.Run(t, "picket-sensor", "uninstall")
	after := map[string]bool{}
	for _, line := range diskOf(t, host) {
		after[line] = true
	}
	for _, line := range before {
		if !after[line] && line != "" {
			t.Errorf("gone: %s", line)
		}
		delete(after, line)
	}
	for line := range after {
		t.Errorf("left: %s", line)
	}
	if left := processesOf(t, host); left != "" {
		t.Errorf("processes are left:\n%s", left)
	}
}
