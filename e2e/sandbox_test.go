package e2e_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/e2e/booted"
	"picket.internal/fact"
)

// units are the sensor's two processes.
var units = []string{"picket-watch", "picket-send"}

// install puts the sensor onto a booted host as packaging/README.md says, with
// what sensor.json is to say beside the state's folder, and enrolls it. The hub
// must be within its reach.
func install(t *testing.T, host *booted.Host, hub *rig, settings string) {
	t.Helper()
	host.Push(t, filepath.Join(bin, "picket-sensor"), "/usr/bin/picket-sensor")
	for _, unit := range units {
		host.Push(t, "../packaging/systemd/"+unit+".service", "/usr/lib/systemd/system/"+unit+".service")
	}
	for _, dir := range []string{"sysusers.d", "tmpfiles.d"} {
		host.Push(t, "../packaging/"+dir+"/picket.conf", "/usr/lib/"+dir+"/picket.conf")
	}
	host.Run(t, "systemd-sysusers", "picket.conf")
	host.Run(t, "systemd-tmpfiles", "--create", "picket.conf")
	host.Write(t, "/etc/picket/sensor.json", `{"state_dir": "/var/lib/picket", `+settings+`}`, 0o644)
	enroll := host.Command("runuser", "-u", "picket", "--", "picket-sensor", "enroll", "--config", "/etc/picket/sensor.json")
	enroll.Stdin = strings.NewReader(hub.token(1).String())
	if out, err := enroll.CombinedOutput(); err != nil {
		t.Fatalf("enrolling: %v\n%s", err, out)
	}
	host.Run(t, "systemctl", "daemon-reload")
}

// awaitFact returns the first stored fact of the kind that is as wanted.
func awaitFact(t *testing.T, hub *rig, what string, kind fact.Kind, wanted func(*fact.Fact) bool) *fact.Fact {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := hub.client()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		for stored, err := range c.Facts(ctx, api.FactQuery{Kind: string(kind), Limit: 200}) {
			if err != nil {
				t.Fatalf("waiting for %s: %v", what, err)
			}
			if f, _, err := fact.Parse(stored.Fact); err == nil && wanted(f) {
				return f
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the hub never got %s", what)
		}
	}
}

// said makes a wanted of what the sensor says about itself.
func said(source, action, reason string) func(*fact.Fact) bool {
	return func(f *fact.Fact) bool {
		return f.Sensor != nil && f.Sensor.Source == source && f.Sensor.Action == action && strings.Contains(f.Sensor.Reason, reason)
	}
}

// TestThreat_S2_TheReaderCannotTalkTheTalkerCannotRead boots a Debian with both
// units as they ship, and a hub in its own. First with the sensor: what only
// privilege can read reaches the hub through a process that has none. Then with a
// probe in the place of the sensor, and of the hub, so that each unit's own
// sandbox tells what it allows.
func TestThreat_S2_TheReaderCannotTalkTheTalkerCannotRead(t *testing.T) {
	host := booted.Start(t, booted.Options{Capabilities: []string{"CAP_NET_ADMIN"}})
	hub := packagedHub(t, host, "--heartbeat 1s --attest 0")
	install(t, host, hub, `"heartbeat": "1s", "scan_interval": "200ms"`)
	host.Run(t, "systemctl", "start", "picket-watch", "picket-send")
	t.Cleanup(func() {
		if t.Failed() {
			for _, unit := range append(units, "picket-hub") {
				t.Logf("%s logged:\n%s", unit, host.Journal(t, unit))
			}
		}
	})

	init := awaitFact(t, hub, "the hash of root's process 1", fact.KindProcess, func(f *fact.Fact) bool {
		return f.Process.PID == 1 && f.Process.HashStatus == fact.HashOK
	})
	want := strings.Fields(host.Run(t, "sha256sum", "/proc/1/exe"))[0]
	if init.User == nil || init.User.ID != "0" || init.Process.Hash.SHA256 != want {
		t.Errorf("process 1 is told as %+v of %+v, want the hash %s and root", init.Process, init.User, want)
	}
	for _, source := range []string{"watch", "send"} {
		awaitFact(t, hub, "a heartbeat of "+source, fact.KindSensor, said(source, fact.SensorHeartbeat, ""))
	}

	for _, unit := range units {
		t.Logf("%s: %s", unit, host.Run(t, "sh", "-c", `grep ^Pss: /proc/$(systemctl show -P MainPID "$1")/smaps_rollup`, "sh", unit))
	}

	host.Run(t, "systemctl", "stop", "picket-watch")
	awaitFact(t, hub, "the watcher's goodbye", fact.KindSensor, said("watch", fact.SensorStop, ""))
	awaitFact(t, hub, "the word that nobody watches", fact.KindSensor, said("watch", fact.SensorDegraded, "is not connected"))
	host.Run(t, "systemctl", "start", "picket-watch")
	awaitFact(t, hub, "the word that somebody watches again", fact.KindSensor, said("watch", fact.SensorDegraded, "is connected again"))

	// One that dies without a word is started again, and what it held is told
	// as lost.
	host.Run(t, "systemctl", "kill", "--signal=KILL", "picket-watch")
	awaitFact(t, hub, "the word that a watcher died", fact.KindSensor, said("link", fact.SensorLoss, "the watching process ended without a word"))
	host.Run(t, "systemctl", "stop", "picket-watch", "picket-send")
	awaitFact(t, hub, "the sender's goodbye", fact.KindSensor, said("send", fact.SensorStop, ""))

	watch, send := probe(t, host, hub)
	for name, want := range watcherMay {
		if got := watch[name]; got != want {
			t.Errorf("the watcher's sandbox: %s: %q, want %q", name, got, want)
		}
	}
	for name, want := range senderMay {
		if got := send[name]; got != want {
			t.Errorf("the sender's sandbox: %s: %q, want %q", name, got, want)
		}
	}
	hubIsConfined(t, host)
	for _, unit := range append(units, "picket-hub") {
		lines := strings.Split(strings.TrimSpace(host.Run(t, "systemd-analyze", "security", "--no-pager", unit+".service")), "\n")
		t.Logf("systemd-analyze security: %s", strings.TrimSpace(lines[len(lines)-1]))
	}
}

