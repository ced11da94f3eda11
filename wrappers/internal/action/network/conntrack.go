package network

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The parts of nfnetlink_conntrack.h that listing and deleting need.
const (
	ctGet, ctDelete                                    = unix.NFNL_SUBSYS_CTNETLINK<<8 | 1, unix.NFNL_SUBSYS_CTNETLINK<<8 | 2
	ctOriginal, ctReply, ctStatus, ctID, ctZone        = 1, 2, 3, 12, 18
	ctTupleIP                                          = 1
	ctOffloaded                                        = 1<<14 | 1<<15 // IPS_OFFLOAD, IPS_HW_OFFLOAD
	attributeType                               uint16 = 1<<14 - 1     // NLA_TYPE_MASK
)

// ctCount is how many connections are tracked; missing where none are.
const ctCount = "/proc/sys/net/netfilter/nf_conntrack_count"

// maxListed bounds the memory for a list. Where there are more, all are deleted.
var maxListed = 1 << 16

// connection is a tracked one: its family, the addresses of both directions,
// and what names it to the kernel.
type connection struct {
	family    byte
	addresses []netip.Addr
	offloaded bool
	key       []netlink.Attribute
}

func (c connection) touches(prefixes ...netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return slices.ContainsFunc(c.addresses, p.Contains) })
}

// forget deletes the entries of unwanted connections, and of those offloaded to
// a flowtable, which would go on past the rules. The rules hold without it, so
// what could not be done is told and is no error.
func forget(unwanted func(connection) bool) string {
	text, err := os.ReadFile(ctCount)
	if errors.Is(err, os.ErrNotExist) {
		return "none tracked"
	}
	count, errCount := strconv.Atoi(string(bytes.TrimSpace(text)))
	conn, errDial := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err := errors.Join(err, errCount, errDial); err != nil {
		return fmt.Sprintf("not deleted: %.200v", err)
	}
	defer conn.Close()
	var listed []netlink.Message
	if err = bounded(conn); err == nil && count > maxListed {
		if _, err = conn.Execute(message(ctDelete, netlink.Acknowledge, connection{})); err == nil {
			return fmt.Sprintf("all %d deleted", count)
		}
	} else if err == nil {
		listed, err = conn.Execute(message(ctGet, netlink.Dump, connection{}))
	}
	if err != nil {
		return fmt.Sprintf("not deleted: %.200v", err)
	}
	deleted, kept, failed := 0, 0, 0
	for _, m := range listed {
		c, err := parseConnection(m.Data)
		if err == nil && !c.offloaded && !unwanted(c) {
			kept++
			continue
		}
		if err == nil {
			_, err = conn.Execute(message(ctDelete, netlink.Acknowledge, c))
		}
		if err == nil || errors.Is(err, os.ErrNotExist) {
			deleted++
		} else {
			failed++
		}
	}
	return fmt.Sprintf("%d deleted, %d kept, %d not deletable", deleted, kept, failed)
}

// message puts struct nfgenmsg before what names the connection. Without a
// name, deleting means all.
func message(kind netlink.HeaderType, flags netlink.HeaderFlags, c connection) netlink.Message {
	data, _ := netlink.MarshalAttributes(c.key) // fails only beyond 64 KiB, and this was read from a message
	return netlink.Message{Header: netlink.Header{Type: kind, Flags: netlink.Request | flags}, Data: append([]byte{c.family, 0, 0, 0}, data...)}
}

func parseConnection(data []byte) (connection, error) {
	if len(data) < 4 {
		return connection{}, errors.New("short message")
	}
	// Deleting by an id alone would mean all connections: named guards that.
	c, named := connection{family: data[0]}, false
	attributes, err := netlink.UnmarshalAttributes(data[4:])
	for _, a := range attributes {
		switch a.Type & attributeType {
		case ctOriginal:
			c.addTuple(a.Data)
			c.key, named = append(c.key, a), true
		case ctReply:
			c.addTuple(a.Data)
		case ctID, ctZone:
			c.key = append(c.key, a)
		case ctStatus:
			c.offloaded = len(a.Data) == 4 && binary.BigEndian.Uint32(a.Data)&ctOffloaded != 0
		}
	}
	if !named || len(c.addresses) == 0 {
		err = errors.Join(err, errors.New("no original direction"))
	}
	return c, err
}

func (c *connection) addTuple(data []byte) {
	parts, _ := netlink.UnmarshalAttributes(data) // without addresses it is refused above
	for _, part := range parts {
		if part.Type&attributeType != ctTupleIP {
			continue
		}
		ends, _ := netlink.UnmarshalAttributes(part.Data)
		for _, end := range ends {
			if a, ok := netip.AddrFromSlice(end.Data); ok {
				c.addresses = append(c.addresses, a)
			}
		}
	}
}
