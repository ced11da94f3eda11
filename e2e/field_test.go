//go:build linux

package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/api"
	"picket.internal/e2e/booted"
	"picket.internal/eat"
	"picket.internal/fact"
	"picket.internal/internal/testneed"
)

// field is a switch with a hub on it, in network namespaces of the test's own.
// Nothing of it reaches the machine's network or the other way around.
type field struct {
	t    testing.TB
	core string // the namespace of the switch, in which the hub runs
	hub  *rig
}

// hubAddress is where the hub of a field listens.
var hubAddress = netip.MustParseAddrPort("10.77.0.1:7443")

// newField makes a switch and starts a hub on it.
func newField(t testing.TB, args ...string) *field {
	t.Helper()
	testneed.Root(t)
	testneed.Command(t, "ip", "apt-get install iproute2")
	testneed.Command(t, "nft", "apt-get install nftables")
	f := &field{t: t, core: fmt.Sprintf("picket-%d-hub", os.Getpid())}
	f.namespace(f.core)
	for _, line := range []string{
		"link add lan type bridge", "link set lan up",
		"addr add 10.77.0.1/24 dev lan", "addr add fd77::1/64 dev lan nodad",
	} {
		f.ip(f.core, line)
	}
	f.hub = newHubAt(t, []string{"ip", "netns", "exec", f.core}, hubAddress.String(), args...)
	return f
}

// ip runs a command of ip(8) in a namespace; where that is "", in none.
func (f *field) ip(space, line string) {
	f.t.Helper()
	args := strings.Fields(line)
	if space != "" {
		args = append([]string{"-n", space}, args...)
	}
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		f.t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (f *field) namespace(name string) {
	f.t.Helper()
	f.ip("", "netns add "+name)
	f.t.Cleanup(func() { exec.Command("ip", "netns", "del", name).Run() })
	f.ip(name, "link set lo up")
}

// station is a booted host on the field's switch.
type station struct {
	*booted.Host
	field  *field
	name   string
	number int
	id     string // as the hub knows it; empty before it is set up
}

func (s *station) space() string     { return fmt.Sprintf("picket-%d-%s", os.Getpid(), s.name) }
func (s *station) addr4() netip.Addr { return netip.MustParseAddr(fmt.Sprintf("10.77.0.%d", s.number)) }
func (s *station) addr6() netip.Addr { return netip.MustParseAddr(fmt.Sprintf("fd77::%d", s.number)) }

// plug gives the station a network: what a machine has after it was switched on.
func (s *station) plug() {
	s.field.t.Helper()
	space, port := s.space(), fmt.Sprintf("port%d", s.number)
	s.field.namespace(space)
	s.field.ip(s.field.core, "link add "+port+" type veth peer name host0 netns "+space)
	s.field.ip(s.field.core, "link set "+port+" master lan up")
	s.field.ip(space, fmt.Sprintf("addr add %s/24 dev host0", s.addr4()))
	s.field.ip(space, fmt.Sprintf("addr add %s/64 dev host0 nodad", s.addr6()))
	s.field.ip(space, "link set host0 up")
}

// unplug takes the network away with all that is in it, the packet filter too:
// what is left of a machine's when it is off.
func (s *station) unplug() {
	s.field.t.Helper()
	s.field.ip(s.field.core, fmt.Sprintf("link del port%d", s.number))
	s.field.ip("", "netns del "+s.space())
}

// station boots a host on the switch; it has nothing of Picket yet.
func (f *field) station(name string, number int) *station {
	f.t.Helper()
	s := &station{field: f, name: name, number: number}
	s.plug()
	s.Host = booted.Start(f.t, booted.Options{
		Capabilities: []string{"CAP_NET_ADMIN"}, Unfiltered: true,
		Args:    []string{"--network-namespace-path=/run/netns/" + s.space(), fmt.Sprintf("--uuid=%032x", 0xf1e1d000+number)},
		Prepare: s.prepare,
	})
	s.tellOfFailure()
	return s
}

// restart switches the station off and on again: its network and what was in
// there, the packet filter too, are new, and its disk is as it was.
func (s *station) restart() {
	s.field.t.Helper()
	s.PowerOff()
	s.unplug()
	s.plug()
	s.Boot()
	s.tellOfFailure()
}

// tellOfFailure has a failed test tell what the units logged since the boot.
func (s *station) tellOfFailure() {
	s.field.t.Cleanup(func() {
		if !s.field.t.Failed() {
			return
		}
		for _, unit := range []string{"picket-send", "picket-watch", "picket-lease"} {
			if log, err := s.Try("journalctl", "--no-pager", "-b", "-o", "short-precise", "-n", "60", "-u", unit); err == nil {
				s.field.t.Logf("%s on %s logged:\n%s", unit, s.name, log)
			}
		}
	})
}

// prepare names the host and mends what is not as on a machine: systemd-nspawn
// lays a boot id of its own over /proc, which a unit with a view of /proc of its
// own does not see. To the lease's timer the host would have been started again
// since the sender started the wrapper.
func (s *station) prepare(root string) {
	s.field.t.Helper()
	for path, content := range map[string]string{
		"etc/hostname":                s.name + "\n",
		"etc/hosts":                   "127.0.0.1 localhost " + s.name + "\n",
		"etc/tmpfiles.d/boot-id.conf": "C /run/boot-id - - - - /proc/sys/kernel/random/boot_id\n",
		"etc/systemd/system/picket-send.service.d/boot-id.conf": "[Service]\n" +
			"BindReadOnlyPaths=/run/boot-id:/proc/sys/kernel/random/boot_id\n",
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			s.field.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			s.field.t.Fatal(err)
		}
	}
}

