package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"picket.internal/e2e/booted"
	"picket.internal/eat"
	"picket.internal/eat/eattest"
	"picket.internal/envelope"
	"picket.internal/packaging"
)

const (
	wrapperPath   = "/usr/libexec/picket/picket-emergency-action"
	wrapperSocket = "/run/picket-wrapper/action.sock"
)

// acting is a booted host with the built package on it, ready to take tokens of
// a hub that the test plays. No sensor runs on it: the tests are the sensor's
// user, with all that it could do.
type acting struct {
	*booted.Host
	hub     *eattest.Hub
	boot    string
	key     envelope.PublicKey
	counter uint64
	seen    int64
	before  string // the file system before the package was there
}

// standing is the host that the tests of the wrapper share: one boot for all.
var standing struct {
	host *acting
	life life
}

// life is what a host lives on while several tests use it: failures are those
// of the test that uses it now, and the end comes after the last.
type life struct {
	testing.TB
	ends []func()
	over bool
}

func (l *life) Cleanup(end func()) { l.ends = append(l.ends, end) }

func (l *life) TempDir() string {
	dir, err := os.MkdirTemp("", "picket-e2e-")
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (l *life) Failed() bool { return !l.over && l.TB.Failed() }

func (l *life) Errorf(format string, args ...any) {
	if l.over {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
		return
	}
	l.TB.Errorf(format, args...)
}

// endStanding ends the host that tests shared.
func endStanding() {
	l := &standing.life
	l.over = true
	for _, end := range slices.Backward(l.ends) {
		end()
	}
	standing.host, standing.life = nil, life{}
}

// actingHost returns the shared host; the first test boots it.
func actingHost(t *testing.T) *acting {
	t.Helper()
	standing.life.TB = t
	if standing.host == nil {
		began := time.Now()
		standing.host = bootActing(&standing.life)
		t.Logf("booted, installed and set up in %s", time.Since(began).Round(time.Millisecond))
	}
	return standing.host
}

func bootActing(t testing.TB) *acting {
	t.Helper()
	deb, _ := packagesOf(t, "0.0.1")
	a := &acting{Host: booted.Start(t, booted.Options{Capabilities: []string{"CAP_NET_ADMIN"}, Unfiltered: true}), hub: eattest.NewHub(t)}
	a.before = a.files(t)
	a.Push(t, deb, "/run/picket.deb")
	a.Run(t, "dpkg", "--install", "/run/picket.deb")
	if err := a.key.UnmarshalText([]byte(strings.TrimSpace(a.Run(t, "/usr/libexec/picket/picket-wrapper-setup")))); err != nil {
		t.Fatalf("the wrapper's key: %v", err)
	}
	a.boot = strings.TrimSpace(a.Run(t, "cat", "/proc/sys/kernel/random/boot_id"))

	trust := eattest.Trust(t)
	for i := range trust.HubKeys {
		trust.HubKeys[i].NotAfter = time.Now().UTC().Truncate(time.Second).AddDate(1, 0, 0)
	}
	a.writeJSON(t, "/etc/picket/trust/trust.json", trust)
	a.writeJSON(t, "/etc/picket/trust/host.json", map[string]any{"v": 1, "host": eattest.HostID})
	a.writeJSON(t, "/etc/picket/host-policy.json", eat.DefaultPolicy())
	a.Write(t, packaging.Sudoers.Path, string(packaging.Sudoers.Content()), os.FileMode(packaging.Sudoers.Mode))
	a.Run(t, "systemctl", "start", "picket-lease.timer", "picket-wrapper.socket")
	return a
}

func (a *acting) writeJSON(t testing.TB, path string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	a.Write(t, path, string(data), 0o644)
}

// files are all files of the host's disk with their owner, mode and content,
// but for what every run of the system itself changes.
func (a *acting) files(t testing.TB) string {
	t.Helper()
	const unchanging = `\( -path /var/log -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path '/etc/*-' -o -path /etc/.pwd.lock \) -prune`
	all := a.Run(t, "sh", "-c", `{ find / -xdev `+unchanging+` -o -printf '%p %u %g %m %l\n'; find / -xdev `+unchanging+` -o -type f -exec sha256sum {} +; } | sort`)
	if strings.Count(all, "\n") < 5000 {
		t.Fatalf("a Debian of %d files", strings.Count(all, "\n"))
	}
	return all
}

// token is the next token for the host.
func (a *acting) token(args eat.Args) eat.Token {
	a.counter++
	token := eattest.Token(args)
	now := time.Now().UTC().Truncate(time.Millisecond)
	token.Issued, token.NotBefore, token.Expires = now, now, now.Add(5*time.Minute)
	token.Boot, token.Counter = a.boot, a.counter
	token.ID = token.ID[:20] + "00" + strconv.FormatUint(1000+a.counter, 10)
	return token
}

// order is the delivery of a new token.
func (a *acting) order(t testing.TB, args eat.Args) (token eat.Token, delivery []byte) {
	t.Helper()
	token = a.token(args)
	return token, a.hub.Deliver(t, token, a.seen)
}

// asPicket is a command of the sensor's user.
func (a *acting) asPicket(args ...string) *exec.Cmd {
	return a.Command("runuser", append([]string{"-u", "picket", "--"}, args...)...)
}

// give runs a command with a delivery on its standard input.
func give(cmd *exec.Cmd, delivery []byte) (printed, complaint string, err error) {
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(delivery), &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// receipts opens what a wrapper printed.
func (a *acting) receipts(t testing.TB, printed string) (all []*eat.Receipt) {
	t.Helper()
	for line := range strings.Lines(strings.TrimRight(printed, "\n")) {
		r, _, err := eat.OpenReceipt([]byte(strings.TrimSpace(line)), a.key)
		if err != nil {
			t.Fatalf("a receipt that the wrapper printed: %v\n%s", err, line)
		}
		all = append(all, r)
	}
	return all
}

// outcome is that of the last receipt for the token; empty where there is none.
func outcome(receipts []*eat.Receipt, token string) string {
	for _, r := range slices.Backward(receipts) {
		if r.Token == token {
			return strings.TrimSpace(r.Outcome + " " + r.Refusal)
		}
	}
	return ""
}

// accept gives a delivery to the wrapper by sudo, as it is meant to be, and
// wants it done.
func (a *acting) accept(t testing.TB, token eat.Token, delivery []byte) []*eat.Receipt {
	t.Helper()
	printed, complaint, err := give(a.asPicket("sudo", "-n", wrapperPath), delivery)
	if err != nil {
		t.Fatalf("sudo -n %s: %v\n%s", wrapperPath, err, complaint)
	}
	receipts := a.receipts(t, printed)
	if got := outcome(receipts, token.ID); got != eat.OutcomeDone {
		t.Fatalf("%s by sudo: %q, want it done\n%s", token.Action(), got, complaint)
	}
	a.seen = a.hub.Tree(t).N
	return receipts
}

// knock gives a delivery to the wrapper's socket, as a user.
func (a *acting) knock(user string, delivery []byte) (printed, complaint string, err error) {
	const client = `use IO::Socket::UNIX; local $/; my $order = <STDIN>;
my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "connect: $!\n";
print $s $order; $s->flush; $s->shutdown(1); print while <$s>;`
	return give(a.Command("runuser", "-u", user, "--", "perl", "-e", client, wrapperSocket), delivery)
}

// journal is what wrappers that the socket started have complained of so far.
func (a *acting) journal(t testing.TB) string {
	t.Helper()
	a.Run(t, "journalctl", "--sync")
	return a.Journal(t, "picket-wrapper@*")
}

// victim starts a process that tokens can be about.
func (a *acting) victim(t testing.TB, unit string) eat.Process {
	t.Helper()
	a.Run(t, "systemd-run", "--quiet", "--unit="+unit, "--property=User=daemon", "--property=Type=exec", "sleep", "600")
	t.Cleanup(func() { a.Try("systemctl", "kill", "--signal=KILL", unit) })
	pid, err := strconv.ParseInt(strings.TrimSpace(a.Run(t, "systemctl", "show", "-P", "MainPID", unit)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	start, err := strconv.ParseUint(a.stat(t, pid)[19], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	sum := strings.Fields(a.Run(t, "sha256sum", fmt.Sprintf("/proc/%d/exe", pid)))[0]
	return eat.Process{PID: pid, StartTicks: start, SHA256: sum}
}

// stat is what follows the name in /proc/PID/stat, the state first.
func (a *acting) stat(t testing.TB, pid int64) []string {
	t.Helper()
	line := a.Run(t, "cat", fmt.Sprintf("/proc/%d/stat", pid))
	return strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
}

// awaitState waits until a process is in a state of proc(5).
func (a *acting) awaitState(t testing.TB, pid int64, state string, within time.Duration) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); ; <-tick.C {
		got := a.stat(t, pid)[0]
		if got == state {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("process %d is in state %s after %s, want %s", pid, got, within, state)
		}
	}
}
