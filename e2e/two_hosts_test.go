//go:build linux

package e2e_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/fact"
)

// fieldCanary is planted on each host.
const fieldCanary = "/srv/customers.sql"

// suspendAndLook acts by itself: it holds up what touched a canary, and looks around.
const suspendAndLook = `name: canary-touched
title: Suspend what touched a canary, and look around
on:
  rules: [canary.read, canary.open]
mode: auto
group: 10m
actions:
  - action: suspend_process
    lifetime: 30m
  - action: collect_evidence
    what: [processes, sockets, logins]
`

// TestTwoHostsAndAHub is what containment promises, on two booted hosts that were
// set up from the package and a hub beside them, on a network of their own.
func TestTwoHostsAndAHub(t *testing.T) {
	policies := t.TempDir()
	if err := os.WriteFile(filepath.Join(policies, "canary.yaml"), []byte(suspendAndLook), 0o644); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	step := func(format string, args ...any) {
		t.Logf("%6.1f s  %s", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	deb, _ := packagesOf(t, "0.0.1")
	f := newField(t, "--policies", policies)
	a, b := f.station("alpha", 2), f.station("beta", 3)
	step("both are booted")
	a.setUp(deb, fieldCanary)
	b.setUp(deb, fieldCanary)
	a.allow(eat.ActionIsolateNetwork, eat.ActionReleaseNetwork, eat.ActionSuspendProcess, eat.ActionCollectEvidence)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("responses:\n%s", picket(t, f.hub, "eat", "list"))
		}
	})

	step("a canary on alpha is read")
	suspended, end := catIsSuspended(t, a)
	for try := 1; !suspended; try++ {
		// Without fanotify and audit the sensor looks for whoever holds the file,
		// and says so honestly when it came too late.
		t.Logf("reader %d was not suspended: %s", try, picket(t, f.hub, "facts", "query", "--kind", "canary", "--limit", "1", "--json"))
		if try == 10 {
			t.Fatal("of ten readers none was suspended")
		}
		end()
		suspended, end = catIsSuspended(t, a)
	}
	for _, action := range []string{eat.ActionSuspendProcess, eat.ActionCollectEvidence} {
		r := f.awaitOne(action, func(r api.Response) bool {
			return r.Action == action && r.Host.ID == a.id && r.State == api.ResponseDone
		})
		if r.Policy != "canary-touched" || r.Mode != "auto" || r.Alert == "" || last(r) != eat.OutcomeDone {
			t.Errorf("the response %s of %s by %q (%s) ends with %q", r.ID, action, r.Policy, r.Mode, last(r))
		}
		if shown := picket(t, f.hub, "alerts", "show", r.Alert); !strings.Contains(shown, action) {
			t.Errorf("the alert does not show %s:\n%s", action, shown)
		}
	}

	end()

	step("they talk, and alpha is isolated")
	if err := inSpace(a, "nft", "add table inet own; add chain inet own in { type filter hook input priority 0; }; add rule inet own in tcp dport 9 drop"); err != nil {
		t.Fatal(err)
	}
	before := a.ruleset()
	talks := converse(t, a, b)
	first := a.order(eat.ActionIsolateNetwork, "lifetime=15m")
	isolated := time.Now()
	if last(first) != eat.OutcomeDone {
		t.Errorf("the last receipt of the isolation says %q", last(first))
	}
	talks.mustBeCut(t)
	mustNotReach(t, a, b, talks)
	touchAndHear(t, a, isolated)
	f.awaitOne("the hub's word that it still reaches alpha", func(r api.Response) bool {
		return r.Action == eat.ActionNoop && r.Host.ID == a.id && r.State == api.ResponseDone && strings.Contains(r.Reason, first.Token.ID)
	})
	step("the isolation is taken back")
	picket(t, f.hub, "eat", "undo", first.ID, "--reason", "a test in the field", "--yes")
	f.awaitOne("the isolation undone", func(r api.Response) bool { return r.ID == first.ID && r.State == api.ResponseUndone })
	if after := a.ruleset(); after != before {
		t.Errorf("the ruleset was\n%s\nand is, after the isolation,\n%s", before, after)
	}
	mustReach(t, a, b, talks)

	step("alpha is isolated and started again, without its sensor")
	second := a.order(eat.ActionIsolateNetwork, "lifetime=15m")
	f.awaitOne("the hub's word that it still reaches alpha", func(r api.Response) bool {
		return r.Action == eat.ActionNoop && r.Host.ID == a.id && r.State == api.ResponseDone && strings.Contains(r.Reason, second.Token.ID)
	})
	boot := a.Run(t, "cat", "/proc/sys/kernel/random/boot_id")
	a.Run(t, "systemctl", "disable", "picket-send", "picket-watch")
	talks.end()
	a.restart()
	if a.Run(t, "cat", "/proc/sys/kernel/random/boot_id") == boot {
		t.Error("the host was not started again")
	}
	for _, unit := range []string{"picket-send", "picket-watch"} {
		if state, _ := a.Try("systemctl", "is-active", unit); state == "active\n" {
			t.Errorf("%s runs", unit)
		}
	}
	talks = listeners(t, a, b)
	if !strings.Contains(a.ruleset(), "picket_isolation") {
		t.Errorf("after the start the ruleset is\n%s\nand the lease's unit is\n%s\nand of the boot is said\n%s", a.ruleset(),
			a.Run(t, "systemctl", "show", "picket-lease.service", "-p", "ActiveState,Result,ConditionResult,ExecMainStatus,ExecMainStartTimestamp,ExecMainExitTimestamp"),
			a.Run(t, "sh", "-c", "ls /etc/systemd/system/sysinit.target.wants; systemctl list-jobs; journalctl -b --no-pager -o short-precise _PID=1 | head -n 80"))
	}
	mustNotReach(t, a, b, talks)
	step("its sensor starts")
	again := time.Now()
	a.Run(t, "systemctl", "enable", "--now", "picket-watch", "picket-send")
	touchAndHear(t, a, again)
	mustNotReach(t, a, b, talks)

	step("a lease ends with the sensor stopped")
	picket(t, f.hub, "eat", "undo", second.ID, "--reason", "a test in the field", "--yes")
	f.awaitOne("the isolation undone", func(r api.Response) bool { return r.ID == second.ID && r.State == api.ResponseUndone })
	before = a.ruleset()
	third := a.order(eat.ActionIsolateNetwork, "lifetime=8s")
	a.Run(t, "systemctl", "stop", "picket-send", "picket-watch")
	stopped := time.Now()
	mustNotReach(t, a, b, talks)
	await(t, "the end of the lease", func() bool { return a.ruleset() == before })
	step("the lease ended %v after the sensor was stopped", time.Since(stopped).Round(time.Millisecond))
	if state, _ := a.Try("systemctl", "is-active", "picket-send"); state == "active\n" {
		t.Error("the sender runs")
	}
	mustReach(t, a, b, talks)
	a.Run(t, "systemctl", "start", "picket-watch", "picket-send")
	ended := f.awaitOne("the receipt of the lease's end", func(r api.Response) bool { return r.ID == third.ID && r.State == api.ResponseUndone })
	if last(ended) != eat.OutcomeAutoUndone {
		t.Errorf("the last receipt after the lease says %q", last(ended))
	}
	f.hub.check()
	step("done")
}

