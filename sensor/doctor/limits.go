//go:build linux

package doctor

import (
	"fmt"
	"strconv"
	"strings"
)

// limit is a number below /proc/sys; 0 where it cannot be read.
func (h *host) limit(name string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(h.read("/proc/sys/" + name)))
	return n
}

// sysctl is how to raise a limit, now and for good.
func sysctl(key string, value int) string {
	return fmt.Sprintf("sysctl -w %s=%d\n/etc/sysctl.d/60-picket.conf: %s = %d", key, value, key, value)
}

// inotify checks that there are watches for everything: each canary takes one,
// and so does each folder that one lies in. Source: inotify(7).
func inotify(h *host) *Finding {
	if err := h.probes.inotify(); err != nil {
		return no(fmt.Sprintf("no inotify instance can be had (%v): canaries are not watched, inventory is a minute late", err),
			sysctl("fs.inotify.max_user_instances", max(256, 2*h.limit("fs/inotify/max_user_instances")))).need(len(h.Canaries) > 0)
	}
	have := h.limit("fs/inotify/max_user_watches")
	used, _ := h.inUse()
	need := 2*len(h.Canaries) + h.Folders
	what := fmt.Sprintf("%d watches a user, %d in use, about %d needed for %d canaries and %d other paths", have, used, need, len(h.Canaries), h.Folders)
	if have >= need+used {
		return yes(what).need(len(h.Canaries) > 0)
	}
	return no(what+": some canaries will not be watched", sysctl("fs.inotify.max_user_watches", 2*(need+used))).need(len(h.Canaries) > 0)
}

func inotifyInstances(h *host) *Finding {
	have := h.limit("fs/inotify/max_user_instances")
	_, used := h.inUse()
	what := fmt.Sprintf("%d instances a user, %d in use, 4 needed", have, used)
	if have >= used+4 {
		return yes(what)
	}
	return no(what+": one program more of this user may leave the sensor without", sysctl("fs.inotify.max_user_instances", max(256, 2*have)))
}

func inotifyQueue(h *host) *Finding {
	have := h.limit("fs/inotify/max_queued_events")
	if have >= 16384 {
		return yes(fmt.Sprintf("%d events may wait", have))
	}
	return no(fmt.Sprintf("%d events may wait: a burst is lost, and counted as loss", have), sysctl("fs.inotify.max_queued_events", 16384))
}

// maxFDs bounds how many descriptors are looked at for what is in use.
const maxFDs = 20_000

// inUse counts the watches and instances of this user's processes that can be
// seen. Source: proc_pid_fdinfo(5).
func (h *host) inUse() (watches, instances int) {
	own, left := strings.Fields(h.status["Uid"] + " ?")[0], maxFDs
	for _, pid := range h.names("/proc") {
		if pid[0] < '0' || pid[0] > '9' {
			continue
		}
		if uid := strings.Fields(fields(h.read("/proc/" + pid + "/status"))["Uid"] + " !")[0]; uid != own {
			continue
		}
		for _, fd := range h.names("/proc/" + pid + "/fdinfo") {
			if left--; left < 0 {
				return watches, instances
			}
			text := h.read("/proc/" + pid + "/fdinfo/" + fd)
			n := strings.Count(text, "inotify wd:")
			watches += n
			if n > 0 {
				instances++
			}
		}
	}
	return watches, instances
}

// openFiles checks RLIMIT_NOFILE. Source: getrlimit(2).
func openFiles(h *host) *Finding {
	have := h.probes.files()
	if have >= 1024 {
		return yes(fmt.Sprintf("%d files may be open at once", have))
	}
	return no(fmt.Sprintf("only %d files may be open at once: hashing and canaries fall short", have), "unit: LimitNOFILE=4096\nby hand: ulimit -n 4096")
}

// clock checks that somebody keeps it right. Source: adjtimex(2).
func clock(h *host) *Finding {
	synced, err := h.probes.synced()
	switch {
	case err != nil:
		return no(fmt.Sprintf("whether the clock is right cannot be asked: %v", err), "")
	case synced:
		return yes("the clock is synchronised")
	}
	return no("nobody synchronises the clock: times of facts do not compare with those of other hosts", "timedatectl set-ntp true")
}
