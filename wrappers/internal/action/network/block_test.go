package network_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"picket.internal/wrappers/internal/action/network"
)

func block(t *testing.T, w world, id string, prefixes ...string) *network.Block {
	t.Helper()
	var r *network.Block
	var err error
	w.host.do(func() { r, err = network.PrepareBlock(root, id, prefixes, allowed()) })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// through are the flows that a block of other and its networks stops, each with
// its address of other.
func (w world) through() []flow {
	return []flow{
		{from: w.host, network: "tcp", dst: "10.77.2.2:4000"},
		{from: w.host, network: "udp", dst: "10.77.2.2:4000"},
		{from: w.host, network: "tcp", dst: "[fd77:2::2]:4000"},
		{from: w.other, network: "tcp", dst: "10.77.2.1:4000"},
		{from: w.other, network: "udp", dst: "[fd77:2::1]:4000"},
		{from: w.container, network: "tcp", dst: "10.77.2.2:4000"},
		{from: w.container, network: "udp", dst: "[fd77:2::2]:4000"},
		{from: w.other, network: "tcp", dst: "10.77.3.2:4000"},
		{from: w.other, network: "tcp", dst: "[fd77:3::2]:4000"},
	}
}

func (w world) beside() []flow {
	return []flow{
		{from: w.host, network: "tcp", dst: "10.77.1.2:4000"},
		{from: w.host, network: "tcp", dst: "[fd77:1::2]:4000"},
		{from: w.hub, network: "udp", dst: "10.77.1.1:4000"},
		{from: w.container, network: "tcp", dst: "10.77.1.2:4000"},
		{from: w.other, network: "tcp", src: "10.77.2.9", dst: "10.77.2.1:4000"},
		{from: w.host, network: "udp", dst: "10.77.2.53:53"},
	}
}

func never(flow) bool { return false }

func TestBlockStopsBothFamiliesEveryWay(t *testing.T) {
	w := newWorld(t)
	w.host.load(foreign)
	before, theirs := w.host.ruleset(), w.host.table("foreign")
	check(t, "before", append(w.through(), w.beside()...), always)
	conn, err := w.host.dial("tcp", "", "10.77.2.2:4000", patience)
	if err != nil || !echoes(conn, patience) {
		t.Fatal(err)
	}
	defer conn.Close()
	kept, err := w.host.dial("tcp", "", "10.77.1.2:4000", patience)
	if err != nil || !echoes(kept, patience) {
		t.Fatal(err)
	}
	defer kept.Close()

	r := block(t, w, "one", "10.77.2.2", "fd77:2::/112")
	for _, time := range []string{"once", "twice"} {
		if e := act(t, w, r.Do); e["state"] != "blocked" || !inForce(t, w, r) {
			t.Errorf("applied %s: %v, in force %v", time, e, inForce(t, w, r))
		}
	}
	if tracked := w.host.tracked(); strings.Contains(tracked, "10.77.2.2 ") || !strings.Contains(tracked, "10.77.1.2 ") {
		t.Errorf("tracked after blocking:\n%s", tracked)
	}
	if echoes(conn, stall) || !echoes(kept, patience) {
		t.Error("an open connection outlived the block, or another did not")
	}
	check(t, "blocked", w.through(), never)
	check(t, "blocked", w.beside(), always)
	if got := w.host.table("foreign"); got != theirs {
		t.Errorf("a table of another changed:\n%s\nwas\n%s", got, theirs)
	}
	for range 2 {
		act(t, w, r.Undo)
		if got := w.host.ruleset(); got != before {
			t.Errorf("undone: the ruleset is\n%s\nwas\n%s", got, before)
		}
	}
	check(t, "undone", append(w.through(), w.beside()...), always)
}

func TestBlockHoldsBehindTranslation(t *testing.T) {
	w := newWorld(t)
	w.host.load(foreign)
	if !w.otherHears(t, "10.77.1.2:4003", patience) {
		t.Error("before: nothing sent by translation came to other")
	}
	act(t, w, block(t, w, "x", "10.77.2.2").Do)
	if w.otherHears(t, "10.77.1.2:4003", stall) {
		t.Error("blocked: what was sent by translation came to other")
	}
}

func TestEndingOneBlockKeepsWhatAnotherHolds(t *testing.T) {
	w := newWorld(t)
	wide, narrow := block(t, w, "wide", "10.77.2.0/30"), block(t, w, "narrow", "10.77.2.2", "fd77:2::2")
	act(t, w, wide.Do)
	act(t, w, narrow.Do)
	v4 := []flow{{from: w.host, network: "tcp", dst: "10.77.2.2:4000"}}
	v6 := []flow{{from: w.host, network: "tcp", dst: "[fd77:2::2]:4000"}}
	check(t, "both", append(v4, v6...), never)
	act(t, w, narrow.Undo)
	check(t, "the wide one", v4, never)
	check(t, "the wide one", v6, always)
	act(t, w, narrow.Do)
	act(t, w, wide.Undo)
	check(t, "the narrow one", append(v4, v6...), never)
	act(t, w, narrow.Undo)
	check(t, "none", append(v4, v6...), always)
}

func TestBlockOfTheMostThatIsTaken(t *testing.T) {
	w := newWorld(t)
	var prefixes []string // the IPv4 ones are neighbours: one ends where the next begins
	for i := range 512 {
		prefixes = append(prefixes, fmt.Sprintf("2001:db8:%x::/48", i), fmt.Sprintf("203.%d.%d.0/24", i/256, i%256))
	}
	r := block(t, w, "most", prefixes...)
	act(t, w, r.Do)
	if !inForce(t, w, r) {
		t.Error("not in force")
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	w.host.nft("flush", "ruleset")
	again := new(network.Block)
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
	w.host.nft("delete", "element", "inet", "picket_block_most", "v4", "{ 203.0.7.0/24 }")
	if inForce(t, w, again) {
		t.Error("in force with one prefix less")
	}
}

func TestBlockIsRefused(t *testing.T) {
	w := newWorld(t)
	many := make([]string, 1025)
	for i := range many {
		many[i] = fmt.Sprintf("203.0.%d.%d", i/256, i%256)
	}
	for name, tt := range map[string]struct {
		code     string
		prefixes []string
	}{
		"none":                 {network.BadPrefix, nil},
		"too many":             {network.BadPrefix, many},
		"a name":               {network.BadPrefix, []string{"evil.example"}},
		"half of everything":   {network.BadPrefix, []string{"128.0.0.0/1"}},
		"loopback":             {network.BadPrefix, []string{"127.0.0.0/8"}},
		"loopback in IPv6":     {network.BadPrefix, []string{"::1"}},
		"link-local":           {network.BadPrefix, []string{"fe80::1"}},
		"around link-local":    {network.BadPrefix, []string{"fe80::/9"}},
		"the hub":              {network.HubBlocked, []string{"203.0.113.1", "10.77.1.2"}},
		"a network of the hub": {network.HubBlocked, []string{"10.0.0.0/8"}},
		"the hub in IPv6":      {network.HubBlocked, []string{"fd77:1::/64"}},
		"a host of the policy": {network.HubBlocked, []string{"10.77.2.9"}},
		"a resolver":           {network.HubBlocked, []string{"10.77.2.48/29"}},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			w.host.do(func() { _, err = network.PrepareBlock(root, "x", tt.prefixes, allowed()) })
			wantRefusal(t, err, tt.code)
		})
	}
	for _, id := range []string{"", "a b", "../x", strings.Repeat("a", 65)} {
		_, err := network.PrepareBlock(root, id, []string{"203.0.113.1"}, allowed())
		wantRefusal(t, err, network.BadPrefix)
	}
	t.Run("an id that is taken", func(t *testing.T) {
		r := block(t, w, "taken", "203.0.113.1")
		act(t, w, r.Do)
		if again := block(t, w, "taken", "203.0.113.1"); !again.Already || r.Already {
			t.Errorf("already in force: %v, then %v", r.Already, again.Already)
		}
		var err error
		w.host.do(func() { _, err = network.PrepareBlock(root, "taken", []string{"203.0.113.2"}, allowed()) })
		wantRefusal(t, err, network.Conflict)
	})
	t.Run("more than can be", func(t *testing.T) {
		var tables strings.Builder
		for i := range 63 {
			fmt.Fprintf(&tables, "add table inet picket_block_%d\n", i)
		}
		w.host.load(tables.String())
		var err error
		w.host.do(func() { _, err = network.PrepareBlock(root, "x", []string{"203.0.113.2"}, allowed()) })
		wantRefusal(t, err, network.Conflict)
	})
}

