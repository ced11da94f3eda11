//go:build linux

package files

import (
	"crypto/sha256"
	"encoding/hex"
	"sort"
	"strings"

	"golang.org/x/sys/unix"

	"picket.internal/sensor/watch/internal/describe"
)

const (
	maxXattrs = 32
	// maxXattr is the kernel's own bound of a value, and of all names
	// together. Source: linux/limits.h XATTR_SIZE_MAX, XATTR_LIST_MAX.
	maxXattr     = 64 << 10
	maxXattrName = 255
)

// attributes reads the extended attributes of an open file: the capabilities
// among them by name, and all of them as name=hash, sorted.
func attributes(fd int) (caps, list []string) {
	n, err := unix.Flistxattr(fd, nil)
	if err != nil || n <= 0 {
		return nil, nil
	}
	buf := make([]byte, min(n, maxXattr))
	if n, err = unix.Flistxattr(fd, buf); err != nil {
		return nil, nil
	}
	names := strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00")
	sort.Strings(names)
	value := make([]byte, maxXattr)
	for _, name := range names[:min(len(names), maxXattrs)] {
		n, err := unix.Fgetxattr(fd, name, value)
		if err != nil {
			continue
		}
		sum := sha256.Sum256(value[:n])
		text, _ := describe.Text(name, 2*maxXattrName)
		list = append(list, text+"="+hex.EncodeToString(sum[:8]))
		if name == "security.capability" {
			if caps, err = ParseCapabilities(value[:n]); err != nil {
				caps = []string{"malformed"}
			}
		}
	}
	return caps, list
}
