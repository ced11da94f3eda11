package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket.internal/e2e/booted"
)

const (
	hubDir   = "/var/lib/picket-hub"
	hubReady = "/run/picket-hub.ready"
)

// packagedHub makes a hub on a booted host out of its packages, with the flags
// that serve is to have, and returns once it takes connections, of the machine's
// too.
func packagedHub(t *testing.T, host *booted.Host, flags string) *rig {
	t.Helper()
	deb, _ := hubPackagesOf(t, "0.0.1")
	host.Push(t, deb, "/run/hub.deb")
	host.Push(t, filepath.Join(filepath.Dir(deb), "picket.deb"), "/run/cli.deb")
	began := time.Now()
	defer func() { t.Logf("a hub from its package: %v", time.Since(began).Round(100*time.Millisecond)) }()
	said := host.Run(t, "dpkg", "--install", "/run/hub.deb", "/run/cli.deb")
	h := &rig{t: t, dir: filepath.Join(host.Root, hubDir), listen: freeAddress(t)}
	hubIsMade(t, host, said, h.listen, flags)
	host.Reach(t, h.listen)
	host.Run(t, "picket", "enroll", "token", "--dir", hubDir)
	return h
}

// hubIsMade does what the package says is to be done next, and holds it to what
// it must be and must not be before and after.
func hubIsMade(t *testing.T, host *booted.Host, said, listen, flags string) {
	t.Helper()
	for _, next := range []string{"picket-hub init --dir " + hubDir + " --listen", "systemctl enable --now picket-hub"} {
		if !strings.Contains(said, next) {
			t.Errorf("installing does not say that %s is next:\n%s", next, said)
		}
	}
	host.Run(t, "systemctl", "start", "picket-hub")
	for property, want := range map[string]string{"ActiveState": "inactive", "ConditionResult": "no", "UnitFileState": "disabled"} {
		if got := strings.TrimSpace(host.Run(t, "systemctl", "show", "picket-hub", "-P", property)); got != want {
			t.Errorf("before init the unit's %s is %q, want %q", property, got, want)
		}
	}
	if out, err := host.Try("ls", "-d", hubDir); err == nil {
		t.Errorf("something has made %s before init", out)
	}
	host.Write(t, "/etc/picket-hub/flags", "FLAGS="+flags+"\n", 0o644)
	host.Run(t, "picket-hub", "init", "--dir", hubDir, "--listen", listen)
	host.Run(t, "systemctl", "enable", "--now", "picket-hub")
	if got := host.Run(t, "find", hubDir, "!", "-user", "picket-hub", "-o", "-perm", "/077"); got != "" {
		t.Errorf("these are not the hub's alone:\n%s", got)
	}
	// Whoever has the page's address may look.
	if got := host.Run(t, "stat", "-c", "%a %U", hubReady); got != "600 root\n" {
		t.Errorf("%s is %q", hubReady, got)
	}
	if got := host.Run(t, "cat", hubReady); !strings.Contains(got, "https://"+listen) || !strings.Contains(got, "/?key=") {
		t.Errorf("%s says %q", hubReady, got)
	}
	var log string
	await(t, "the hub's log in the journal", func() bool {
		log = host.Journal(t, "picket-hub")
		return strings.Contains(log, "msg=serving")
	})
	if ready := host.Run(t, "cat", hubReady); strings.Contains(log, "key=") || strings.Contains(ready, "msg=") {
		t.Errorf("the page's key is in the journal, or the log where the key is:\n%s\n%s", log, ready)
	}
}

// hubMay is what the hub's sandbox allows and what not.
var hubMay = map[string]string{
	"CapEff": noCaps, "CapPrm": noCaps, "CapAmb": noCaps, "CapInh": noCaps, "CapBnd": noCaps, "NoNewPrivs": "1", "Seccomp": "2",
	"socket inet": "ok", "socket inet6": "ok", "socket unix": "ok", "make hub state": "ok",
	"socket netlink": "EAFNOSUPPORT", "socket packet": "EAFNOSUPPORT",
	// It sees nobody and reads nothing of theirs.
	"root's processes": "0", "readlink /proc/1/exe": "ENOENT", "read /proc/1/environ": "ENOENT", "write /proc/1/mem": "ENOENT",
	"read /etc/shadow": "EACCES", "list /root": "EACCES", "list /home": "EACCES", "read /root/secret": "EACCES", "read the host's key": "EACCES",
	// It changes nothing but its folder.
	"make /etc/probe": "EROFS", "write /etc/passwd": "EACCES", "write hub flags": "EACCES", "write /root/secret": "EACCES", "make the socket": "EACCES",
	// It runs nothing, reaches into nobody and becomes nobody.
	"run true": "EACCES", "run sudo": "EACCES", "memory to run": "EPERM", "ptrace": "EPERM", "process_vm_readv": "EPERM", "process_vm_writev": "EPERM", "pidfd_getfd": "EPERM",
	"unshare user": "EPERM", "bpf": "EPERM", "io_uring_setup": "EPERM",
}

