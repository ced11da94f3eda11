package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"picket.internal/e2e/booted"
	"picket.internal/eat"
)

// wrapperMeanwhile starts the wrapper by sudo, over and over, as the sensor's
// user does, while f changes the package, and returns how often.
//
// Threat W6: at every step of a package manager the wrapper runs, and refuses
// what is no token, or it says why it cannot; containment is never locked out
// without a word.
func wrapperMeanwhile(t *testing.T, host *booted.Host, f func()) (tried int) {
	t.Helper()
	loop := host.Command("runuser", "-u", "picket", "--", "sh", "-c",
		`while ! test -e /run/changed; do echo no token | sudo -n `+wrapperPath+` 2>&1 | tr '\n' ' '; echo "; $?"; done`)
	var said strings.Builder
	loop.Stdout, loop.Stderr = &said, &said
	if err := loop.Start(); err != nil {
		t.Fatal(err)
	}
	f()
	host.Write(t, "/run/changed", "", 0o644)
	err := loop.Wait()
	host.Run(t, "rm", "/run/changed")
	if err != nil {
		t.Fatalf("starting the wrapper while the package changes: %v\n%s", err, said.String())
	}
	for line := range strings.Lines(said.String()) {
		if line = strings.TrimSpace(line); !strings.Contains(line, eat.ErrDelivery.ID) {
			t.Errorf("while the package changed, sudo -n %s said %q, want %s", wrapperPath, line, eat.ErrDelivery.ID)
		}
		tried++
	}
	if tried == 0 {
		t.Error("the wrapper was never started while the package changed")
	}
	return tried
}

// restartedInTheMiddle restarts the sender while a wrapper that it started
// works.
//
// Threat W3: the service manager kills what is in a service's control group,
// but never the root program that is in the middle of an action.
func restartedInTheMiddle(t *testing.T, host *booted.Host, hub *orderingHub, counter uint64) {
	t.Helper()
	var files []eat.Path
	for i := range 3 { // a second each, or so
		name := fmt.Sprintf("/var/tmp/large.%d", i)
		host.Run(t, "truncate", "--size=1000M", name)
		files = append(files, eat.PathOf(name))
	}
	restart := host.Command("timeout", "60", "sh", "-c", `
		wrapper() { readlink /proc/[0-9]*/exe | grep -qx `+wrapperPath+`; }
		until wrapper; do :; done; systemctl restart picket-send; if wrapper; then echo it works on; fi`)
	var said strings.Builder
	restart.Stdout, restart.Stderr = &said, &said
	if err := restart.Start(); err != nil {
		t.Fatal(err)
	}
	r, took := hub.carryOut(counter, eat.CollectEvidence{What: []string{"files"}, Files: files, MaxBytes: 1 << 20, MaxSeconds: 30})
	if r.Outcome != eat.OutcomeDone {
		t.Errorf("a sender that was restarted while a wrapper worked: %s %s %s", r.Outcome, r.Refusal, r.Detail)
	}
	if err := restart.Wait(); err != nil || !strings.Contains(said.String(), "it works on") {
		t.Logf("the sender logged:\n%s", host.Journal(t, "picket-send"))
		t.Errorf("restarting the sender: %v, and the wrapper was over by then\n%s", err, said.String())
	}
	t.Logf("the receipt came %s after the order, over a restart of the sender", took)
}

// TestThreat_W6_NoStepOfAnUpgradeLocksOut: the package is put there once more,
// over itself, while the sensor's user starts the wrapper.
func TestThreat_W6_NoStepOfAnUpgradeLocksOut(t *testing.T) {
	a := actingHost(t)
	tried := wrapperMeanwhile(t, a.Host, func() { a.Run(t, "dpkg", "--install", "/run/picket.deb") })
	t.Logf("the wrapper was started %d times meanwhile", tried)
	token, delivery := a.order(t, eat.Noop{})
	a.accept(t, token, delivery)
}
