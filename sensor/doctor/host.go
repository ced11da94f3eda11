//go:build linux

package doctor

import (
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// probes are the questions to the kernel; tests put their own in.
type probes struct {
	release   func() string
	uid       func() int
	files     func() uint64 // that may be open at once
	synced    func() (bool, error)
	inotify   func() error
	connector func() error
	audit     func() audit
	fanotify  func() error
	dial      func(path string) error
}

// host is what the checks look at.
type host struct {
	Config
	status map[string]string // proc_pid_status(5) of this process
}

// check is one line of the doctor's.
type check struct {
	name string
	run  func(h *host) *Finding
}

// checks are all of them, in the order in which they are told: first what the
// process is, then what the kernel gives it, then what lies on the disk.
var checks = []check{
	{"kernel", kernel},
	{"user", user},
	{"cap_sys_ptrace", func(h *host) *Finding {
		return h.capability(unix.CAP_SYS_PTRACE, "SYS_PTRACE", "the executables, folders and environments of other users' processes cannot be seen")
	}},
	{"cap_dac_read_search", func(h *host) *Finding {
		return h.capability(unix.CAP_DAC_READ_SEARCH, "DAC_READ_SEARCH", "files that only their owner may read are not hashed, and /root, shadow and sudoers not read")
	}},
	{"cap_net_admin", func(h *host) *Finding {
		return h.capability(unix.CAP_NET_ADMIN, "NET_ADMIN", "before Linux 6.6 there are no process events, and short processes are missed")
	}},
	{"cap_audit_read", func(h *host) *Finding {
		return h.capability(unix.CAP_AUDIT_READ, "AUDIT_READ", "who touched a canary is told less often, or not at all")
	}},
	{"proc", procMount},
	{"pid_namespace", func(h *host) *Finding {
		return h.namespace("pid", 0xEFFFFFFC, "only the processes of this container are seen, and there are no process events")
	}},
	{"user_namespace", func(h *host) *Finding {
		return h.namespace("user", 0xEFFFFFFD, "capabilities count for nothing outside, and there are no process events")
	}},
	{"net_namespace", netNamespace},
	{"inotify", inotify},
	{"inotify_instances", inotifyInstances},
	{"inotify_queue", inotifyQueue},
	{"open_files", openFiles},
	{"connector", connector},
	{"audit", auditGroup},
	{"audit_rules", auditRules},
	{"fanotify", fanotify},
	{"attribution", attribution},
	{"systemd", systemd},
	{"launch", launch},
	{"packages", packages},
	{"logins", logins},
	{"clock", clock},
	{"state", state},
}

func run(cfg Config) []Finding {
	cfg.probes = cfg.probes.orReal()
	h := &host{Config: cfg}
	h.status = fields(h.read("/proc/self/status"))
	all := make([]Finding, 0, len(checks))
	for _, c := range checks {
		f := c.run(h)
		f.Check = c.name
		all = append(all, *f)
	}
	return all
}

// maxFile is more than any file that is read here has; procfs tells no sizes.
const maxFile = 1 << 20

// read is a file's content; empty where it cannot be read.
func (h *host) read(path string) string {
	f, err := os.OpenFile(h.Root+path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	data, _ := io.ReadAll(io.LimitReader(f, maxFile))
	return string(data)
}

// names are what lies in a folder, at most 10,000.
func (h *host) names(path string) []string {
	d, err := os.Open(h.Root + path)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(10_000)
	return names
}

// readable tells whether the file can be opened to be read.
func (h *host) readable(path string) error {
	f, err := os.OpenFile(h.Root+path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

func (h *host) exists(path string) bool {
	_, err := os.Stat(h.Root + path)
	return err == nil
}

// fields are lines of a name, a colon and a value.
func fields(text string) map[string]string {
	m := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			m[name] = strings.TrimSpace(value)
		}
	}
	return m
}

func yes(detail string) *Finding { return &Finding{OK: true, Detail: detail} }

func no(detail, fix string) *Finding { return &Finding{Detail: detail, Fix: fix} }

// need says whether the configuration cannot do without it.
func (f *Finding) need(needed bool) *Finding {
	f.Needed = needed
	return f
}
