package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"picket.internal/eat"
	"picket.internal/packaging"
)

// refusedByAll gives a fresh token to each command line and wants neither a
// receipt nor an exit status of 0, and what was said to hold the words. The
// token must be as good afterwards as before.
func refusedByAll(t *testing.T, a *acting, cases map[string]refusal) {
	t.Helper()
	token, delivery := a.order(t, eat.Noop{})
	for name, c := range cases {
		printed, complaint, err := give(a.asPicket(c.args...), delivery)
		if err == nil || strings.TrimSpace(printed) != "" || !strings.Contains(complaint, c.says) {
			t.Errorf("%s: %v, it printed %q and complained %q, want a refusal with %q", name, err, printed, complaint, c.says)
		}
	}
	a.accept(t, token, delivery)
}

type refusal struct {
	args []string
	says string
}

// TestThreat_W1_BothWaysCarryAToken: a real token leads to a receipt by sudo and
// by the socket, and where NoNewPrivileges is set sudo says so itself.
func TestThreat_W1_BothWaysCarryAToken(t *testing.T) {
	a := actingHost(t)
	token, delivery := a.order(t, eat.Noop{})
	a.accept(t, token, delivery)

	token, delivery = a.order(t, eat.Noop{})
	printed, complaint, err := a.knock("picket", delivery)
	if err != nil {
		t.Fatalf("by the socket: %v\n%s\n%s", err, complaint, a.journal(t))
	}
	if got := outcome(a.receipts(t, printed), token.ID); got != eat.OutcomeDone {
		t.Fatalf("by the socket: %q, want it done\n%s", got, a.journal(t))
	}
	a.seen = a.hub.Tree(t).N
	if again, _, _ := a.knock("picket", delivery); strings.Count(again, "\n") != strings.Count(printed, "\n")+1 {
		t.Errorf("the same token again: %q, want one receipt more, of a refusal", again)
	}
	if _, complaint, err := a.knock("daemon", delivery); err == nil || !strings.Contains(complaint, "Permission denied") {
		t.Errorf("another user reaches the socket: %v, %q", err, complaint)
	}

	token, delivery = a.order(t, eat.Noop{})
	_, complaint, err = give(a.Command("setpriv", "--reuid=picket", "--regid=picket", "--clear-groups", "--no-new-privs", "sudo", "-n", wrapperPath), delivery)
	if err == nil || !strings.Contains(complaint, "no new privileges") {
		t.Errorf("sudo under NoNewPrivileges: %v, %q", err, complaint)
	}
	a.accept(t, token, delivery)
}

// TestSuspendedUntilItsLeaseEnds: by both ways a process really stops, and
// root's timer lets it go on when the time is over, with no sensor on the host.
func TestSuspendedUntilItsLeaseEnds(t *testing.T) {
	a := actingHost(t)
	bySudo, bySocket := a.victim(t, "by-sudo"), a.victim(t, "by-socket")

	first, delivery := a.order(t, eat.SuspendProcess{Process: bySudo, Lifetime: 2})
	a.accept(t, first, delivery)
	if state := a.stat(t, bySudo.PID)[0]; state != "T" {
		t.Errorf("by sudo: the process is in state %s, want T", state)
	}
	second, delivery := a.order(t, eat.SuspendProcess{Process: bySocket, Lifetime: 2})
	printed, complaint, err := a.knock("picket", delivery)
	if err != nil || outcome(a.receipts(t, printed), second.ID) != eat.OutcomeDone {
		t.Fatalf("by the socket: %v, %s\n%s\n%s", err, complaint, printed, a.journal(t))
	}
	a.seen = a.hub.Tree(t).N
	if state := a.stat(t, bySocket.PID)[0]; state != "T" {
		t.Errorf("by the socket: the process is in state %s, want T", state)
	}
	if state := strings.TrimSpace(a.Run(t, "sh", "-c", "systemctl is-active picket-send || true")); state != "inactive" {
		t.Fatalf("the sensor is %s: the test is about the host without it", state)
	}
	a.awaitState(t, bySudo.PID, "S", 30*time.Second)
	a.awaitState(t, bySocket.PID, "S", 30*time.Second)

	third, delivery := a.order(t, eat.Noop{})
	all := a.accept(t, third, delivery)
	for way, token := range map[string]eat.Token{"sudo": first, "the socket": second} {
		if got := outcome(all, token.ID); got != eat.OutcomeAutoUndone {
			t.Errorf("by %s: the lease ended with the receipt %q, want %s", way, got, eat.OutcomeAutoUndone)
		}
	}
}

