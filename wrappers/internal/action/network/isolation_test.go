package network_test

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"picket.internal/eat"
	"picket.internal/wrappers/internal/action"
	"picket.internal/wrappers/internal/action/network"
	"picket.internal/wrappers/internal/gate"
)

var root = action.Root{Dir: "/"}

// foreign is a ruleset of the host's owner: it tracks connections, counts, and
// lets everything through.
const foreign = `
table inet foreign {
	set good { type ipv4_addr; flags interval; elements = { 10.77.0.0/16 } }
	chain in { type filter hook input priority filter; policy accept; ct state established accept; ip saddr @good accept; }
	chain through { type filter hook forward priority filter; policy accept; ct state invalid drop; }
}
table ip nat {
	chain out {
		type nat hook output priority -100
		ip daddr 10.77.1.2 tcp dport 4001 dnat to 10.77.2.2:4000
		ip daddr { 10.77.1.2, 10.77.2.1 } udp dport 4003 dnat to 10.77.2.2:4003
	}
}
`

// allowed keeps open: the hub's one port, a jump host that may come in, one
// resolver.
func allowed() network.Allowed {
	return network.Allowed{
		Hub: []network.Peer{{Prefix: "10.77.1.2", Protocol: "tcp", Port: 4000}, {Prefix: "10.77.1.2", Protocol: "tcp", Port: 4002},
			{Prefix: "fd77:1::2/128", Protocol: "tcp", Port: 4000}},
		Hosts:     []network.Peer{{Prefix: "10.77.2.9", Protocol: "tcp", Port: 4000, Inbound: true}},
		Resolvers: []string{"10.77.2.53"},
	}
}

// flow is one line of the matrix: what reaches what, before and while isolated.
type flow struct {
	from              *space
	network, src, dst string
	isolated          bool
}

func (w world) flows() []flow {
	const yes, no = true, false
	return []flow{
		{w.host, "tcp", "", "10.77.1.2:4000", yes},
		{w.host, "tcp", "", "[fd77:1::2]:4000", yes},
		{w.host, "udp", "", "10.77.1.2:4000", no},
		{w.host, "udp", "", "[fd77:1::2]:4000", no},
		{w.host, "tcp", "", "10.77.1.2:4001", no}, // goes to other by the host's own NAT
		{w.hub, "tcp", "", "10.77.1.1:4000", no},
		{w.hub, "tcp", "", "[fd77:1::1]:4000", no},
		{w.hub, "tcp", "10.77.1.2:4002", "10.77.1.1:4000", no}, // from its own port neither
		{w.host, "tcp", "", "10.77.2.2:4000", no},
		{w.host, "tcp", "", "[fd77:2::2]:4000", no},
		{w.host, "udp", "", "10.77.2.2:4000", no},
		{w.host, "udp", "", "[fd77:2::2]:4000", no},
		{w.other, "tcp", "", "10.77.2.1:4000", no},
		{w.other, "tcp", "", "[fd77:2::1]:4000", no},
		{w.other, "udp", "", "10.77.2.1:4000", no},
		{w.other, "udp", "", "[fd77:2::1]:4000", no},
		{w.other, "tcp", "10.77.2.9", "10.77.2.1:4000", yes}, // the jump host comes in
		{w.other, "udp", "10.77.2.9", "10.77.2.1:4000", no},
		{w.host, "tcp", "", "10.77.2.9:4000", no}, // and is not called
		{w.host, "udp", "", "10.77.2.53:53", yes},
		{w.host, "tcp", "", "10.77.2.53:53", yes},
		{w.host, "udp", "", "10.77.2.54:53", no},
		{w.host, "tcp", "", "10.77.2.54:53", no},
		{w.host, "tcp", "", "10.77.2.53:4000", no},
		{w.container, "tcp", "", "10.77.2.2:4000", no},
		{w.container, "tcp", "", "[fd77:2::2]:4000", no},
		{w.container, "udp", "", "10.77.2.2:4000", no},
		{w.container, "tcp", "", "10.77.1.2:4000", no}, // the hub is the host's, not the container's
		{w.other, "tcp", "", "10.77.3.2:4000", no},
		{w.other, "tcp", "", "[fd77:3::2]:4000", no},
		{w.container, "tcp", "", "10.77.3.1:4000", no},
		{w.host, "tcp", "", "10.77.3.2:4000", no},
		{w.host, "tcp", "", "127.0.0.1:4000", yes},
		{w.host, "udp", "", "[::1]:4000", yes},
		{w.host, "tcp", "", "10.77.2.1:4000", yes}, // its own address, over loopback
	}
}

