package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"picket.internal/e2e/booted"
	"picket.internal/eat"
	"picket.internal/internal/testneed"
	"picket.internal/packaging"
)

// packagesOf are deb and rpm of the sensor's programs that the tests use, as one
// version. They are made once.
func packagesOf(t testing.TB, version string) (deb, rpm string) {
	t.Helper()
	return packaged(t, "package-sensor", version, "picket-sensor")
}

// hubPackagesOf are deb and rpm of the hub; those of the people's tool are
// beside them.
func hubPackagesOf(t testing.TB, version string) (deb, rpm string) {
	t.Helper()
	if version == "0.0.2" { // that rpm changes to
		return packaged(t, "package-hub", version, "picket-hub", "KINDS=rpm")
	}
	return packaged(t, "package-hub", version, "picket-hub")
}

func packaged(t testing.TB, target, version, name string, more ...string) (deb, rpm string) {
	t.Helper()
	dir := filepath.Join(bin, "packages", version)
	deb, rpm = filepath.Join(dir, name+".deb"), filepath.Join(dir, name+".rpm")
	if _, err := os.Stat(rpm); err == nil {
		return deb, rpm
	}
	began := time.Now()
	args := append([]string{"-s", "-C", "..", target, "BIN=" + bin, "DIST=" + dir, "PKGVERSION=" + version}, more...)
	if out, err := exec.Command("make", args...).CombinedOutput(); err != nil {
		t.Fatalf("making the packages: %v\n%s", err, out)
	}
	t.Logf("make %s took %v", target, time.Since(began).Round(100*time.Millisecond))
	return deb, rpm
}

// manager is what installs packages on a host.
type manager struct {
	name                     string
	needs                    []string // packages of Debian's
	install, upgrade, remove []string // commands that take a package, and its name
	downgrade                []string
	verify                   []string
}

// rpm runs on a Debian here: there is no system made of rpms that could be had.
// What it does with the files and the scripts is its own; only what other
// packages it would ask for is left out.
var managers = []manager{
	{
		name: "deb", install: []string{"dpkg", "--install"}, upgrade: []string{"dpkg", "--install"},
		downgrade: []string{"dpkg", "--force-downgrade", "--install"}, remove: []string{"dpkg", "--remove"},
		verify: []string{"dpkg", "--verify"},
	},
	{
		name: "rpm", needs: []string{"cron", "openssh-client", "openssh-server", "rpm"}, // the system of the inventory's test
		install: []string{"rpm", "--force-debian", "--nodeps", "--install"}, upgrade: []string{"rpm", "--force-debian", "--nodeps", "--upgrade"},
		downgrade: []string{"rpm", "--force-debian", "--nodeps", "--upgrade", "--oldpackage"},
		remove:    []string{"rpm", "--force-debian", "--erase"}, verify: []string{"rpm", "--verify", "--nodeps"},
	},
}

// TestThreat_W3_UpgradesAndRestartsKeepTheHost: one command each sets a host up from the
// package; an upgrade and a downgrade keep identity, keys, policy, configuration
// and the chosen way to the wrapper; a removal leaves no way to root and all of
// the state.
func TestThreat_W3_UpgradesAndRestartsKeepTheHost(t *testing.T) {
	for _, m := range managers {
		t.Run(m.name, func(t *testing.T) { keepsTheHost(t, m) })
	}
}