// last is what the newest receipt says; empty where there is none.
func last(r api.Response) string {
	if len(r.Receipts) == 0 {
		return ""
	}
	return r.Receipts[len(r.Receipts)-1].Outcome
}

// inSpace runs a command in the network of a host.
func inSpace(s *station, args ...string) error {
	out, err := exec.Command("ip", append([]string{"netns", "exec", s.space()}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// catIsSuspended has cat read the canary into a pipe that nobody empties, and
// says whether it comes to be suspended.
func catIsSuspended(t *testing.T, s *station) (suspended bool, end func()) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	defer w.Close()
	w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	io.Copy(w, zeros{}) // until it is full
	cat := s.Command("sh", "-c", "echo $$ >&2; exec cat "+fieldCanary)
	cat.Stdout = w
	errs, err := cat.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	pid := begin(t, cat, errs)
	end = sync.OnceFunc(func() {
		s.Try("sh", "-c", "kill -9 "+pid)
		cat.Process.Kill() // nsenter stops with what it started, and does not go on with it
		cat.Wait()
	})
	t.Cleanup(end)
	return reaches(t, s.Host, pid, "T", 5*time.Second), end
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// touchAndHear reads the canary on the host and wants the hub to hear of it.
func touchAndHear(t *testing.T, s *station, after time.Time) {
	t.Helper()
	s.Run(t, "head", "-c", "1", fieldCanary)
	s.awaitFact("canary", after, func(f *fact.Fact) bool { return f.Canary.Path == fieldCanary })
}

// talks are connections between two hosts, with both families and in both
// directions, and what listens for more.
type talks struct {
	t     *testing.T
	conns map[string]net.Conn
	doors map[netip.Addr]netip.AddrPort
	close []io.Closer
}

// listeners opens an echo on each address of the hosts.
func listeners(t *testing.T, hosts ...*station) *talks {
	t.Helper()
	ts := &talks{t: t, conns: map[string]net.Conn{}, doors: map[netip.Addr]netip.AddrPort{}}
	for _, s := range hosts {
		for _, addr := range []netip.Addr{s.addr4(), s.addr6()} {
			l, err := s.listen(addr)
			if err != nil {
				t.Fatalf("listening on %s: %v", s.name, err)
			}
			ts.close = append(ts.close, l)
			ts.doors[addr] = netip.MustParseAddrPort(l.Addr().String())
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return // the listener is closed
					}
					go func() {
						defer c.Close()
						io.Copy(c, c)
					}()
				}
			}()
		}
	}
	t.Cleanup(ts.end)
	return ts
}