// TestThreat_W2_ACallersSandboxIsNamed: what a unit holds back is found before
// anything is begun, and the wrapper says what it is.
func TestThreat_W2_ACallersSandboxIsNamed(t *testing.T) {
	a := actingHost(t)
	victim := a.victim(t, "sandboxed")
	token, delivery := a.order(t, eat.SuspendProcess{Process: victim, Lifetime: 3600})

	sandboxed := func(line string) (string, error) {
		_, complaint, err := give(a.Command("systemd-run", "--quiet", "--pipe", "--wait", "--collect",
			"--property=User=picket", "--property="+line, "sudo", "-n", wrapperPath), delivery)
		return complaint, err
	}
	for line, says := range map[string]string{
		"ProtectSystem=strict":                    "wrapper.readonly_target",
		"ReadOnlyPaths=/var/lib":                  "wrapper.readonly_target",
		"CapabilityBoundingSet=~CAP_KILL":         "wrapper.sandboxed",
		"CapabilityBoundingSet=~CAP_NET_ADMIN":    "wrapper.sandboxed",
		"SystemCallFilter=@system-service @mount": "no new privileges",
	} {
		complaint, err := sandboxed(line)
		if err == nil || !strings.Contains(complaint, says) {
			t.Errorf("sudo in a unit with %s: %v, %q, want %q", line, err, complaint, says)
		}
	}

	const dropIn = "/etc/systemd/system/picket-wrapper@.service.d/worse.conf"
	t.Cleanup(func() {
		a.Run(t, "rm", "-r", "/etc/systemd/system/picket-wrapper@.service.d")
		a.Run(t, "systemctl", "daemon-reload")
	})
	for line, says := range map[string]string{
		"ProtectSystem=strict":             "wrapper.readonly_target",
		"SystemCallFilter=@system-service": "wrapper.sandboxed: a system call filter",
		"CapabilityBoundingSet=~CAP_KILL":  "wrapper.sandboxed: CAP_KILL",
	} {
		a.Write(t, dropIn, "[Service]\n"+line+"\n", 0o644)
		a.Run(t, "systemctl", "daemon-reload")
		before := a.journal(t)
		printed, _, _ := a.knock("picket", delivery)
		said := strings.TrimPrefix(a.journal(t), before)
		if printed != "" || !strings.Contains(said, says) {
			t.Errorf("the wrapper's unit with %s: it printed %q and said %q, want %q", line, printed, said, says)
		}
	}
	if state := a.stat(t, victim.PID)[0]; state != "S" {
		t.Errorf("the process is in state %s: something was done", state)
	}
	a.accept(t, token, delivery) // none of them has spent it
}

