//go:build linux

package describe

import (
	"strings"

	"picket.internal/sensor/watch/internal/proc"
)

// HideOption is the mount option by which the kernel keeps processes of others
// out of the list, empty where there is none. Source: proc(5) hidepid.
func HideOption(fs *proc.FS) string {
	for line := range strings.Lines(string(fs.Mountinfo())) {
		if option, ok := hideOption(line); ok {
			return option
		}
	}
	return ""
}

// hideOption reads a line of proc_pid_mountinfo(5); the options of the file
// system are its last field.
func hideOption(line string) (string, bool) {
	head, tail, _ := strings.Cut(strings.TrimSpace(line), " - ")
	fields, rest := strings.Fields(head), strings.Fields(tail)
	if len(fields) < 5 || fields[4] != "/proc" || len(rest) < 3 || rest[0] != "proc" {
		return "", false
	}
	for option := range strings.SplitSeq(rest[2], ",") {
		switch option {
		case "hidepid=1", "hidepid=2", "hidepid=4", "hidepid=noaccess", "hidepid=invisible", "hidepid=ptraceable":
			return option, true
		}
	}
	return "", false
}
