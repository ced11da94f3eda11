package network

import (
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"picket.internal/wrappers/internal/action"
)

// isolationTable is the one table of isolate_network. A host is isolated or not:
// there is one profile at a time.
const isolationTable = "picket_isolation"

// Isolation is the record of an isolate_network: all that doing it again after a
// reboot, and undoing it, need.
type Isolation struct {
	Allowed Allowed `json:"allowed"`
	// Already is true where the very same rules were in force before.
	Already bool `json:"already,omitempty"`
}

// PrepareIsolation checks what is to stay open and that no other isolation is in
// force. It refuses with NoNftables, BadPrefix or Conflict.
func PrepareIsolation(_ action.Root, allowed Allowed) (*Isolation, error) {
	r := &Isolation{Allowed: allowed}
	t, err := r.table()
	if err != nil {
		return nil, err
	}
	if r.Already, err = t.absentOrSame(); err != nil {
		return nil, err
	}
	return r, nil
}

// Do isolates the host; where it is, the rules are replaced by themselves in
// one step. Connections to others stop at once: rules go by address,
// never by the state of a connection, whose entries are deleted after.
func (r *Isolation) Do(action.Root) (action.Effect, error) {
	t, err := r.table()
	if err != nil {
		return nil, err
	}
	if err := t.replace(); err != nil {
		return nil, err
	}
	keep, _ := r.Allowed.prefixes() // checked for the table
	keep = append(keep, loopbacks...)
	return action.Effect{"state": "isolated", "table": "inet " + t.name,
		"connections": forget(func(c connection) bool { return !c.touches(keep...) })}, nil
}

// Undo takes the table out. Every other table is as it was, as it was never
// changed. Deleted entries of connections do not come back: the kernel makes
// new ones from the next packet.
func (r *Isolation) Undo(action.Root) (action.Effect, error) {
	if err := remove(isolationTable); err != nil {
		return nil, err
	}
	return action.Effect{"state": "released", "table": "inet " + isolationTable + " is gone"}, nil
}

// InForce reads back whether exactly the rules of the record are in force.
func (r *Isolation) InForce() (bool, error) {
	t, err := r.table()
	if err != nil {
		return false, err
	}
	return t.inForce()
}

// table builds the rules. All chains drop what no rule accepts.
func (r *Isolation) table() (table, error) {
	if _, err := r.Allowed.prefixes(); err != nil {
		return table{}, err
	}
	own := r.Allowed.own()
	forward := slices.Concat(with(r.Allowed.Forward, destinationAddress), with(r.Allowed.Forward, sourceAddress))
	in := slices.Concat([]rule{accept(loopback(expr.MetaKeyIIFTYPE))}, with(own, sourceAddress), needed(sourceAddress))
	out := slices.Concat([]rule{accept(loopback(expr.MetaKeyOIFTYPE))}, with(own, destinationAddress), needed(destinationAddress))
	const policy = nftables.ChainPolicyDrop
	return table{name: isolationTable, chains: []chain{
		newChain(policy, "input", nftables.ChainHookInput, first, in),
		newChain(policy, "output", nftables.ChainHookOutput, first, out),
		newChain(policy, "forward", nftables.ChainHookForward, first, forward),
		// A rule of another table may give a packet to an allowed address, even to
		// loopback, a new destination after the chains above let it through.
		newChain(policy, "leaving", nftables.ChainHookPostrouting, last, slices.Concat(out, forward)),
	}}, nil
}

// needed lets through what a host cannot keep its addresses without, and no
// more of it than stays on the link.
//   - IPv6 neighbour discovery: router and neighbour solicitation and
//     advertisement, whose hop limit of 255 proves the link (RFC 4861 section
//     7.1), and MLDv2 reports with their queries, hop limit 1, without which
//     switches stop passing solicitations on (RFC 3810). No redirects, no echo,
//     no errors: path MTU discovery does not work while isolated.
//   - DHCPv4: broadcasts of the client and answers to its port. Renewals to the
//     server's own address are dropped; the client then asks by broadcast
//     (RFC 2131 section 4.4.5).
//   - DHCPv6: to the servers' link-local group and answers from the link (RFC
//     8415 section 7).
func needed(source bool) []rule {
	const routerSolicitation, routerAdvertisement, neighbourSolicitation, neighbourAdvertisement = 133, 134, 135, 136
	const listenerQuery, listenerReport = 130, 143
	udp := func(from, to uint16) rule {
		return when(protocol(unix.IPPROTO_UDP), port(sourcePort, from), port(destinationPort, to))
	}
	link := address(linkLocal, source)
	discovery := []rule{accept(icmp6(neighbourSolicitation, 255)), accept(icmp6(neighbourAdvertisement, 255))}
	if source {
		return append(discovery,
			accept(icmp6(routerAdvertisement, 255)),
			accept(link, icmp6(listenerQuery, 1)),
			accept(family(false), udp(67, 68)),
			accept(link, udp(547, 546)))
	}
	return append(discovery,
		accept(icmp6(routerSolicitation, 255)),
		accept(address(listeners, destinationAddress), icmp6(listenerReport, 1)),
		accept(address(broadcast, destinationAddress), udp(68, 67)),
		accept(address(dhcpServers, destinationAddress), udp(546, 547)))
}

var (
	linkLocal   = netip.MustParsePrefix("fe80::/10")
	broadcast   = netip.MustParsePrefix("255.255.255.255/32")
	dhcpServers = netip.MustParsePrefix("ff02::1:2/128")
	loopbacks   = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	listeners   = netip.MustParsePrefix("ff02::16/128") // all MLDv2-capable routers
)
