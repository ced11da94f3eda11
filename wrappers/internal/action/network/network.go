// Package network cuts a host off from all but its hub and what the host policy
// lists (isolate_network), and blocks single addresses (block_address). Both
// are tables of their own in nftables, put in and taken out over netlink in one
// transaction each, so that no packet ever meets half of them. Other tables are
// never touched.
//
// The package must never open an internet socket, run nft, resolve a name, or
// let traffic through that an allowed peer is not part of. Whether the hub can
// be reached is shown by the sender, never tested from here.
//
// What it does not reach: AF_PACKET sockets, XDP and tc programs, bridged
// frames, and other network namespaces that have a device of their own. All of
// these need root or leave the host's IP stack aside.
package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"picket.internal/wrappers/internal/action"
)

// The codes of the refusals of this package.
const (
	NoNftables = "net.no_nftables" // the kernel has no nf_tables, or does not let us
	BadPrefix  = "net.bad_prefix"  // an address, prefix, protocol or number of them that is not taken
	HubBlocked = "net.hub_blocked" // it would cut off the hub or an address of the host policy
	Conflict   = "net.conflict"    // a table of our name holds other rules, or too many blocks are there
)

// maxPeers bounds the rules of one isolation: up to 8 for each peer.
const maxPeers = 128

// Peer is who may be talked to while the host is isolated. The fields have the
// names that they have in the host policy.
type Peer struct {
	// Prefix is an address or a CIDR prefix of at least /8 (IPv4) or /16 (IPv6).
	Prefix string `json:"prefix"`
	// Protocol is "tcp", "udp", or empty for both; with no Port, empty means all.
	Protocol string `json:"protocol,omitempty"`
	// Port is the port of whoever is asked: the peer, or this host if Inbound. 0 means any.
	Port uint16 `json:"port,omitempty"`
	// Inbound lets the peer open connections to this host. Without it, only this
	// host may open them (TCP); UDP answers are told by their source port alone.
	Inbound bool `json:"inbound,omitempty"`
}

// Allowed is what the host policy keeps open.
type Allowed struct {
	// Hub are the pinned addresses of the hub. At least one is needed.
	Hub []Peer `json:"hub"`
	// Hosts are others this host itself may talk to.
	Hosts []Peer `json:"hosts,omitempty"`
	// Resolvers are asked on port 53, over udp and tcp.
	Resolvers []string `json:"resolvers,omitempty"`
	// Forward are peers of whatever this host forwards for, such as containers.
	Forward []Peer `json:"forward,omitempty"`
}

// own are the peers of this host itself.
func (a Allowed) own() []Peer {
	peers := slices.Concat(a.Hub, a.Hosts)
	for _, r := range a.Resolvers {
		peers = append(peers, Peer{Prefix: r, Port: 53})
	}
	return peers
}

// prefixes checks every peer and returns where they are.
func (a Allowed) prefixes() ([]netip.Prefix, error) {
	peers := append(a.own(), a.Forward...)
	if len(a.Hub) == 0 {
		return nil, action.Refuse(BadPrefix, "the hub has no address: the host would be cut off for good")
	}
	if len(peers) > maxPeers {
		return nil, action.Refuse(BadPrefix, "%d allowed peers, at most %d are taken", len(peers), maxPeers)
	}
	prefixes := make([]netip.Prefix, len(peers))
	for i, p := range peers {
		if protocols[p.Protocol] == nil {
			return nil, action.Refuse(BadPrefix, "protocol %.16q of %.64q is neither tcp nor udp", p.Protocol, p.Prefix)
		}
		var err error
		if prefixes[i], err = parsePrefix(p.Prefix); err != nil {
			return nil, err
		}
	}
	return prefixes, nil
}

// parsePrefix takes an address or a prefix. Host bits must be zero, so that
// what was signed is what is meant.
func parsePrefix(text string) (netip.Prefix, error) {
	bad := func(why string) (netip.Prefix, error) {
		return netip.Prefix{}, action.Refuse(BadPrefix, "%.64q %s", text, why)
	}
	p, err := netip.ParsePrefix(text)
	if addr, errAddr := netip.ParseAddr(text); errAddr == nil {
		p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		if addr.Zone() != "" {
			return bad("has a zone")
		}
	}
	least := 8
	if p.Addr().Is6() {
		least = 16
	}
	switch {
	case err != nil:
		return bad("is neither an address nor a CIDR prefix")
	case p != p.Masked():
		return bad("has bits set beyond its length")
	case p.Addr().Is4In6():
		return bad("is an IPv4 address written as IPv6")
	case p.Bits() < least:
		return bad(fmt.Sprintf("is wider than /%d", least))
	case p.Addr().IsUnspecified() || p.Addr().IsMulticast():
		return bad("is no address of a host")
	}
	return p, nil
}

// refused turns what the kernel says where nf_tables is missing, or not ours to
// use, into the refusal.
func refused(doing string, err error) error {
	unusable := []error{syscall.EPERM, syscall.EPROTONOSUPPORT, syscall.EAFNOSUPPORT, syscall.EOPNOTSUPP, syscall.EINVAL, syscall.ENOENT}
	if slices.ContainsFunc(unusable, func(no error) bool { return errors.Is(err, no) }) {
		return action.Refuse(NoNftables, "%s: %v", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