// setUp installs the package, plants a canary and enrolls the host, a command
// each.
func (s *station) setUp(deb, canary string) {
	t := s.field.t
	t.Helper()
	token := picket(t, s.field.hub, "enroll", "token")
	s.Push(t, deb, "/run/picket.deb")
	s.Push(t, filepath.Join(bin, "picket"), "/usr/local/bin/picket")
	began := time.Now()
	s.Run(t, "dpkg", "--install", "/run/picket.deb")
	s.Run(t, "picket", "canary", "plant", "dump="+canary, "--config", "/etc/picket/sensor.json")
	install := s.Command("picket-sensor", "install", "--launch", "sudo")
	install.Stdin = strings.NewReader(token)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("installing on %s: %v\n%s", s.name, err, out)
	}
	s.id = s.field.hostNamed(s.name)
	s.awaitFact("sensor", began, func(f *fact.Fact) bool { return f.Sensor.Watching != nil && f.Sensor.Watching.Canaries == 1 })
	t.Logf("%s is installed, planted, enrolled and watched after %v", s.name, time.Since(began).Round(time.Millisecond))
}

// allow lets the hub alone do some things on the host, as often as a test does.
func (s *station) allow(actions ...string) {
	t := s.field.t
	t.Helper()
	const path = "/etc/picket/host-policy.json"
	policy, err := eat.ParsePolicy([]byte(s.Run(t, "cat", path)))
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range actions {
		policy.Actions[action] = eat.ActionRule{Rate: 10000}
	}
	data, err := policy.Encode()
	if err != nil {
		t.Fatal(err)
	}
	s.Write(t, path, string(data), 0o644)
}

// hostNamed is the id under which the hub knows a host.
func (f *field) hostNamed(name string) string {
	f.t.Helper()
	for line := range strings.Lines(picket(f.t, f.hub, "hosts", "list", "--json")) {
		var h struct{ ID, Name string }
		if err := json.Unmarshal([]byte(line), &h); err != nil {
			f.t.Fatalf("picket hosts list printed %q: %v", line, err)
		}
		if h.Name == name {
			return h.ID
		}
	}
	f.t.Fatalf("the hub knows no host %s", name)
	return ""
}