func TestPrefixesBecomeIntervals(t *testing.T) {
	for prefix, want := range map[string]string{
		"203.0.113.7/32":     "203.0.113.7 203.0.113.8",
		"10.0.0.0/9":         "10.0.0.0 10.128.0.0",
		"255.0.0.0/8":        "255.0.0.0",
		"255.255.255.255/32": "255.255.255.255",
		"2001:db8::/32":      "2001:db8:: 2001:db9::",
		"ffff::/16":          "ffff::",
	} {
		var got []string
		for i, e := range network.Interval(netip.MustParsePrefix(prefix)) {
			a, _ := netip.AddrFromSlice(e.Key)
			got = append(got, a.String())
			if e.IntervalEnd != (i == 1) {
				t.Errorf("%s: element %d ends it: %v", prefix, i, e.IntervalEnd)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", prefix, got, want)
		}
	}
	var in, want []netip.Prefix
	for _, p := range []string{"10.1.0.0/16", "2001:db8::/32", "10.0.0.0/8", "10.0.0.0/8", "11.0.0.0/8", "2001:db8:1::/48", "10.255.255.255/32"} {
		in = append(in, netip.MustParsePrefix(p))
	}
	for _, p := range []string{"10.0.0.0/8", "11.0.0.0/8", "2001:db8::/32"} {
		want = append(want, netip.MustParsePrefix(p))
	}
	if got := network.Outermost(in); !reflect.DeepEqual(got, want) {
		t.Errorf("outermost of %v: %v, want %v", in, got, want)
	}
}