// check tries all flows at once.
func check(t *testing.T, when string, flows []flow, open func(flow) bool) {
	t.Helper()
	var all sync.WaitGroup
	for _, f := range flows {
		all.Go(func() {
			wait, want := stall, open(f)
			if want {
				wait = patience
			}
			if got := f.from.reaches(f.network, f.src, f.dst, wait); got != want {
				t.Errorf("%s: %s %s to %s %s: reached %v, want %v", when, f.from.name, f.src, f.network, f.dst, got, want)
			}
		})
	}
	all.Wait()
}

func always(flow) bool       { return true }
func asIsolated(f flow) bool { return f.isolated }

func isolate(t *testing.T, w world, a network.Allowed) *network.Isolation {
	t.Helper()
	var r *network.Isolation
	var err error
	w.host.do(func() { r, err = network.PrepareIsolation(root, a) })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// act runs one step of a record in the host's namespace.
func act(t *testing.T, w world, step func(action.Root) (action.Effect, error)) action.Effect {
	t.Helper()
	var e action.Effect
	var err error
	w.host.do(func() { e, err = step(root) })
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func inForce(t *testing.T, w world, r interface{ InForce() (bool, error) }) bool {
	t.Helper()
	var ok bool
	var err error
	w.host.do(func() { ok, err = r.InForce() })
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestThreat_W13_IsolationLeavesOpenOnlyWhatPolicyLists(t *testing.T) {
	w := newWorld(t)
	w.host.load(foreign)
	before, theirs := w.host.ruleset(), w.host.table("foreign")
	check(t, "before", w.flows(), always)

	r := isolate(t, w, allowed())
	if w.host.ruleset() != before {
		t.Error("preparing changed the ruleset")
	}
	for _, time := range []string{"once", "twice"} {
		if e := act(t, w, r.Do); e["state"] != "isolated" || !inForce(t, w, r) {
			t.Errorf("applied %s: %v, in force %v", time, e, inForce(t, w, r))
		}
		// Neighbours must be found anew, or IPv6 dies a minute later.
		w.host.ip("neigh", "flush", "all")
		w.hub.ip("neigh", "flush", "all")
		check(t, "applied "+time, w.flows(), asIsolated)
	}
	if got := w.host.table("foreign"); got != theirs {
		t.Errorf("a table of another changed:\n%s\nwas\n%s", got, theirs)
	}

	for _, time := range []string{"once", "twice"} {
		if e := act(t, w, r.Undo); e["state"] != "released" || inForce(t, w, r) {
			t.Errorf("undone %s: %v", time, e)
		}
		if got := w.host.ruleset(); got != before {
			t.Errorf("undone %s: the ruleset is\n%s\nwas\n%s", time, got, before)
		}
	}
	check(t, "undone", w.flows(), always)
}

func TestThreat_W13_EstablishedConnectionsStop(t *testing.T) {
	w := newWorld(t)
	w.host.load(foreign)
	type open struct {
		net.Conn
		name string
		kept bool
	}
	var conns []open
	connect := func(from *space, src, dst string, kept bool) {
		t.Helper()
		c, err := from.dial("tcp", src, dst, patience)
		if err != nil || !echoes(c, patience) {
			t.Fatalf("%s to %s: %v", from.name, dst, err)
		}
		t.Cleanup(func() { c.Close() })
		conns = append(conns, open{c, from.name + " to " + dst, kept})
	}
	connect(w.host, "", "10.77.1.2:4000", true)
	connect(w.host, "", "[fd77:1::2]:4000", true)
	connect(w.other, "10.77.2.9", "10.77.2.1:4000", true)
	connect(w.host, "", "10.77.2.2:4000", false)
	connect(w.host, "", "[fd77:2::2]:4000", false)
	connect(w.other, "", "10.77.2.1:4000", false)
	connect(w.other, "", "[fd77:2::1]:4000", false)
	connect(w.hub, "", "10.77.1.1:4000", false)
	connect(w.container, "", "10.77.2.2:4000", false)
	connect(w.other, "", "[fd77:3::2]:4000", false)
	connect(w.host, "", "127.0.0.1:4000", true)

	e := act(t, w, isolate(t, w, allowed()).Do)
	tracked := w.host.tracked()
	var all sync.WaitGroup
	for _, c := range conns {
		all.Go(func() {
			wait := stall
			if c.kept {
				wait = patience
			}
			if got := echoes(c, wait); got != c.kept {
				t.Errorf("%s: still talks %v, want %v", c.name, got, c.kept)
			}
		})
	}
	all.Wait()
	if strings.Contains(tracked, "10.77.2.2 ") || !strings.Contains(tracked, "10.77.1.2 ") || !strings.Contains(tracked, "127.0.0.1 ") {
		t.Errorf("tracked after isolating:\n%s", tracked)
	}
	if got := e["connections"]; !strings.HasSuffix(got, " 0 not deletable") || strings.HasPrefix(got, "0 ") || strings.Contains(got, " 0 kept") {
		t.Errorf("connections: %q", got)
	}
}

func TestThreat_W13_TranslationIsNoWayOut(t *testing.T) {
	w := newWorld(t)
	w.host.load(foreign)
	// Every port of the hub is allowed, and the host's own NAT sends one of them elsewhere.
	r := isolate(t, w, network.Allowed{Hub: []network.Peer{{Prefix: "10.77.1.2"}}})
	astray := []flow{{w.host, "tcp", "", "10.77.1.2:4001", false}, {w.host, "tcp", "", "10.77.1.2:4000", true}, {w.host, "udp", "", "10.77.1.2:4000", true}, {w.hub, "tcp", "", "10.77.1.1:4000", true}}
	check(t, "before", astray, always)
	// A datagram that needs no answer is a way out too, also by an address of the
	// host's own, which is loopback until it is translated.
	oneWay := []string{"10.77.1.2:4003", "10.77.2.1:4003"}
	for _, dst := range oneWay {
		if !w.otherHears(t, dst, patience) {
			t.Errorf("before: nothing sent to %s came to other", dst)
		}
	}
	act(t, w, r.Do)
	check(t, "isolated", astray, asIsolated)
	for _, dst := range oneWay {
		if w.otherHears(t, dst, stall) {
			t.Errorf("isolated: what was sent to %s came to other", dst)
		}
	}
}

func TestThreat_W13_ContainersReachWhatPolicyListsForThem(t *testing.T) {
	w := newWorld(t)
	policy, err := eat.ParsePolicy([]byte(`{"v":1,"actions":{},"protected":{},"open":{
		"hub":["10.77.1.2:4000","10.77.1.2:4002","[fd77:1::2]:4000"],"resolvers":["10.77.2.53"],
		"forward":[{"to":"10.77.2.0/24","protocol":"tcp","port":4000},{"to":"fd77:2::/64","port":4000}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	act(t, w, isolate(t, w, gate.Allowed(policy, nil)).Do)
	check(t, "isolated", []flow{
		{w.container, "tcp", "", "10.77.2.2:4000", true},
		{w.container, "tcp", "", "[fd77:2::2]:4000", true},
		{w.container, "udp", "", "[fd77:2::2]:4000", true},
		{w.container, "udp", "", "10.77.2.2:4000", false},
		{w.container, "tcp", "", "10.77.2.53:53", false},
		{w.container, "tcp", "", "10.77.1.2:4000", false},
		{w.other, "tcp", "", "10.77.3.2:4000", false}, // nobody calls a container
		{w.host, "tcp", "", "10.77.2.2:4000", false},  // what containers may, the host may not
	}, asIsolated)
}

func TestThreat_W13_AfterARebootFromTheRecord(t *testing.T) {
	w := newWorld(t)
	r := isolate(t, w, allowed())
	act(t, w, r.Do)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	w.host.nft("flush", "ruleset")
	again := new(network.Isolation)
	if err := json.Unmarshal(text, again); err != nil {
		t.Fatal(err)
	}
	if inForce(t, w, again) {
		t.Error("in force after everything was flushed")
	}
	act(t, w, again.Do)
	if !inForce(t, w, again) {
		t.Error("not in force after it was applied again")
	}
	check(t, "applied again", w.flows(), func(f flow) bool { return f.isolated })
}

func TestThreat_W13_ChangedRulesAreNotInForce(t *testing.T) {
	for name, change := range map[string]string{
		"a rule more":    "insert rule inet picket_isolation input accept",
		"a rule less":    "flush chain inet picket_isolation input",
		"another rule":   "flush chain inet picket_isolation forward; add rule inet picket_isolation forward accept",
		"the policy":     "add chain inet picket_isolation leaving { policy accept ; }",
		"a chain more":   "add chain inet picket_isolation more { type filter hook input priority 0; }",
		"put to sleep":   "add table inet picket_isolation { flags dormant; }",
		"a set more":     "add set inet picket_isolation more { type ipv4_addr; }",
		"taken out":      "delete table inet picket_isolation",
		"all taken out":  "flush ruleset",
		"rules replaced": "flush table inet picket_isolation",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := isolate(t, w, allowed())
			act(t, w, r.Do)
			w.host.load(change)
			if inForce(t, w, r) {
				t.Errorf("in force after %q", change)
			}
			act(t, w, r.Do)
			if !inForce(t, w, r) {
				t.Error("not in force after it was applied again")
			}
		})
	}
}

func TestAddressesAreKept(t *testing.T) {
	w := newWorld(t)
	r := isolate(t, w, allowed())
	for _, when := range []string{"before", "isolated"} {
		if err := w.leases("255.255.255.255:67", "[ff02::1:2%to-other]:547"); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		act(t, w, r.Do)
	}
	if err := w.leases("10.77.2.2:67", ""); err == nil {
		t.Error("isolated: a datagram to a DHCP port left for an address of its choice")
	}
}

func TestMoreConnectionsThanAreListed(t *testing.T) {
	w := newWorld(t)
	w.host.load(foreign)
	c, err := w.host.dial("tcp", "", "10.77.1.2:4000", patience)
	if err != nil || !echoes(c, patience) {
		t.Fatal(err)
	}
	defer c.Close()
	t.Cleanup(network.ListNoMoreThan(0))
	e := act(t, w, isolate(t, w, allowed()).Do)
	if got := e["connections"]; !strings.HasPrefix(got, "all ") {
		t.Errorf("connections: %q", got)
	}
	if !echoes(c, patience) {
		t.Error("the connection to the hub did not outlive that its entry was deleted")
	}
}

// TestUnreadableConnectionsAreNotDeleted: a request to delete without the tuple
// would delete all.
func TestUnreadableConnectionsAreNotDeleted(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":             "",
		"short":               "\x02\x00\x00",
		"no attributes":       "\x02\x00\x00\x00",
		"an id alone":         "\x02\x00\x00\x00\x08\x00\x0c\x00\x01\x02\x03\x04",
		"an empty tuple":      "\x02\x00\x00\x00\x04\x00\x01\x80",
		"longer than it is":   "\x02\x00\x00\x00\xff\x00\x01\x80",
		"shorter than a head": "\x02\x00\x00\x00\x01\x00\x01\x80",
	} {
		if err := network.ParseConnection([]byte(data)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestMostPeers(t *testing.T) {
	w := newWorld(t)
	a := allowed()
	for i := range 128 - len(a.Hub) - len(a.Hosts) - len(a.Resolvers) {
		a.Forward = append(a.Forward, network.Peer{Prefix: fmt.Sprintf("2001:db8:%x::/48", i), Port: 443})
	}
	r := isolate(t, w, a)
	act(t, w, r.Do)
	if !inForce(t, w, r) {
		t.Error("not in force")
	}
	if !w.host.reaches("tcp", "", "10.77.1.2:4000", patience) {
		t.Error("the hub is not reached")
	}
}

func TestIsolationIsRefused(t *testing.T) {
	w := newWorld(t)
	many := allowed()
	for i := range 200 {
		many.Hosts = append(many.Hosts, network.Peer{Prefix: fmt.Sprintf("10.0.0.%d", i)})
	}
	hub := func(p network.Peer) network.Allowed { return network.Allowed{Hub: []network.Peer{p}} }
	for name, tt := range map[string]struct {
		allowed network.Allowed
		code    string
	}{
		"no hub":               {network.Allowed{Resolvers: []string{"10.0.0.1"}}, network.BadPrefix},
		"no address":           {hub(network.Peer{Prefix: "hub.example"}), network.BadPrefix},
		"empty":                {hub(network.Peer{}), network.BadPrefix},
		"everything":           {hub(network.Peer{Prefix: "0.0.0.0/0"}), network.BadPrefix},
		"everything in IPv6":   {hub(network.Peer{Prefix: "::/0"}), network.BadPrefix},
		"half of everything":   {hub(network.Peer{Prefix: "128.0.0.0/1"}), network.BadPrefix},
		"host bits":            {hub(network.Peer{Prefix: "10.0.0.1/8"}), network.BadPrefix},
		"IPv4 written as IPv6": {hub(network.Peer{Prefix: "::ffff:10.0.0.1"}), network.BadPrefix},
		"a zone":               {hub(network.Peer{Prefix: "fe80::1%eth0"}), network.BadPrefix},
		"multicast":            {hub(network.Peer{Prefix: "ff02::1"}), network.BadPrefix},
		"another protocol":     {hub(network.Peer{Prefix: "10.0.0.1", Protocol: "sctp"}), network.BadPrefix},
		"a resolver by name":   {network.Allowed{Hub: allowed().Hub, Resolvers: []string{"dns"}}, network.BadPrefix},
		"a forward by name":    {network.Allowed{Hub: allowed().Hub, Forward: []network.Peer{{Prefix: "x"}}}, network.BadPrefix},
		"too many":             {many, network.BadPrefix},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			w.host.do(func() { _, err = network.PrepareIsolation(root, tt.allowed) })
			wantRefusal(t, err, tt.code)
		})
	}
	t.Run("another isolation", func(t *testing.T) {
		r := isolate(t, w, allowed())
		act(t, w, r.Do)
		if again := isolate(t, w, allowed()); !again.Already || r.Already {
			t.Errorf("already in force: %v, then %v", r.Already, again.Already)
		}
		var err error
		w.host.do(func() {
			_, err = network.PrepareIsolation(root, network.Allowed{Hub: []network.Peer{{Prefix: "10.0.0.1"}}})
		})
		wantRefusal(t, err, network.Conflict)
	})
	t.Run("without the capability", func(t *testing.T) {
		var errs []error
		w.host.do(func() {
			if err := dropNetAdmin(); err != nil {
				t.Error(err)
				return
			}
			r := &network.Isolation{Allowed: allowed()}
			_, err := network.PrepareIsolation(root, allowed())
			_, errDo := r.Do(root)
			_, errUndo := r.Undo(root)
			errs = append(errs, err, errDo, errUndo)
		})
		for _, err := range errs {
			wantRefusal(t, err, network.NoNftables)
		}
	})
}