// TestThreat_W4_SudoGivesTwoProgramsAndNothingElse: every other way to ask sudo
// is refused.
func TestThreat_W4_SudoGivesTwoProgramsAndNothingElse(t *testing.T) {
	a := actingHost(t)
	a.Run(t, "visudo", "--check", "--strict")

	list, _, err := give(a.asPicket("sudo", "-n", "-l"), nil)
	if err != nil {
		t.Fatalf("sudo -l: %v", err)
	}
	var granted []string
	_, rules, _ := strings.Cut(list, "may run the following")
	_, rules, _ = strings.Cut(rules, "\n")
	for line := range strings.Lines(rules) {
		who, what, ok := strings.Cut(strings.TrimSpace(line), ")")
		if !ok {
			continue
		}
		if who != "(root : root" {
			t.Errorf("sudo lets picket be %s)", who)
		}
		for command := range strings.SplitSeq(what, ",") {
			fields := strings.Fields(command)
			granted = append(granted, strings.Join(fields[max(0, len(fields)-2):], " "))
			if len(granted) == 1 && (!strings.Contains(command, "NOSETENV:") || !strings.Contains(command, "NOPASSWD:")) {
				t.Errorf("sudo grants %q", command)
			}
		}
	}
	want := []string{wrapperPath + ` ""`, `/usr/libexec/picket/picket-self-update ""`}
	if !slices.Equal(granted, want) {
		t.Errorf("sudo lets picket run %q, want %q\n%s", granted, want, list)
	}

	a.Run(t, "ln", "-sf", wrapperPath, "/tmp/link")
	a.Run(t, "install", "-m", "0755", wrapperPath, "/tmp/picket-emergency-action")
	const no = "password is required"
	sudo := func(says string, args ...string) refusal {
		return refusal{append([]string{"sudo", "-n"}, args...), says}
	}
	refusedByAll(t, a, map[string]refusal{
		"an argument":               sudo(no, wrapperPath, "--x"),
		"an empty argument":         sudo(no, wrapperPath, ""),
		"a file as argument":        sudo(no, wrapperPath, "/etc/shadow"),
		"another user":              sudo(no, "-u", "daemon", wrapperPath),
		"a user's number":           sudo("", "-u", "#1", wrapperPath),
		"user -1":                   sudo("", "-u", "#-1", wrapperPath),
		"user 4294967295":           sudo("", "-u", "#4294967295", wrapperPath),
		"the sensor's own user":     sudo("not allowed", "-u", "picket", wrapperPath),
		"another group":             sudo(no, "-g", "daemon", wrapperPath),
		"keeping the environment":   sudo("preserve the environment", "-E", wrapperPath),
		"keeping one variable":      {[]string{"env", "GODEBUG=x=1", "sudo", "-n", "--preserve-env=GODEBUG", wrapperPath}, "environment variables"},
		"setting a variable":        sudo("environment variables", "VAR=1", wrapperPath),
		"setting PATH":              sudo("environment variables", "PATH=/tmp", wrapperPath),
		"setting GODEBUG":           sudo("environment variables", "GODEBUG=x=1", wrapperPath),
		"another root":              sudo("-R option", "-R", "/tmp", wrapperPath),
		"another folder":            sudo("-D option", "-D", "/tmp", wrapperPath),
		"keeping descriptors":       sudo("-C option", "-C", "10", wrapperPath),
		"a shell":                   sudo(no, "-s"),
		"a login shell":             sudo(no, "-i"),
		"a program of the system":   sudo(no, "/bin/sh", "-c", "id"),
		"the leases":                sudo(no, "/usr/libexec/picket/picket-lease"),
		"the setup":                 sudo(no, "/usr/libexec/picket/picket-wrapper-setup"),
		"the sensor":                sudo(no, "/usr/bin/picket-sensor", "install"),
		"editing":                   sudo(no, "-e", "/etc/sudoers"),
		"editing by the flaw":       {[]string{"sh", "-c", `EDITOR="vi -- /etc/shadow" sudoedit -n /etc/picket/sensor.json`}, no},
		"a link of another name":    sudo(no, "/tmp/link"),
		"a copy of the same name":   sudo(no, "/tmp/picket-emergency-action"),
		"a program not there yet":   sudo("", "/usr/libexec/picket/picket-self-update"),
		"without sudo":              {[]string{wrapperPath}, "wrapper.not_root"},
		"the leases without sudo":   {[]string{"/usr/libexec/picket/picket-lease"}, "wrapper.not_root"},
		"without sudo, an argument": {[]string{wrapperPath, "x"}, "wrapper.args_refused"},
	})
}

// hostile is what could steer a Go program, the loader, sudo or a shell.
var hostile = []string{
	"LD_PRELOAD=/tmp/x.so", "LD_LIBRARY_PATH=/tmp", "LD_AUDIT=/tmp/x.so", "GODEBUG=execerrdot=0", "GOTRACEBACK=crash", "GOGC=1",
	"GOMEMLIMIT=1", "GOMAXPROCS=1", "GOCOVERDIR=/tmp", "SSL_CERT_FILE=/tmp/x", "SSL_CERT_DIR=/tmp", "HTTPS_PROXY=http://127.0.0.1:1",
	"TMPDIR=/tmp", "HOME=/tmp", "IFS=x", "BASH_ENV=/tmp/x", "ENV=/tmp/x", "LOCALDOMAIN=x", "RES_OPTIONS=x", "GCONV_PATH=/tmp",
	"SUDO_ASKPASS=/tmp/x", "SUDO_EDITOR=/tmp/x", "SUDO_USER=root", "SUDO_UID=0", "SUDO_COMMAND=/bin/sh", "SUDO_PS1=x", "TZ=/tmp/x",
	"LC_ALL=../../tmp", "TERM=../../tmp/x", "DISPLAY=x", "XAUTHORITY=/tmp/x", "COLORS=x",
}

