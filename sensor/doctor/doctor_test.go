//go:build linux

package doctor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"picket.internal/internal/testneed"
)

// patient is a made-up host on which all is well.
type patient struct {
	t   *testing.T
	cfg Config
}

const (
	statusFull  = "Name:\tx\nUid:\t100\t100\t100\t100\nCapEff:\t000001ffffffffff\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t0\n"
	statusPlain = "Name:\tx\nUid:\t100\t100\t100\t100\nCapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t1\n"
	statusBound = "Name:\tx\nUid:\t100\t100\t100\t100\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\n"
)

func newPatient(t *testing.T) *patient {
	p := &patient{t: t, cfg: Config{Root: t.TempDir(), Path: "/etc/picket/sensor.json", StateDir: "/var/lib/picket", Launch: "socket",
		Canaries: []string{"/root/.aws/credentials", "/srv/dump.sql"}}}
	p.put("/proc/self/status", statusFull)
	p.put("/proc/self/mountinfo", "24 1 0:22 / /proc rw,nosuid - proc proc rw\n")
	p.link("/proc/self/ns/pid", "pid:[4026531836]")
	p.link("/proc/self/ns/user", "user:[4026531837]")
	p.link("/proc/self/ns/net", "net:[4026531840]")
	p.link("/proc/1/ns/net", "net:[4026531840]")
	p.put("/proc/77/status", statusFull)
	p.put("/proc/77/fdinfo/3", "pos:\t0\ninotify wd:1 ino:2\ninotify wd:2 ino:3\n")
	p.put("/proc/78/status", strings.ReplaceAll(statusFull, "100", "0"))
	p.put("/proc/78/fdinfo/3", "inotify wd:1 ino:2\n")
	p.put("/proc/sys/fs/inotify/max_user_watches", "1000\n")
	p.put("/proc/sys/fs/inotify/max_user_instances", "128\n")
	p.put("/proc/sys/fs/inotify/max_queued_events", "16384\n")
	p.put("/run/systemd/system/x", "")
	p.put("/usr/lib/systemd/libsystemd-shared-252.so", "")
	p.put("/usr/libexec/picket/picket-emergency-action", "")
	for _, path := range append([]string{"/usr/bin/sudo", sudoersFile, wrapperSocket}, trusted...) {
		p.put(path, "")
	}
	p.put("/var/lib/dpkg/status", "")
	p.put("/var/log/auth.log", "")
	p.put("/var/lib/picket/host.key", "")
	p.put("/var/lib/picket/identity.json", "")
	for name, mode := range map[string]os.FileMode{"": 0o700, "/host.key": 0o600} {
		p.must(os.Chmod(p.cfg.Root+"/var/lib/picket"+name, mode))
	}
	all := audit{enabled: true, paths: map[string]bool{"/root/.aws/credentials": true, "/srv/": true}}
	p.cfg.probes = probes{
		release: func() string { return "6.1.0-31-amd64" }, uid: func() int { return 100 }, files: func() uint64 { return 1024 },
		synced: func() (bool, error) { return true, nil }, inotify: func() error { return nil }, connector: func() error { return nil },
		audit: func() audit { return all }, fanotify: func() error { return nil }, dial: func(string) error { return nil },
	}
	return p
}

func (p *patient) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *patient) put(path, content string) {
	p.t.Helper()
	p.must(os.MkdirAll(filepath.Dir(p.cfg.Root+path), 0o755))
	p.must(os.WriteFile(p.cfg.Root+path, []byte(content), 0o644))
}

func (p *patient) link(path, to string) {
	p.t.Helper()
	p.must(os.MkdirAll(filepath.Dir(p.cfg.Root+path), 0o755))
	p.must(os.Symlink(to, p.cfg.Root+path))
}

func (p *patient) relink(path, to string) {
	p.t.Helper()
	p.must(os.Remove(p.cfg.Root + path))
	p.link(path, to)
}

