//go:build linux

package proc

import (
	"bytes"
	"strings"
)

// ParseCgroup reads the container and the unit of the service manager from
// proc_pid_cgroup(5), lines of id:controllers:path. Either is empty where the
// process is in none.
func ParseCgroup(data []byte) (container, unit string) {
	for line := range bytes.Lines(data) {
		_, rest, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(":"))
		controllers, path, ok := bytes.Cut(rest, []byte(":"))
		if !ok {
			continue
		}
		if container == "" {
			container = containerOf(string(path))
		}
		// Version 2 names no controllers; under version 1 the service
		// manager has a hierarchy of its own.
		if unit == "" && (len(controllers) == 0 || string(controllers) == "name=systemd") {
			unit = unitOf(string(path))
		}
	}
	return container, unit
}

// containerOf finds the innermost 64 hexadecimal digits that stand alone or
// behind what a runtime puts before them, as in docker-ID.scope or
// cri-containerd:ID.
func containerOf(path string) string {
	for path != "" {
		i := strings.LastIndexByte(path, '/')
		name := strings.TrimSuffix(path[i+1:], ".scope")
		name = name[strings.LastIndexAny(name, "-:")+1:]
		if isContainerID(name) {
			return name
		}
		path = path[:max(i, 0)]
	}
	return ""
}

func isContainerID(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// unitOf is the system's unit: the first name that is not a slice, where it is
// a service. What a user's own manager runs below it counts as its own.
func unitOf(path string) string {
	for name := range strings.SplitSeq(path, "/") {
		if name == "" || name == ".." || strings.HasSuffix(name, ".slice") {
			continue
		}
		if strings.HasSuffix(name, ".service") && len(name) <= 256 {
			return strings.ToValidUTF8(name, "\uFFFD")
		}
		return ""
	}
	return ""
}