func keepsTheHost(t *testing.T, m manager) {
	host := booted.Start(t, booted.Options{Capabilities: []string{"CAP_NET_ADMIN"}, Unfiltered: true, Packages: m.needs})
	hub := newOrderingHub(t)
	host.Forward(t, hub.addr)
	for i, version := range []string{"0.0.1", "0.0.2"} {
		deb, rpm := packagesOf(t, version)
		host.Push(t, map[string]string{"deb": deb, "rpm": rpm}[m.name], fmt.Sprintf("/run/%d.pkg", i+1))
	}
	do := func(command []string, more ...string) string {
		t.Helper()
		return host.Run(t, command[0], append(command[1:len(command):len(command)], more...)...)
	}

	do(m.install, "/run/1.pkg")
	install := host.Command("picket-sensor", "install")
	install.Stdin = strings.NewReader(hub.token())
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("installing: %v\n%s", err, out)
	}
	if r, _ := hub.noop(1); r.Outcome != eat.OutcomeDone {
		t.Fatalf("a noop: %s %s %s", r.Outcome, r.Refusal, r.Detail)
	}
	state := func() string {
		return host.Run(t, "sh", "-c", `cd / && sha256sum etc/picket/*.json etc/picket/trust/* etc/picket/wrapper.pub etc/sudoers.d/picket \
			var/lib/picket/host.key var/lib/picket/identity.json var/lib/picket-wrapper/key && getent passwd picket picket-watch`)
	}
	before := state()
	for i, change := range []struct {
		to      string
		command []string
	}{{"2", m.upgrade}, {"1", m.downgrade}} {
		tried := wrapperMeanwhile(t, host, func() { do(change.command, "/run/"+change.to+".pkg") })
		t.Logf("to version %s: the wrapper was started %d times meanwhile", change.to, tried)
		if got := state(); got != before {
			t.Errorf("the change to version %s made\n%s of\n%s", change.to, got, before)
		}
		for _, unit := range []string{"picket-watch.service", "picket-send.service", "picket-lease.timer"} {
			host.Run(t, "systemctl", "is-active", unit)
			host.Run(t, "systemctl", "is-enabled", unit)
		}
		if r, _ := hub.noop(uint64(2 + i)); r.Outcome != eat.OutcomeDone {
			t.Errorf("a noop after the change to version %s: %s %s %s", change.to, r.Outcome, r.Refusal, r.Detail)
		}
	}
	restartedInTheMiddle(t, host, hub, 4)

	// install has written how the wrapper is launched into the configuration
	out, err := host.Try(m.verify[0], append(m.verify[1:len(m.verify):len(m.verify)], "picket-sensor")...)
	for line := range strings.Lines(out) {
		if !strings.HasSuffix(strings.TrimSpace(line), "c /etc/picket/sensor.json") {
			t.Errorf("%v: %v: %s", m.verify, err, line)
		}
	}

	if processesOf(t, host) == "" {
		t.Error("no process of the sensor's users is seen while it runs: the look for what is left would find none either")
	}
	do(m.remove, "picket-sensor")
	for _, path := range []string{packaging.Sudoers.Path, "/usr/bin/picket-sensor", "/usr/libexec/picket", "/usr/lib/systemd/system/picket-send.service", "/run/picket-wrapper"} {
		if out, err := host.Try("ls", "-d", path); err == nil {
			t.Errorf("the removal left %s", out)
		}
	}
	for _, path := range []string{"/var/lib/picket/host.key", "/var/lib/picket-wrapper/key", "/etc/picket/host-policy.json"} {
		host.Run(t, "test", "-e", path)
	}
	if got := host.Run(t, "systemctl", "list-units", "--all", "--no-legend", "picket*"); got != "" {
		t.Errorf("units are left: %s", got)
	}
	if got := processesOf(t, host); got != "" {
		t.Errorf("processes are left: %s", got)
	}
	if m.name == "rpm" {
		keepsTheHub(t, host, m)
		return
	}
	do([]string{"dpkg", "--purge"}, "picket-sensor")
	docsHub(t, host)
}

// processesOf lists the processes of the sensor's users; empty where there is none.
func processesOf(t *testing.T, host *booted.Host) string {
	t.Helper()
	return host.Run(t, "sh", "-c", "stat -c '%U %n' /proc/[0-9]* 2>/dev/null | grep ^picket || true")
}