// TestThreat_W5_TheEnvironmentStaysOutside: with every variable that could steer
// it set, the process that reads the order has the one that it gives itself.
func TestThreat_W5_TheEnvironmentStaysOutside(t *testing.T) {
	a := actingHost(t)
	token, delivery := a.order(t, eat.Noop{})
	cmd := a.asPicket(append(append([]string{"env"}, hostile...), "sudo", "-n", wrapperPath)...)
	order, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var printed, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &printed, &complaint
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It waits for its order, so it can be looked at.
	const clean = "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
	environ := ""
	for end := time.Now().Add(8 * time.Second); environ != clean && time.Now().Before(end); {
		environ, _ = a.Try("sh", "-c", `for p in /proc/[0-9]*; do
			test "$(readlink $p/exe)" = `+wrapperPath+` && tr '\0' '\n' <$p/environ; done; true`)
	}
	if environ != clean {
		t.Errorf("the wrapper runs with %q, want %q", environ, clean)
	}
	order.Write(delivery)
	order.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("with a hostile environment: %v\n%s", err, complaint.String())
	}
	if got := outcome(a.receipts(t, printed.String()), token.ID); got != eat.OutcomeDone {
		t.Errorf("with a hostile environment: %q, want it done", got)
	}
	a.seen = a.hub.Tree(t).N

	// Where sudoers had let it through, the wrapper would say so.
	_, delivery = a.order(t, eat.Noop{})
	for _, variable := range []string{"GODEBUG=x=1", "GOTRACEBACK=crash", "LD_PRELOAD=/tmp/x.so", "LD_BIND_NOW=1"} {
		printed, complaint, err := give(a.Command("env", variable, wrapperPath), delivery)
		if err == nil || printed != "" || !strings.Contains(complaint, "wrapper.env_refused") {
			t.Errorf("as root with %s: %v, %q, %q", variable, err, printed, complaint)
		}
	}
	a.counter-- // it was never spent
}