func (p *patient) remove(path string) { p.must(os.RemoveAll(p.cfg.Root + path)) }

func TestAllIsWell(t *testing.T) {
	p := newPatient(t)
	all := Run(p.cfg)
	for _, f := range all {
		if !f.OK || f.Fix != "" || f.Detail == "" {
			t.Errorf("%+v", f)
		}
	}
	if !Well(all) || len(all) != len(checks) {
		t.Errorf("%d findings, well: %v", len(all), Well(all))
	}
}

// TestWhatIsMissing takes one thing away from a host on which all is well.
// Exactly the checks that are about it say so, each with a way out.
func TestWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(p *patient)
		checks string // that say no
		detail string // of the first of them
		fix    string
		needed bool
	}{
		{"an old kernel", func(p *patient) { p.cfg.probes.release = func() string { return "3.10.0-1160.el7" } },
			"kernel", "needs 4.11", "newer kernel", true},
		{"no capabilities", func(p *patient) { p.put("/proc/self/status", statusPlain) },
			"cap_sys_ptrace cap_dac_read_search cap_net_admin cap_audit_read", "other users' processes", "unit: AmbientCapabilities=CAP_SYS_PTRACE", false},
		{"a container without them", func(p *patient) { p.put("/proc/self/status", statusBound) },
			"cap_sys_ptrace cap_dac_read_search cap_net_admin cap_audit_read", "rules it out", "container: --cap-add SYS_PTRACE", false},
		{"hidepid", func(p *patient) {
			p.put("/proc/self/status", strings.Replace(statusFull, "000001ffffffffff", "000001fffff7ffff", 1))
			p.put("/proc/self/mountinfo", "24 1 0:22 / /proc rw shared:7 - proc proc rw,gid=4,hidepid=invisible\n")
		}, "cap_sys_ptrace proc", "", "", false},
		{"no proc", func(p *patient) { p.remove("/proc/self/mountinfo") }, "proc", "nothing can be seen", "mount -t proc", true},
		{"a pid namespace", func(p *patient) { p.relink("/proc/self/ns/pid", "pid:[4026532000]") },
			"pid_namespace net_namespace", "only the processes of this container", "--pid=host", false},
		{"a user namespace", func(p *patient) { p.relink("/proc/self/ns/user", "user:[4026532000]") },
			"user_namespace", "count for nothing outside", "", false},
		{"a net namespace", func(p *patient) { p.relink("/proc/self/ns/net", "net:[4026532001]") },
			"net_namespace", "listeners", "--network=host", false},
		{"few watches", func(p *patient) { p.put("/proc/sys/fs/inotify/max_user_watches", "505\n") },
			"inotify", "505 watches a user, 2 in use, about 504 needed for 2 canaries", "fs.inotify.max_user_watches=1012", true},
		{"no inotify", func(p *patient) { p.cfg.probes.inotify = func() error { return unix.EMFILE } },
			"inotify", "canaries are not watched", "max_user_instances=256", true},
		{"few instances", func(p *patient) { p.put("/proc/sys/fs/inotify/max_user_instances", "4\n") },
			"inotify_instances", "4 instances a user, 1 in use", "max_user_instances=256", false},
		{"a short queue", func(p *patient) { p.put("/proc/sys/fs/inotify/max_queued_events", "128\n") },
			"inotify_queue", "counted as loss", "/etc/sysctl.d/60-picket.conf: fs.inotify.max_queued_events = 16384", false},
		{"few files", func(p *patient) { p.cfg.probes.files = func() uint64 { return 64 } }, "open_files", "64", "LimitNOFILE", false},
		{"no connector for such a user", func(p *patient) {
			p.put("/proc/self/status", strings.Replace(statusFull, "000001ffffffffff", "000001ffffffefff", 1))
			p.cfg.probes.connector = func() error { return fmt.Errorf("joining: %w", unix.EPERM) }
		}, "cap_net_admin connector", "CAP_NET_ADMIN", "AmbientCapabilities=CAP_NET_ADMIN", false},
		{"a capability that counts for nothing", func(p *patient) { p.cfg.probes.connector = func() error { return unix.EPERM } },
			"connector", "missed", "in a user namespace CAP_NET_ADMIN counts for nothing", false},
		{"a kernel without connector", func(p *patient) { p.cfg.probes.connector = func() error { return unix.EPROTONOSUPPORT } },
			"connector", "CONFIG_PROC_EVENTS", "kernel", false},
		{"a silent connector", func(p *patient) { p.cfg.probes.connector = func() error { return errSilent } },
			"connector", "namespaces", "--pid=host", false},
		{"no audit for such a user", func(p *patient) {
			p.cfg.probes.audit = func() audit { return audit{join: unix.EPERM, ask: unix.EPERM} }
		}, "audit audit_rules", "who touched a canary", "CAP_AUDIT_READ", false},
		{"neither audit nor fanotify", func(p *patient) {
			p.cfg.probes.audit = func() audit { return audit{join: unix.EPERM, ask: unix.EPERM} }
			p.cfg.probes.fanotify = func() error { return unix.EPERM }
		}, "audit audit_rules fanotify attribution", "", "", false},
		{"audit is off", func(p *patient) {
			p.cfg.probes.audit = func() audit { return audit{paths: map[string]bool{"/": true}} }
		}, "audit", "off", "auditctl -e 1", false},
		{"a canary without a rule", func(p *patient) {
			p.cfg.probes.audit = func() audit { return audit{enabled: true, paths: map[string]bool{"/srv/dump.sql": true}} }
		}, "audit_rules", "1 of 2", "auditctl -a always,exit -F path=/root/.aws/credentials -F perm=rwa -k picket", false},
		{"no fanotify", func(p *patient) { p.cfg.probes.fanotify = func() error { return unix.EPERM } }, "fanotify", "CAP_SYS_ADMIN", "audit_rules", false},
		{"the bus is away", func(p *patient) { p.cfg.probes.dial = func(string) error { return unix.ENOENT } },
			"systemd", "systemd 252 runs, its bus is not reached", "dbus.socket", false},
		{"no systemd, no sudo", func(p *patient) {
			p.cfg.Launch = ""
			p.remove("/run/systemd")
			p.remove("/usr/bin/sudo")
		}, "systemd launch", "OpenRC", "", false},
		{"no wrapper", func(p *patient) { p.remove("/usr/libexec") }, "launch", "only tell", "the package picket-sensor", true},
		{"no launch mode", func(p *patient) { p.cfg.Launch = "none" }, "launch", "only tells", "picket-sensor install --launch socket", false},
		{"no socket where that is the way", func(p *patient) { p.remove(wrapperSocket) }, "launch", wrapperSocket, "systemctl enable --now picket-wrapper.socket", true},
		{"no sudo where that is the way", func(p *patient) { p.cfg.Launch = "sudo"; p.remove("/usr/bin/sudo") }, "launch", "sudo is not there", "install sudo", true},
		{"sudo without sudoers", func(p *patient) { p.cfg.Launch = "sudo"; p.remove(sudoersFile) }, "launch", "refuse", "--launch sudo", true},
		{"sudo in a sandbox", func(p *patient) { p.cfg.Launch = "sudo"; p.put(sandboxFile, "") }, "launch", "NoNewPrivileges", "--launch sudo", true},
		{"no trust store", func(p *patient) { p.remove("/etc/picket/trust") }, "launch", "no /etc/picket/trust/trust.json, no /etc/picket/trust/host.json", "--launch socket", true},
		{"no package database", func(p *patient) { p.remove("/var/lib/dpkg") }, "packages", "vouch for nothing", "", false},
		{"no log", func(p *patient) { p.remove("/var/log") }, "logins", "not told", "rsyslog", false},
		{"a free-running clock", func(p *patient) { p.cfg.probes.synced = func() (bool, error) { return false, nil } },
			"clock", "nobody synchronises", "timedatectl", false},
		{"the clock may not be asked", func(p *patient) { p.cfg.probes.synced = func() (bool, error) { return false, errors.New("no") } },
			"clock", "cannot be asked", "", false},
		{"not enrolled", func(p *patient) { p.remove("/var/lib/picket") },
			"state", "nothing can be sent", "picket-sensor enroll --config /etc/picket/sensor.json", true},
		{"half enrolled", func(p *patient) { p.remove("/var/lib/picket/identity.json") }, "state", "not enrolled", "enroll", true},
		{"an open state folder", func(p *patient) { p.must(os.Chmod(p.cfg.Root+"/var/lib/picket", 0o755)) },
			"state", "mode 0755", "chmod 700 /var/lib/picket", true},
		{"a key for everybody", func(p *patient) { p.must(os.Chmod(p.cfg.Root+"/var/lib/picket/host.key", 0o644)) },
			"state", "mode 0644", "chmod 600 /var/lib/picket/host.key", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPatient(t)
			c.change(p)
			all := Run(p.cfg)
			var said []string
			var first Finding
			for _, f := range all {
				if f.OK {
					continue
				}
				if said = append(said, f.Check); len(said) == 1 {
					first = f
				}
			}
			if got := strings.Join(said, " "); got != c.checks {
				t.Fatalf("no is said by %q, want %q: %+v", got, c.checks, all)
			}
			if !strings.Contains(first.Detail, c.detail) || !strings.Contains(first.Fix, c.fix) {
				t.Errorf("%+v, want detail %q and fix %q", first, c.detail, c.fix)
			}
			if Well(all) == c.needed {
				t.Errorf("well is %v", Well(all))
			}
		})
	}
}

