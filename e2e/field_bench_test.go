//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/e2e/booted"
	"picket.internal/eat"
)

// suspendEach suspends whatever opens the canary of the bench.
const suspendEach = `name: bench
title: Suspend what opens a canary
on:
  rules: [bench.open]
mode: auto
group: 1m
actions:
  - action: suspend_process
    lifetime: 30m
`

// suspensions is how many processes open the canary for the figures.
const suspensions = 200

// lost is after what time a process counts as not suspended: many times what it
// takes.
const lost = 3 * time.Second

// BenchmarkCanaryToSuspended has 200 processes open a canary on a booted host,
// one after the other, and takes the time from just before each is told to open
// it until /proc says that it is stopped. A process that is not stopped within
// three seconds is counted as lost and is not part of the percentiles. The host has
// neither audit nor the fanotify that tells who it was, as it is a container: the
// sensor looks in /proc for whoever holds the file.
func BenchmarkCanaryToSuspended(b *testing.B) {
	rules, policies := b.TempDir(), b.TempDir()
	for path, text := range map[string]string{filepath.Join(rules, "open.yaml"): everyOpen, filepath.Join(policies, "bench.yaml"): suspendEach} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	deb, _ := packagesOf(b, "0.0.1")
	f := newField(b, "--rules", rules, "--policies", policies, "--host-actions", "10000")
	s := f.station("alpha", 2)
	s.setUp(deb, fieldCanary)
	s.allow(eat.ActionSuspendProcess)
	for b.Loop() {
		var took []time.Duration
		missed := 0
		for range suspensions {
			d, ok := touchToStop(b, s.Host)
			if !ok {
				missed++
				continue
			}
			took = append(took, d)
		}
		percentiles(b, took)
		b.ReportMetric(float64(missed), "lost")
		// Of those, the ones for which the sensor did not say who it was.
		failed := picket(b, f.hub, "eat", "list", "--state", "failed", "--limit", "0", "--json")
		b.ReportMetric(float64(strings.Count(failed, "lacks what the action needs: process")), "unnamed")
	}
	b.ReportMetric(0, "ns/op")
	tally := map[string]int{}
	for line := range strings.Lines(picket(b, f.hub, "eat", "list", "--limit", "0", "--json")) {
		var r api.Response
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			b.Fatal(err)
		}
		tally[r.State+" "+r.Why]++
	}
	b.Logf("what became of them: %v", tally)
	f.hub.check()
}

// percentiles reports a row of times. Nothing measured is a failure.
func percentiles(b *testing.B, took []time.Duration) {
	b.Helper()
	if len(took) == 0 {
		b.Fatal("none of them took effect")
	}
	slices.Sort(took)
	b.ReportMetric(float64(len(took)), "count")
	b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(ms(took[len(took)-1]), "max-ms")
}

// waiting is a process of the host that does something when it is told to.
type waiting struct {
	stat string // its /proc/PID/stat as the machine sees it
	tell func()
	end  func()
}

// waitingFor starts a shell in the host that says its number and waits for a
// word before it goes on with a script.
func waitingFor(b testing.TB, host *booted.Host, script string) waiting {
	b.Helper()
	cmd := host.Command("sh", "-c", "echo $$; read word; "+script)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	pid := begin(b, cmd, stdout)
	return waiting{
		stat: host.Path("/proc/" + pid + "/stat"),
		tell: func() { fmt.Fprintln(stdin, "go") },
		end: func() {
			host.Try("sh", "-c", "kill -9 "+pid)
			cmd.Process.Kill() // nsenter stops with what it started, and does not go on with it
			cmd.Wait()
		},
	}
}

// touchToStop has a new process open the canary and watches it.
func touchToStop(b testing.TB, host *booted.Host) (time.Duration, bool) {
	b.Helper()
	w := waitingFor(b, host, "exec 3<"+fieldCanary+"; read word")
	defer w.end()
	began := time.Now()
	w.tell()
	return stopped(w.stat, began)
}

// stopped looks again and again, with a fifth of a millisecond between, whether a
// process is stopped.
func stopped(stat string, began time.Time) (time.Duration, bool) {
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for ; time.Since(began) < lost; <-tick.C {
		data, err := os.ReadFile(stat)
		if i := strings.LastIndexByte(string(data), ')'); err == nil && i >= 0 && strings.HasPrefix(string(data)[i+1:], " T") {
			return time.Since(began), true
		}
	}
	return 0, false
}

// starts is how many times the wrapper is started for the figures.
const starts = 100

// BenchmarkWrapperToEffect has a shell become the wrapper, and takes the time from
// the word to do so until the process that its token is about is stopped: once as
// root would start it, and once by the sensor's user and sudo, as it is in use.
func BenchmarkWrapperToEffect(b *testing.B) {
	a := bootActing(b)
	policy := eat.DefaultPolicy()
	policy.Actions[eat.ActionSuspendProcess] = eat.ActionRule{Rate: 10000}
	a.writeJSON(b, "/etc/picket/host-policy.json", policy)
	for name, start := range map[string]string{
		"itself": "exec " + wrapperPath,
		"sudo":   "exec runuser -u picket -- sudo -n " + wrapperPath,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var took []time.Duration
				for range starts {
					took = append(took, a.startToStop(b, start))
				}
				percentiles(b, took)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// startToStop gives the wrapper a token for a process of its own.
func (a *acting) startToStop(b testing.TB, start string) time.Duration {
	b.Helper()
	victim := a.Command("setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", "sh", "-c", "echo $$; exec sleep 600")
	stdout, err := victim.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	pid := begin(b, victim, stdout)
	defer func() {
		a.Try("sh", "-c", "kill -9 "+pid)
		victim.Process.Kill()
		victim.Wait()
	}()
	process := a.process(b, pid, "sleep")
	_, delivery := a.order(b, eat.SuspendProcess{Process: process, Lifetime: 3600})
	a.Write(b, "/run/delivery", string(delivery), 0o644)
	w := waitingFor(b, a.Host, start+" </run/delivery >/run/receipt 2>&1")
	defer w.end()
	began := time.Now()
	w.tell()
	took, ok := stopped(a.Path("/proc/"+pid+"/stat"), began)
	if !ok {
		b.Fatalf("the wrapper did not suspend it: %s", a.Run(b, "cat", "/run/receipt"))
	}
	a.seen = a.hub.Tree(b).N
	return took
}

// process is a process once it runs the program of the name.
func (a *acting) process(b testing.TB, number, name string) eat.Process {
	b.Helper()
	await(b, name, func() bool { return a.Run(b, "cat", "/proc/"+number+"/comm") == name+"\n" })
	var p eat.Process
	if _, err := fmt.Sscan(number, &p.PID); err != nil {
		b.Fatal(err)
	}
	if _, err := fmt.Sscan(a.stat(b, p.PID)[19], &p.StartTicks); err != nil {
		b.Fatal(err)
	}
	p.SHA256 = strings.Fields(a.Run(b, "sha256sum", "/proc/"+number+"/exe"))[0]
	return p
}