// TestThreat_P1_NothingInstalledIsWide: what was installed can be changed by
// nobody but root, and sudo's file is as sudo wants it.
func TestThreat_P1_NothingInstalledIsWide(t *testing.T) {
	a := actingHost(t)
	if got := a.Run(t, "stat", "-c", "%a %U:%G", packaging.Sudoers.Path); got != "440 root:root\n" {
		t.Errorf("%s is %q", packaging.Sudoers.Path, got)
	}
	wide := a.Run(t, "sh", "-c", `dpkg -L picket-sensor | while read -r path; do find "$path" -maxdepth 0 ! -type l \( -perm /022 -o ! -user root -o ! -group root \) -print; done`)
	if wide != "" {
		t.Errorf("others than root can change:\n%s", wide)
	}
	for path, want := range map[string]string{
		"/var/lib/picket-wrapper": "700 root:root", "/var/lib/picket-wrapper/key": "600 root:root", "/etc/picket": "755 root:root",
		"/etc/picket/wrapper.pub": "644 root:root", "/var/lib/picket": "700 picket:picket", wrapperSocket: "660 root:picket",
	} {
		if got := strings.TrimSpace(a.Run(t, "stat", "-c", "%a %U:%G", path)); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if out, err := a.Try("dpkg", "--verify", "picket-sensor"); err != nil || out != "" {
		t.Errorf("dpkg --verify: %v\n%s", err, out)
	}
}

// TestThreat_P2_FilesOfOthersAreNotBelieved: a file or a folder above it that
// somebody else could have changed is named, and nothing is done.
func TestThreat_P2_FilesOfOthersAreNotBelieved(t *testing.T) {
	a := actingHost(t)
	for _, c := range []struct{ name, spoil, mend, says string }{
		{"a wide folder of programs", "chmod g+w /usr/libexec/picket", "chmod g-w /usr/libexec/picket", "/usr/libexec/picket"},
		{"a wide folder above it", "chmod o+w /usr/libexec", "chmod o-w /usr/libexec", "/usr/libexec"},
		{"a wide program", "chmod g+w " + wrapperPath, "chmod g-w " + wrapperPath, wrapperPath},
		{"a wide /etc/picket", "chmod o+w /etc/picket", "chmod o-w /etc/picket", "/etc/picket"},
		{"another's trust store", "chown picket /etc/picket/trust/trust.json", "chown root /etc/picket/trust/trust.json", "/etc/picket/trust/trust.json"},
		{"another's folder of trust", "chown picket /etc/picket/trust", "chown root /etc/picket/trust", "/etc/picket/trust"},
		{"a linked trust store", "cd /etc/picket/trust; mv trust.json real; ln -s real trust.json", "cd /etc/picket/trust; mv real trust.json", "/etc/picket/trust/trust.json"},
		{"a wide host policy", "chmod g+w /etc/picket/host-policy.json", "chmod g-w /etc/picket/host-policy.json", "/etc/picket/host-policy.json"},
		{"a wide host file", "chmod o+w /etc/picket/trust/host.json", "chmod o-w /etc/picket/trust/host.json", "/etc/picket/trust/host.json"},
		{"a key that others read", "chmod g+r /var/lib/picket-wrapper/key", "chmod g-r /var/lib/picket-wrapper/key", "/var/lib/picket-wrapper/key"},
		{"another's state", "chown picket /var/lib/picket-wrapper", "chown root /var/lib/picket-wrapper", "/var/lib/picket-wrapper"},
	} {
		token, delivery := a.order(t, eat.Noop{})
		a.Run(t, "sh", "-c", c.spoil)
		printed, complaint, err := give(a.asPicket("sudo", "-n", wrapperPath), delivery)
		a.Run(t, "sh", "-c", c.mend)
		if err == nil || printed != "" || !strings.Contains(complaint, "trust.bad_owner: "+c.says+" ") {
			t.Errorf("%s: %v, %q, %q, want trust.bad_owner and %s", c.name, err, printed, complaint, c.says)
		}
		a.accept(t, token, delivery)
	}
}

// TestThreat_P3_PurgeLeavesNothing: an upgrade keeps all; a purge ends what is in
// force, and the disk is as it was before.
func TestThreat_P3_PurgeLeavesNothing(t *testing.T) {
	a := actingHost(t)
	token, delivery := a.order(t, eat.Noop{})
	a.accept(t, token, delivery)
	kept := func() string {
		return a.Run(t, "sh", "-c", "sha256sum /var/lib/picket-wrapper/key /var/lib/picket-wrapper/state.json /etc/picket/*.* /etc/picket/trust/* /etc/sudoers.d/picket")
	}
	before := kept()
	a.Run(t, "dpkg", "--install", "/run/picket.deb")
	if after := kept(); after != before {
		t.Errorf("an upgrade has changed\n%s\nto\n%s", before, after)
	}
	victim := a.victim(t, "held")
	token, delivery = a.order(t, eat.SuspendProcess{Process: victim, Lifetime: 3600})
	a.accept(t, token, delivery)

	left := func() string {
		return a.Run(t, "sh", "-c", "ls -d /run/picket* /run/systemd/system/picket* 2>/dev/null | grep -v '^/run/picket.deb$' || true")
	}
	if left() == "" {
		t.Error("nothing of Picket's is seen in /run while it is there: the look for what is left would find nothing either")
	}
	out, err := a.Command("dpkg", "--purge", "picket-sensor").CombinedOutput()
	t.Cleanup(endStanding) // the next test boots another
	if err != nil {
		t.Fatalf("dpkg --purge: %v\n%s", err, out)
	}
	if state := a.stat(t, victim.PID)[0]; state != "S" {
		t.Errorf("the process that was suspended is in state %s: nobody is left to let it go on", state)
	}
	a.Run(t, "rm", "-f", "/tmp/link", "/tmp/picket-emergency-action")
	if diff := changed(a.before, a.files(t)); diff != "" {
		t.Errorf("purging leaves the disk with these differences:\n%s", diff)
	}
	if left := left(); left != "" {
		t.Errorf("left in /run:\n%s", left)
	}
	if left := strings.TrimSpace(a.Run(t, "systemctl", "list-units", "--all", "--plain", "--no-legend", "picket*")); left != "" {
		t.Errorf("units are left:\n%s", left)
	}
	a.Run(t, "visudo", "--check", "--strict")
}

// changed are the lines that only one of two sorted lists has.
func changed(before, after string) string {
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	slices.Sort(was) // by bytes, which sort of the host need not do
	slices.Sort(is)
	var out strings.Builder
	for _, line := range was {
		if _, found := slices.BinarySearch(is, line); !found {
			fmt.Fprintf(&out, "- %s\n", line)
		}
	}
	for _, line := range is {
		if _, found := slices.BinarySearch(was, line); !found {
			fmt.Fprintf(&out, "+ %s\n", line)
		}
	}
	return out.String()
}