func TestAtLeast(t *testing.T) {
	for release, want := range map[string]bool{"6.6.0": true, "6.6-rc1": true, "6.18.44-x": true, "10.0": true, "6.5.13": false, "5.15": false, "": false, "x.y": false} {
		if atLeast(release, 6, 6) != want {
			t.Errorf("%q: %v", release, !want)
		}
	}
}

// TestContainer asks from inside namespaces of its own, as a container has
// them: nothing that only the host has is called there.
func TestContainer(t *testing.T) {
	if os.Getenv("PICKET_DOCTOR_INSIDE") != "" {
		for _, f := range Run(Config{}) {
			fmt.Printf("\n%s=%v\n", f.Check, f.OK)
		}
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestContainer$")
	cmd.Env = append(os.Environ(), "PICKET_DOCTOR_INSIDE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
		testneed.Missing(t, fmt.Sprintf("needs namespaces of a user's own: %v", err))
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"kernel=true", "user_namespace=false", "connector=false", "audit=false", "fanotify=false", "attribution=false", "packages="} {
		if !strings.Contains(string(out), "\n"+want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestRealHost asks this machine. As root on a host, what the kernel has it
// gives.
func TestRealHost(t *testing.T) {
	all := Run(Config{})
	got := make(map[string]Finding)
	for _, f := range all {
		got[f.Check] = f
		if f.Check == "" || f.Detail == "" {
			t.Errorf("%+v", f)
		}
	}
	if len(got) != len(checks) || !Well(all) {
		t.Errorf("%d findings, well: %v", len(got), Well(all))
	}
	testneed.Root(t)
	host := got["pid_namespace"].OK && got["user_namespace"].OK && got["net_namespace"].OK
	if f := got["connector"]; host && !f.OK && !strings.Contains(f.Detail, "CONFIG_PROC_EVENTS") {
		t.Errorf("root has no connector: %+v", f)
	}
	if f := got["cap_sys_ptrace"]; host && !f.OK {
		t.Errorf("root lacks it: %+v", f)
	}
}