const (
	noCaps = "0000000000000000"
	// eyes are CAP_DAC_READ_SEARCH (2), CAP_NET_ADMIN (12), CAP_SYS_PTRACE (19)
	// and CAP_AUDIT_READ (37). Source: capability.h.
	eyes = "0000002000081004"
)

// watcherMay is what the watcher's sandbox allows and what not.
var watcherMay = map[string]string{
	"CapEff": eyes, "CapPrm": eyes, "CapAmb": eyes, "CapBnd": eyes, "NoNewPrivs": "1", "Seccomp": "2",
	"readlink /proc/1/exe": "ok", "read /proc/1/exe": "ok", "read /etc/shadow": "ok",
	"list /root": "ok", "read /root/secret": "ok", "socket unix": "ok", "socket netlink": "ok", "make the socket": "ok",
	// It cannot talk, and has no key to sign with.
	"read the host's key": "ENOENT",
	"socket inet":         "EAFNOSUPPORT", "socket inet6": "EAFNOSUPPORT", "socket packet": "EAFNOSUPPORT",
	"dial the hub": "EAFNOSUPPORT", "io_uring_setup": "EPERM",
	// It changes nothing.
	"write /proc/1/mem": "EACCES", "write /root/secret": "EACCES", "write /etc/passwd": "EACCES",
	"make /etc/probe": "EROFS", "make /tmp/probe": "EROFS",
	// It reaches into nobody and becomes nobody.
	"ptrace": "EPERM", "process_vm_readv": "EPERM", "process_vm_writev": "EPERM", "pidfd_getfd": "EPERM",
	"unshare user": "EPERM", "bpf": "EPERM", "run true": "EACCES", "run sudo": "EACCES",
}

// senderMay is what the sender's sandbox allows and what not.
var senderMay = map[string]string{
	"CapEff": noCaps, "CapPrm": noCaps, "CapAmb": noCaps, "CapInh": noCaps, "NoNewPrivs": "0",
	"socket inet": "ok", "socket inet6": "ok", "dial the hub": "ok", "read the host's key": "ok",
	"run sudo": "sudo: a password is required",
	// It reads nothing that the watcher is there to read.
	"readlink /proc/1/exe": "ENOENT", "read /proc/1/exe": "ENOENT", "read /proc/1/environ": "ENOENT", "write /proc/1/mem": "ENOENT",
	"root's processes": "0", "read /etc/shadow": "EACCES", "list /root": "EACCES", "read /root/secret": "EACCES",
	"write /root/secret": "EACCES", "write /etc/passwd": "EACCES", "make /etc/probe": "EACCES",
	// It reaches the watcher's folder, where nobody listens now, and makes nothing there.
	"reach the watcher": "ENOENT", "make the socket": "EACCES",
	"socket packet": "EPERM", "bpf": "EPERM",
}

// probe runs the probe in the place of the sensor, in both units as they are.
func probe(t *testing.T, host *booted.Host, hub *rig) (watch, send map[string]string) {
	t.Helper()
	pushProbe(t, host, "/usr/bin/picket-sensor")
	host.Write(t, "/root/secret", "not for you\n", 0o600)
	host.Write(t, "/etc/picket/probe", hub.listen, 0o644)
	host.Run(t, "systemctl", "start", "picket-watch", "picket-send")
	read := func(unit string) map[string]string {
		host.Run(t, "journalctl", "--sync")
		return toldBy(t, unit, host.Journal(t, unit))
	}
	return read("picket-watch"), read("picket-send")
}

// pushProbe puts the probe into the place of a program.
func pushProbe(t *testing.T, host *booted.Host, path string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "probe")
	build := exec.Command("go", "build", "-trimpath", "-gcflags=all=-l", "-o", program, "./probe") // as the sensor, whose parts are compiled
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the probe: %v\n%s", err, out)
	}
	host.Push(t, program, path)
}

// toldBy is what the probe in a unit has written.
func toldBy(t *testing.T, unit, output string) (told map[string]string) {
	t.Helper()
	_, text, found := strings.Cut(output, "probe {")
	line, _, _ := strings.Cut(text, "\n")
	if err := json.Unmarshal([]byte("{"+line), &told); !found || err != nil {
		t.Fatalf("the probe in %s: %v\n%s", unit, err, line)
	}
	return told
}