// awaitFact returns when the hub has a fact of the host that is like this and
// happened after a time.
func (s *station) awaitFact(kind string, after time.Time, like func(*fact.Fact) bool) {
	t := s.field.t
	t.Helper()
	await(t, "a fact of "+kind+" from "+s.name, func() bool {
		out := picket(t, s.field.hub, "facts", "query", "--host", s.id, "--kind", kind, "--limit", "20", "--json")
		for line := range strings.Lines(out) {
			var stored api.StoredFact
			if err := json.Unmarshal([]byte(line), &stored); err != nil {
				t.Fatalf("picket facts query printed %q: %v", line, err)
			}
			if f, _, err := fact.Parse(stored.Fact); err == nil && f.Time.After(after) && like(f) {
				return true
			}
		}
		return false
	})
}

// await returns when something is so, and asks again meanwhile. The limit is far
// more than anything here takes, also on a busy machine.
func await(t testing.TB, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !so(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited a minute in vain for %s", what)
		}
	}
}

// awaitOne returns the newest response that is like this, with its receipts,
// once there is one.
func (f *field) awaitOne(what string, like func(api.Response) bool) (whole api.Response) {
	f.t.Helper()
	await(f.t, "a response: "+what, func() bool {
		for line := range strings.Lines(picket(f.t, f.hub, "eat", "list", "--json")) {
			var r api.Response
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				f.t.Fatalf("picket eat list printed %q: %v", line, err)
			}
			if !like(r) {
				continue
			}
			if err := json.Unmarshal([]byte(picket(f.t, f.hub, "eat", "show", r.ID, "--json")), &whole); err != nil {
				f.t.Fatal(err)
			}
			return true
		}
		return false
	})
	return whole
}

// order has the hub order something of the host and returns the response when it
// is done.
func (s *station) order(action string, args ...string) api.Response {
	t := s.field.t
	t.Helper()
	began := time.Now()
	picket(t, s.field.hub, slices.Concat([]string{"eat", "issue", s.name, action}, args, []string{"--reason", "a test in the field", "--yes"})...)
	return s.field.awaitOne(action+" done", func(r api.Response) bool {
		return r.Action == action && r.State == api.ResponseDone && r.Created.After(began.Add(-time.Second)) && r.Mode == api.ModeManual
	})
}

// ruleset is the packet filter of the host as nft prints it.
func (s *station) ruleset() string {
	s.field.t.Helper()
	out, err := exec.Command("ip", "netns", "exec", s.space(), "nft", "list", "ruleset").CombinedOutput()
	if err != nil {
		s.field.t.Fatalf("nft list ruleset: %v\n%s", err, out)
	}
	return string(out)
}

// dial opens a connection as a program of the host does.
func (s *station) dial(to netip.Addr, port uint16) (c net.Conn, err error) {
	s.within(func() { c, err = net.DialTimeout("tcp", netip.AddrPortFrom(to, port).String(), 2*time.Second) })
	return c, err
}

// listen opens a socket as a program of the host does.
func (s *station) listen(at netip.Addr) (l net.Listener, err error) {
	s.within(func() { l, err = net.Listen("tcp", netip.AddrPortFrom(at, 0).String()) })
	return l, err
}

// within does something in the network of the host.
func (s *station) within(do func()) {
	s.field.t.Helper()
	ns, err := os.Open("/run/netns/" + s.space())
	if err != nil {
		s.field.t.Fatal(err)
	}
	defer ns.Close()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			do()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		s.field.t.Fatalf("entering the network of %s: %v", s.name, err)
	}
}

// begin starts a command and returns the first line that it writes to a pipe of
// its own, as its number.
func begin(t testing.TB, cmd *exec.Cmd, pipe io.Reader) string {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(pipe).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