// TestRPMHoldsWhatTheDebHolds: both packages are made of one list. There is no
// system here that an rpm could be installed on: its content and its scripts
// are all that is looked at.
func TestRPMHoldsWhatTheDebHolds(t *testing.T) {
	testneed.Command(t, "rpm", "apt-get install rpm")
	testneed.Command(t, "dpkg-deb", "apt-get install dpkg")
	hubDeb, hubRPM := hubPackagesOf(t, "0.0.1")
	sensorDeb, sensorRPM := packagesOf(t, "0.0.1")
	beside := func(path, name string) string { return filepath.Join(filepath.Dir(path), name) }
	var debs []string
	for _, p := range []struct {
		deb, rpm string
		files    int // that are in both, at least
		scripts  bool
	}{{sensorDeb, sensorRPM, 12, true}, {hubDeb, hubRPM, 200, true}, {beside(hubDeb, "picket.deb"), beside(hubRPM, "picket.rpm"), 4, false}} {
		t.Run(strings.TrimSuffix(filepath.Base(p.deb), ".deb"), func(t *testing.T) { holdsTheSame(t, p.deb, p.rpm, p.files, p.scripts) })
		debs = append(debs, p.deb)
	}
	lintian := testneed.Command(t, "lintian", "apt-get install lintian")
	if out, err := exec.Command(lintian, append([]string{"--allow-root", "--fail-on", "error,warning"}, debs...)...).CombinedOutput(); err != nil {
		t.Errorf("lintian: %v\n%s", err, out)
	}
}

// manualIsSound has mandoc read the page of a package.
func manualIsSound(t *testing.T, deb string) {
	t.Helper()
	mandoc := testneed.Command(t, "mandoc", "apt-get install mandoc")
	read := exec.Command("sh", "-ec", `dpkg-deb --fsys-tarfile "$1" | tar --extract --to-stdout --wildcards './usr/share/man/*.gz' | gzip -d | "$2" -T lint -W style`, "sh", deb, mandoc)
	if out, err := read.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("the manual in %s: %v\n%s", deb, err, out)
	}
}

func holdsTheSame(t *testing.T, deb, rpm string, atLeast int, scripted bool) {
	output := func(name string, args ...string) string {
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	files := map[string][]string{}
	for line := range strings.Lines(output("dpkg-deb", "--contents", deb)) {
		f := strings.Fields(line)
		if f[0][0] == '-' {
			files["deb"] = append(files["deb"], fmt.Sprint(f[0], " ", f[1], " ", strings.TrimPrefix(f[5], ".")))
		}
	}
	for line := range strings.Lines(output("rpm", "-qlpv", rpm)) {
		f := strings.Fields(line)
		if f[0][0] == '-' {
			files["rpm"] = append(files["rpm"], fmt.Sprint(f[0], " ", f[2]+"/"+f[3], " ", f[len(f)-1]))
		}
	}
	of := func(kind string) (list []string) {
		for _, f := range files[kind] {
			if !strings.Contains(f, "/usr/share/doc/") && !strings.Contains(f, "/usr/share/lintian/") && !strings.Contains(f, "/usr/share/licenses/") &&
				!strings.Contains(f, "/usr/share/zsh/") { // each system has a folder of its own
				list = append(list, f)
			}
		}
		slices.Sort(list)
		return list
	}
	if a, b := of("deb"), of("rpm"); len(a) < atLeast || !slices.Equal(a, b) {
		t.Errorf("the deb holds\n%s\nthe rpm holds\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
	for _, f := range slices.Concat(files["deb"], files["rpm"]) {
		if f[5] == 'w' || f[8] == 'w' || !strings.Contains(f, " root/root ") || strings.ContainsAny(f[:10], "st") {
			t.Errorf("%s: writable by others, not root's, or set-id", f)
		}
	}
	for _, f := range packaging.Files() {
		if !strings.Contains(deb, "picket-sensor") {
			break
		}
		if !slices.ContainsFunc(files["deb"], func(s string) bool { return strings.HasSuffix(s, " "+f.Path) }) {
			t.Errorf("picket-sensor install puts %s in place, and the packages do not", f.Path)
		}
	}
	manualIsSound(t, deb)
	scripts := output("rpm", "-qp", "--scripts", rpm)
	for _, want := range []string{"postinstall scriptlet", "preuninstall scriptlet", "postuninstall scriptlet"} {
		if strings.Contains(scripts, want) != scripted {
			t.Errorf("the rpm has a %s: %v, want %v", want, !scripted, scripted)
		}
	}
}
