package network

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// A rule is what nftables evaluates from left to right until one part does not
// match. Only parts that the kernel gives back as they were given are used, so
// that rules can be compared with what is in force.
type rule = []expr.Any

const (
	sourceAddress, destinationAddress = true, false
	sourcePort, destinationPort       = 0, 2 // offsets in TCP and UDP (RFC 9293, RFC 768)
)

func when(parts ...rule) rule { return slices.Concat(parts...) }

func accept(parts ...rule) rule {
	return append(when(parts...), &expr.Verdict{Kind: expr.VerdictAccept})
}

func drop(parts ...rule) rule { return append(when(parts...), &expr.Verdict{Kind: expr.VerdictDrop}) }

func is(data ...byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }

func meta(key expr.MetaKey, data ...byte) rule {
	return rule{&expr.Meta{Key: key, Register: 1}, is(data...)}
}

func load(base expr.PayloadBase, offset, length uint32) expr.Any {
	return &expr.Payload{DestRegister: 1, Base: base, Offset: offset, Len: length}
}

func masked(mask []byte) expr.Any {
	return &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask))}
}

func family(v6 bool) rule {
	if v6 {
		return meta(expr.MetaKeyNFPROTO, unix.NFPROTO_IPV6)
	}
	return meta(expr.MetaKeyNFPROTO, unix.NFPROTO_IPV4)
}

// loadAddress reads an address of the network header (RFC 791 section 3.1, RFC
// 8200 section 3).
func loadAddress(v6, source bool) expr.Any {
	offset, length := uint32(12), uint32(4)
	if v6 {
		offset, length = 8, 16
	}
	if !source {
		offset += length
	}
	return load(expr.PayloadBaseNetworkHeader, offset, length)
}

func address(p netip.Prefix, source bool) rule {
	r := when(family(p.Addr().Is6()), rule{loadAddress(p.Addr().Is6(), source)})
	if !p.IsSingleIP() {
		r = append(r, masked(net.CIDRMask(p.Bits(), p.Addr().BitLen())))
	}
	return append(r, is(p.Addr().AsSlice()...))
}

func inSet(name string, v6, source bool) rule {
	return when(family(v6), rule{loadAddress(v6, source), &expr.Lookup{SourceRegister: 1, SetName: name}})
}

func protocol(number byte) rule { return meta(expr.MetaKeyL4PROTO, number) }

func port(offset uint32, number uint16) rule {
	return rule{load(expr.PayloadBaseTransportHeader, offset, 2), is(binary.BigEndian.AppendUint16(nil, number)...)}
}

// answer matches TCP segments that open no connection: not SYN without ACK.
func answer() rule {
	const syn, ack = 0x02, 0x10
	return rule{load(expr.PayloadBaseTransportHeader, 13, 1), masked([]byte{syn | ack}),
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{syn}}}
}

// loopback matches by the type of the device: its name can be changed, and the
// name given to another.
func loopback(key expr.MetaKey) rule {
	return meta(key, binary.NativeEndian.AppendUint16(nil, unix.ARPHRD_LOOPBACK)...)
}

func icmp6(kind, hopLimit byte) rule {
	return when(family(true), protocol(unix.IPPROTO_ICMPV6),
		rule{load(expr.PayloadBaseNetworkHeader, 7, 1), is(hopLimit), load(expr.PayloadBaseTransportHeader, 0, 1), is(kind)})
}

// with gives the rules that let packets to (or from) the peers through. The
// peers have been checked by Allowed.prefixes.
func with(peers []Peer, source bool) (rules []rule) {
	for _, p := range peers {
		prefix, _ := parsePrefix(p.Prefix)
		if p.Protocol == "" && p.Port == 0 {
			rules = append(rules, accept(address(prefix, source)))
			continue
		}
		asked, side := source == p.Inbound, uint32(sourcePort)
		if asked {
			side = destinationPort
		}
		for _, number := range protocols[p.Protocol] {
			r := when(address(prefix, source), protocol(number))
			if p.Port != 0 {
				r = append(r, port(side, p.Port)...)
			}
			if number == unix.IPPROTO_TCP && !asked {
				r = append(r, answer()...)
			}
			rules = append(rules, accept(r))
		}
	}
	return rules
}

var protocols = map[string][]byte{"tcp": {unix.IPPROTO_TCP}, "udp": {unix.IPPROTO_UDP}, "": {unix.IPPROTO_TCP, unix.IPPROTO_UDP}}
