package e2e_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
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
	for _, name := range []string{"picket-sensor-install", "picket-emergency-action", "picket-lease", "picket-wrapper-setup"} {
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
	evidenceArrives(t, hub, host, r.Host.ID)
	sensorIsAttested(t, hub, host, r.Host.ID)
	if out := picket(t, hub, "audit", "verify"); !strings.Contains(out, "records") {
		t.Errorf("picket audit verify: %s", out)
	}
	hub.check()
}

// evidenceArrives has the host gather evidence, which goes sealed from the wrapper
// through the sensor to the hub, and saves it: what is in the file is what the
// wrapper has signed, and on the host's disk.
func evidenceArrives(t *testing.T, hub *rig, host *booted.Host, id string) {
	t.Helper()
	host.Write(t, "/tmp/note", strings.Repeat("give us money\n", 30_000), 0o600)
	picket(t, hub, "eat", "issue", id, "collect_evidence", "what=processes,files", "files=/tmp/note", "max_bytes=4194304", "max_seconds=30", "--reason", "a test of the whole way")
	var r api.Response
	for end := time.Now().Add(30 * time.Second); r.Evidence == nil || r.Evidence.State != api.EvidenceWhole; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no evidence came: %+v, %+v", r, r.Evidence)
		}
		for line := range strings.Lines(picket(t, hub, "eat", "list", "--json")) {
			var one api.Response
			if err := json.Unmarshal([]byte(line), &one); err == nil && one.Action == "collect_evidence" {
				r = one
			}
		}
	}
	file := filepath.Join(t.TempDir(), "evidence.jsonl")
	picket(t, hub, "eat", "evidence", r.ID, "-o", file)
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(got))
	effect := r.Receipts[len(r.Receipts)-1].Effect
	onHost := strings.Fields(host.Run(t, "sha256sum", "/var/lib/picket-wrapper/evidence/"+r.Token.ID))[0]
	if sum != effect["sha256"] || sum != onHost || fmt.Sprint(len(got)) != effect["bytes"] || r.Evidence.Chunks < 4 {
		t.Errorf("%d bytes with the digest %s arrived in %d chunks; on the host it is %s, and the receipt says %v", len(got), sum, r.Evidence.Chunks, onHost, effect)
	}
	if text := base64.StdEncoding.EncodeToString([]byte("give us money\ngive us money\n")[:27]); !bytes.Contains(got, []byte(text)) {
		t.Error("the file that was asked for is not in it")
	}
	if out, err := host.Try("runuser", "-u", "picket", "--", "cat", "/var/lib/picket-wrapper/evidence/"+r.Token.ID); err == nil {
		t.Errorf("the sender's user reads it: %.80q", out)
	}
	t.Logf("%d bytes of evidence arrived in %d chunks", len(got), r.Evidence.Chunks)
}

// sensorIsAttested has the wrapper hash the sensor and the hub compare: it finds
// what the sensor says. Once a part of a unit is there that was not, it finds that.
func sensorIsAttested(t *testing.T, hub *rig, host *booted.Host, id string) {
	t.Helper()
	ask := func(want string) api.Attestation {
		asked := time.Now()
		picket(t, hub, "hosts", "attest", id)
		for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
			var h api.Host
			if err := json.Unmarshal([]byte(picket(t, hub, "hosts", "list", "--json")), &h); err != nil {
				t.Fatal(err)
			}
			if a := h.Attestation; a != nil && a.At.After(asked) {
				if a.Verdict != want {
					t.Errorf("attested as %+v, want %s", a, want)
				}
				return *a
			}
		}
		t.Fatalf("no attestation was judged:\n%s", picket(t, hub, "eat", "list", "--scheduled"))
		return api.Attestation{}
	}
	ask(api.AttestAgrees)
	host.Run(t, "mkdir", "-p", "/etc/systemd/system/picket-send.service.d")
	if a := ask(api.AttestChanged); len(a.Findings) != 1 || !strings.Contains(a.Findings[0], "unit_send_dropin") {
		t.Errorf("a part of a unit that came: %+v", a)
	}
	if out := picket(t, hub, "hosts", "show", id); !strings.Contains(out, "A FILE THAT CHANGED") {
		t.Errorf("picket hosts show says:\n%s", out)
	}
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
