//go:build linux

package files

import (
	"bytes"

	"picket.internal/sensor/watch/internal/proc"
)

// slowMounts are the mount points behind which a server or a program stands,
// of a table as in proc_pid_mountinfo(5).
func slowMounts(table []byte) map[string]bool {
	slow := make(map[string]bool)
	for line := range bytes.Lines(table) {
		head, tail, ok := bytes.Cut(line, []byte(" - "))
		fields := bytes.SplitN(head, []byte(" "), 6)
		kind, _, _ := bytes.Cut(tail, []byte(" "))
		if ok && len(fields) >= 5 && proc.IsSlowKind(string(kind)) {
			slow[proc.Unescape(fields[4])] = true
		}
	}
	return slow
}

// behind tells whether the path lies on, or below, one of the mount points.
func behind(slow map[string]bool, path string) bool {
	if len(slow) == 0 {
		return false
	}
	for i := 1; i < len(path); i++ {
		if path[i] == '/' && slow[path[:i]] {
			return true
		}
	}
	return slow[path] || slow["/"]
}