// hubIsConfined runs the probe in the place of the hub, in its unit as it is.
func hubIsConfined(t *testing.T, host *booted.Host) {
	t.Helper()
	host.Run(t, "systemctl", "stop", "picket-hub")
	pushProbe(t, host, "/usr/bin/picket-hub")
	host.Run(t, "systemctl", "start", "picket-hub")
	told := toldBy(t, "picket-hub", host.Run(t, "cat", hubReady))
	for name, want := range hubMay {
		if got := told[name]; got != want {
			t.Errorf("the hub's sandbox: %s: %q, want %q", name, got, want)
		}
	}
}

// keepsTheHub changes the version of a hub that runs and removes it, by rpm: what
// it is stays. What dpkg does is in docs/hub.md, which is run too.
func keepsTheHub(t *testing.T, host *booted.Host, m manager) {
	t.Helper()
	for i, version := range []string{"0.0.1", "0.0.2"} {
		_, rpm := hubPackagesOf(t, version)
		host.Push(t, rpm, "/run/hub."+string(rune('1'+i)))
	}
	do := func(command []string, more string) string {
		t.Helper()
		return host.Run(t, command[0], append(command[1:len(command):len(command)], more)...)
	}
	began := time.Now()
	defer func() { t.Logf("the hub's rpm: %v", time.Since(began).Round(100*time.Millisecond)) }()
	hubIsMade(t, host, do(m.install, "/run/hub.1"), "127.0.0.1:7443", "--ui 127.0.0.1:7444")
	before, pid := hubIdentity(t, host), hubPID(t, host)
	do(m.upgrade, "/run/hub.2")
	host.Run(t, "systemctl", "is-active", "picket-hub")
	host.Run(t, "systemctl", "is-enabled", "picket-hub")
	if hubPID(t, host) == pid {
		t.Error("the upgrade has not restarted the hub that ran")
	}
	// Root looks into the folder of a hub that is off, and leaves nothing there
	// that the hub could not open.
	host.Run(t, "systemctl", "stop", "picket-hub")
	host.Run(t, "picket-hub", "check", "--dir", hubDir)
	host.Run(t, "systemctl", "start", "picket-hub")
	do(m.remove, "picket-hub")
	hubIsAway(t, host)
	if after := hubIdentity(t, host); after != before {
		t.Errorf("the removal made\n%s of\n%s", after, before)
	}
}

func hubPID(t *testing.T, host *booted.Host) string {
	t.Helper()
	return host.Run(t, "systemctl", "show", "picket-hub", "-P", "MainPID")
}

// hubIdentity are digests of what the hub is.
func hubIdentity(t *testing.T, host *booted.Host) string {
	t.Helper()
	return host.Run(t, "sh", "-c", "sha256sum "+hubDir+"/hub.json "+hubDir+"/keys/*")
}

// hubIsAway wants nothing of the hub to run or to be installed.
func hubIsAway(t *testing.T, host *booted.Host) {
	t.Helper()
	for _, path := range []string{"/usr/bin/picket-hub", "/usr/lib/systemd/system/picket-hub.service", hubReady} {
		if out, err := host.Try("ls", "-d", path); err == nil {
			t.Errorf("the removal left %s", out)
		}
	}
	if got := host.Run(t, "systemctl", "list-units", "--all", "--no-legend", "picket-hub*"); got != "" {
		t.Errorf("units are left: %s", got)
	}
	if got := hubProcesses(t, host); got != "" {
		t.Errorf("processes are left: %s", got)
	}
}

// hubProcesses lists the processes of the hub's user; empty where there is none.
func hubProcesses(t *testing.T, host *booted.Host) string {
	t.Helper()
	return host.Run(t, "sh", "-c", "stat -c '%U %n' /proc/[0-9]* 2>/dev/null | grep ^picket-hub || true")
}
