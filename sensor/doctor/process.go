//go:build linux

package doctor

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// kernel checks for the calls that every sensor makes. Source: statx(2), since
// Linux 4.11.
func kernel(h *host) *Finding {
	release := h.probes.release()
	f := yes("Linux " + release)
	switch {
	case !atLeast(release, 4, 11):
		f = no("Linux "+release+" lacks calls that the sensor makes: it needs 4.11", "install a newer kernel")
	case !atLeast(release, 6, 6):
		f.Detail += ": process events need CAP_NET_ADMIN before 6.6"
	}
	return f.need(true)
}

// atLeast compares a release as in "6.1.0-31-amd64".
func atLeast(release string, major, minor int) bool {
	var got [2]int
	parts := strings.SplitN(release, ".", 3)
	for i := range min(len(parts), 2) {
		digits := strings.IndexFunc(parts[i], func(r rune) bool { return r < '0' || r > '9' })
		if digits < 0 {
			digits = len(parts[i])
		}
		got[i], _ = strconv.Atoi(parts[i][:digits])
	}
	return got[0] > major || got[0] == major && got[1] >= minor
}

func user(h *host) *Finding {
	uid := h.probes.uid()
	if uid == 0 {
		return yes("runs as root")
	}
	return yes(fmt.Sprintf("runs as user id %d: what belongs to others is seen only by the capabilities below", uid))
}

// set is a set of capabilities of proc_pid_status(5).
func (h *host) set(name string) uint64 {
	n, _ := strconv.ParseUint(h.status[name], 16, 64)
	return n
}

func (h *host) has(number int) bool { return h.set("CapEff")&(1<<number) != 0 }

// capability checks one, and says what it costs to lack it.
func (h *host) capability(number int, name, cost string) *Finding {
	switch {
	case h.has(number):
		return yes("CAP_" + name + " is in force")
	case h.set("CapBnd")&(1<<number) == 0:
		return no("without CAP_"+name+" "+cost+"; this container or unit rules it out",
			"container: --cap-add "+name+"\nunit: CapabilityBoundingSet=CAP_"+name)
	}
	return no("without CAP_"+name+" "+cost, "unit: AmbientCapabilities=CAP_"+name)
}

// grant is how a capability is given to the sensor; where it has it already,
// it is a user namespace that makes it worth nothing.
func (h *host) grant(number int, name string) string {
	if h.has(number) {
		return "run the sensor on the host: in a user namespace CAP_" + name + " counts for nothing"
	}
	return "unit: AmbientCapabilities=CAP_" + name
}

// procMount checks that the processes of others can be listed. Source:
// kernel Documentation/filesystems/proc.rst, hidepid.
func procMount(h *host) *Finding {
	table := h.read("/proc/self/mountinfo")
	if table == "" {
		return no("/proc is not mounted: nothing can be seen", "mount -t proc proc /proc").need(true)
	}
	for line := range strings.Lines(table) {
		head, tail, ok := strings.Cut(strings.TrimSpace(line), " - ")
		f := strings.Fields(head)
		if !ok || len(f) < 5 || f[4] != "/proc" {
			continue
		}
		for option := range strings.SplitSeq(tail[strings.LastIndex(tail, " ")+1:], ",") {
			value, hides := strings.CutPrefix(option, "hidepid=")
			if !hides || value == "0" || value == "off" {
				continue
			}
			if h.has(unix.CAP_SYS_PTRACE) || h.probes.uid() == 0 {
				return yes("/proc is mounted with hidepid=" + value + ", which CAP_SYS_PTRACE lifts").need(true)
			}
			return no("/proc is mounted with hidepid="+value+": processes of other users are hidden",
				"unit: AmbientCapabilities=CAP_SYS_PTRACE\nby hand: mount -o remount,hidepid=0 /proc")
		}
	}
	return yes("the processes of all users are listed").need(true)
}

// namespace tells whether the sensor is in the host's own. The kernel gives
// the first namespaces fixed numbers. Source: linux/proc_ns.h.
func (h *host) namespace(kind string, first uint64, cost string) *Finding {
	link, err := os.Readlink(h.Root + "/proc/self/ns/" + kind)
	if err != nil {
		return no("which "+kind+" namespace this is cannot be read", "")
	}
	if link == fmt.Sprintf("%s:[%d]", kind, first) {
		return yes("the host's own")
	}
	option := kind
	if kind == "user" {
		option = "userns"
	}
	return no("not the host's own ("+link+"): "+cost, "container: --"+option+"=host, or run the sensor on the host")
}

// netNamespace compares with the first process: the number of the first
// network namespace was not always fixed.
func netNamespace(h *host) *Finding {
	own, err := os.Readlink(h.Root + "/proc/self/ns/net")
	if err != nil {
		return no("which net namespace this is cannot be read", "")
	}
	if own == "net:[4026531833]" {
		return yes("the host's own")
	}
	first, err := os.Readlink(h.Root + "/proc/1/ns/net")
	inside := h.namespace("pid", 0xEFFFFFFC, "")
	switch {
	case err != nil:
		return yes("not known: the first process's namespace may not be read (" + own + ")")
	case own == first && inside.OK:
		return yes("the host's own")
	}
	return no("not the host's own ("+own+"): only this container's listeners are seen, and there are no process events and no audit",
		"container: --network=host, or run the sensor on the host")
}
