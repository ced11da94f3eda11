//go:build linux

package fuzz

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"testing"

	"picket.internal/sensor/watch/inventory/files"
)

// FuzzCapabilities reads any value of security.capability, which whoever owns a
// file system image has written. What parses has exactly one name for each
// permitted bit; what does not gives nothing.
func FuzzCapabilities(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x01\x00\x20\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x03\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00\xe8\x03\x00\x00"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		names, err := files.ParseCapabilities(data)
		if err != nil {
			if names != nil {
				t.Fatalf("refused with %v, handing out %q", err, names)
			}
			return
		}
		set := bits.OnesCount32(binary.LittleEndian.Uint32(data[4:]))
		if len(data) > 12 {
			set += bits.OnesCount32(binary.LittleEndian.Uint32(data[12:]))
		}
		if len(names) != set {
			t.Fatalf("%d names of %d bits: %q", len(names), set, names)
		}
		seen := make(map[string]bool)
		for _, name := range names {
			if seen[name] || !strings.HasPrefix(name, "CAP_") {
				t.Fatalf("%q twice, or no name", name)
			}
			seen[name] = true
		}
	})
}
