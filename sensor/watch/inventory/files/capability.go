//go:build linux

package files

import (
	"encoding/binary"
	"fmt"

	"picket.internal/sensor/watch/internal/proc"
)

// Revisions of struct vfs_cap_data, in the highest byte of its first word.
// Source: linux/capability.h.
const (
	capRevision1 = 0x01000000
	capRevision2 = 0x02000000
	capRevision3 = 0x03000000
	capRevision  = 0xff000000
)

// ParseCapabilities reads the value of the extended attribute
// security.capability, and names the capabilities that running the file gives,
// as in "CAP_NET_RAW". Source: capabilities(7).
func ParseCapabilities(data []byte) ([]string, error) {
	if len(data) < 4 {
		return nil, fmt.Errorf("malformed capabilities %.40x: too short", data)
	}
	words, tail := 2, 0
	switch binary.LittleEndian.Uint32(data) & capRevision {
	case capRevision1:
		words = 1
	case capRevision2:
	case capRevision3:
		tail = 4 // the user namespace's root
	default:
		return nil, fmt.Errorf("malformed capabilities %.40x: unknown revision", data)
	}
	if len(data) != 4+8*words+tail {
		return nil, fmt.Errorf("malformed capabilities %.40x: %d bytes", data, len(data))
	}
	var permitted uint64
	for i := range words { // each with the inheritable ones behind it
		permitted |= uint64(binary.LittleEndian.Uint32(data[4+8*i:])) << (32 * i)
	}
	return proc.CapList(permitted), nil
}