// converse opens connections between the hosts, and sees that they work.
func converse(t *testing.T, a, b *station) *talks {
	t.Helper()
	ts := listeners(t, a, b)
	ways(a, b, func(name string, from *station, to netip.Addr) {
		c, err := from.dial(to, ts.doors[to].Port())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ts.conns[name], ts.close = c, append(ts.close, c)
		if err := echo(c, 10*time.Second); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	})
	return ts
}

// ways calls for each family and direction.
func ways(a, b *station, do func(name string, from *station, to netip.Addr)) {
	for _, pair := range [][2]*station{{a, b}, {b, a}} {
		for _, to := range []netip.Addr{pair[1].addr4(), pair[1].addr6()} {
			do(fmt.Sprintf("%s to %s", pair[0].name, to), pair[0], to)
		}
	}
}

// echo sends a byte and wants it back.
func echo(c net.Conn, within time.Duration) error {
	c.SetDeadline(time.Now().Add(within))
	if _, err := c.Write([]byte{7}); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

// mustBeCut wants nothing to come through any of the open connections.
func (ts *talks) mustBeCut(t *testing.T) {
	t.Helper()
	var wg sync.WaitGroup
	for name, c := range ts.conns {
		wg.Go(func() {
			if err := echo(c, 2*time.Second); err == nil {
				t.Errorf("the open connection from %s works on", name)
			}
		})
	}
	wg.Wait()
}

func (ts *talks) end() {
	for _, c := range ts.close {
		c.Close()
	}
	ts.close = nil
}

// mustReach wants each host to reach the other, by both families.
func mustReach(t *testing.T, a, b *station, ts *talks) {
	t.Helper()
	ways(a, b, func(name string, from *station, to netip.Addr) {
		// The first packets may be lost where a neighbour is not known.
		await(t, "a connection from "+name, func() bool {
			c, err := from.dial(to, ts.doors[to].Port())
			if err != nil {
				return false
			}
			defer c.Close()
			return echo(c, 10*time.Second) == nil
		})
	})
}

// mustNotReach wants no new connection in either direction.
func mustNotReach(t *testing.T, a, b *station, ts *talks) {
	t.Helper()
	var wg sync.WaitGroup
	ways(a, b, func(name string, from *station, to netip.Addr) {
		wg.Go(func() {
			if c, err := from.dial(to, ts.doors[to].Port()); err == nil {
				c.Close()
				t.Errorf("a new connection from %s is made", name)
			}
		})
	})
	wg.Wait()
}
