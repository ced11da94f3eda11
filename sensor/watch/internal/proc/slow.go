//go:build linux

package proc

import (
	"bytes"
	"strings"
)

// Points are the mount points of a moment, and the kinds mounted there.
type Points map[string]string

// Points reads the mount table of the sensor's own namespace.
func (fs *FS) Points() Points { return parsePoints(fs.Mountinfo()) }

// Slow tells whether the path, taken by its letters, lies on a file system that
// may never answer. A symbolic link on the way may still lead to one.
func (p Points) Slow(path string) bool {
	for at := path; ; {
		if kind, ok := p[at]; ok {
			return slowKind(kind)
		}
		cut := strings.LastIndexByte(at, '/')
		if cut < 0 || at == "/" {
			return false
		}
		at = at[:max(cut, 1)]
	}
}

// parsePoints reads proc_pid_mountinfo(5). The last of a mount point is the one
// that is seen.
func parsePoints(data []byte) Points {
	points := make(Points)
	for line := range bytes.Lines(data) {
		head, tail, ok := bytes.Cut(line, []byte(" - "))
		fields := bytes.SplitN(head, []byte(" "), 6)
		if !ok || len(fields) < 5 || len(points) == maxMounts {
			continue
		}
		kind, _, _ := bytes.Cut(tail, []byte(" "))
		points[Unescape(fields[4])] = string(kind)
	}
	return points
}

// Unescape undoes the kernel's octal for what would end a word or a line in a
// table: space, tab, newline, backslash and hash, as in "\040".
func Unescape(b []byte) string {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '\\' && i+3 < len(b) && (b[i+1]|b[i+2]|b[i+3])&^7 == '0' && b[i+1] < '4' {
			c = (b[i+1]-'0')<<6 | (b[i+2]-'0')<<3 | (b[i+3] - '0')
			i += 3
		}
		out = append(out, c)
	}
	return string(out)
}
