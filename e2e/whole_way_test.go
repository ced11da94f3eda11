package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/e2e/booted"
)

// containing is a policy that acts by itself.
const containing = `name: canary-touched
title: Suspend what touched a canary
on:
  rules: [canary.read, canary.open]
mode: auto
group: 10m
actions:
  - action: suspend_process
    lifetime: 30m
`

// TestFromACanaryToASuspendedProcess goes the whole way with every program as it
// ships, on a booted host set up in one command: a process reads a canary; sensor,
// hub, rule and policy lead to a token; the sender hands it to the wrapper, which
// suspends the process; its receipt closes the response. Undone, the process goes
// on.
func TestFromACanaryToASuspendedProcess(t *testing.T) {
	policies := t.TempDir()
	if err := os.WriteFile(filepath.Join(policies, "canary.yaml"), []byte(containing), 0o644); err != nil {
		t.Fatal(err)
	}
	hub := newHub(t, "--policies", policies)
	host := booted.Start(t, booted.Options{Capabilities: []string{"CAP_NET_ADMIN"}, Unfiltered: true})
	host.Forward(t, hub.listen)
	host.Push(t, filepath.Join(bin, "picket-sensor"), "/usr/bin/picket-sensor")
	for _, name := range []string{"picket-emergency-action", "picket-lease", "picket-wrapper-setup"} {
		host.Push(t, filepath.Join(bin, name), "/usr/libexec/picket/"+name)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, unit := range []string{"picket-send", "picket-watch", "picket-lease"} {
				t.Logf("%s logged:\n%s", unit, host.Journal(t, unit))
			}
			t.Logf("responses:\n%s", picket(t, hub, "eat", "list"))
			t.Logf("facts:\n%s", picket(t, hub, "facts", "query", "--kind", "canary", "--json"))
		}
	})
	const canary = "/srv/customers.sql"
	host.Write(t, canary, "nothing\n", 0o644)
	host.Run(t, "mkdir", "-p", "/etc/picket")
	host.Write(t, "/etc/picket/sensor.json", fmt.Sprintf(`{"state_dir": "/var/lib/picket", "canaries": [{"id": "dump", "path": %q}]}`, canary), 0o644)
	install := host.Command("picket-sensor", "install", "--launch", "sudo")
	install.Stdin = strings.NewReader(hub.token(1).String())
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("installing: %v\n%s", err, out)
	}
	// systemd-nspawn lays a boot id of its own over /proc, which the sender's unit,
	// with a /proc of its own, does not see: to the lease timer the host would have
	// been started again.
	host.Run(t, "systemctl", "stop", "picket-lease.timer")
	awaitWatching(t, hub, 1)

	// Without an audit rule the sensor looks for whoever holds the file, and says
	// so honestly when it came too late: then another reader has its turn.
	suspended, took := "", time.Duration(0)
	for try := 1; suspended == ""; try++ {
		if try > 10 {
			t.Fatal("of ten readers none was suspended")
		}
		began := time.Now()
		pid, end := readerOf(t, host, canary)
		if reaches(t, host, pid, "T", 5*time.Second) {
			suspended, took = pid, time.Since(began)
			t.Cleanup(end)
			t.Logf("reader %d was suspended %v after it began", try, took.Round(time.Millisecond))
			continue
		}
		end()
	}
	r := awaitResponse(t, hub, "done")
	if len(r.Receipts) != 1 || r.Receipts[0].Outcome != "done" || r.Policy != "canary-touched" || r.Alert == "" {
		t.Fatalf("the response is %+v", r)
	}
	picket(t, hub, "eat", "undo", r.ID, "--reason", "a test of the whole way", "--yes")
	if !reaches(t, host, suspended, "S", 30*time.Second) {
		t.Error("undone, it does not go on")
	}
	awaitResponse(t, hub, "undone")
	if out := picket(t, hub, "audit", "verify"); !strings.Contains(out, "records") {
		t.Errorf("picket audit verify: %s", out)
	}
	hub.check()
}

// picket runs the client against the hub and returns what it prints.
func picket(t testing.TB, hub *rig, args ...string) string {
	t.Helper()
	whole := append(slices.Clone(hub.via), filepath.Join(bin, "picket"))
	whole = append(append(whole, args...), "--dir", hub.dir)
	cmd := exec.Command(whole[0], whole[1:]...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("picket %s: %v\n%s%s", strings.Join(args, " "), err, out, said.String())
	}
	return string(out)
}

// awaitResponse returns the newest response that a policy led to, once it is in
// the state.
func awaitResponse(t testing.TB, hub *rig, state string) api.Response {
	t.Helper()
	var newest api.Response
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		newest = api.Response{}
		for line := range strings.Lines(picket(t, hub, "eat", "list", "--json")) {
			var r api.Response
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("picket eat list printed %q: %v", line, err)
			}
			if r.Policy != "" && r.Created.After(newest.Created) {
				newest = r
			}
		}
		if newest.State == state {
			var whole api.Response
			if err := json.Unmarshal([]byte(picket(t, hub, "eat", "show", newest.ID, "--json")), &whole); err != nil {
				t.Fatal(err)
			}
			return whole
		}
	}
	t.Fatalf("no response is %s; the newest is %+v", state, newest)
	return newest
}

// readerOf starts a process that reads a file and keeps it open, and returns when
// it has read.
func readerOf(t testing.TB, host *booted.Host, path string) (pid string, end func()) {
	t.Helper()
	reader := host.Command("sh", "-c", "echo $$; exec tail -f "+path)
	stdout, err := reader.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	pid, err = lines.ReadString('\n')
	if err == nil {
		_, err = lines.ReadString('\n') // what the file holds
	}
	if err != nil {
		t.Fatal(err)
	}
	pid = strings.TrimSpace(pid)
	return pid, func() {
		host.Try("sh", "-c", "kill -9 "+pid)
		reader.Process.Kill() // nsenter stops with what it started, and does not go on with it
		reader.Wait()
	}
}

// reaches waits for a process to be in a state of proc_pid_stat(5).
func reaches(t testing.TB, host *booted.Host, pid, state string, within time.Duration) bool {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		stat, err := host.Try("cat", "/proc/"+pid+"/stat")
		if i := strings.LastIndexByte(stat, ')'); err == nil && i >= 0 && strings.HasPrefix(stat[i+2:], state) {
			return true
		}
	}
	return false
}
