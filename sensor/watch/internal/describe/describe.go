//go:build linux

package describe

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/account"
	"picket.internal/sensor/watch/internal/clock"
	"picket.internal/sensor/watch/internal/proc"
	"picket.internal/sensor/watch/internal/redact"
)

// Host is what a description needs of the host. It is safe for concurrent use.
type Host struct {
	// FS is where processes are read. Must be set.
	FS *proc.FS
	// Names are the host's accounts. Must be set.
	Names *account.Names
	// Boot is the boot id. Source: proc_sys_kernel(5) random/boot_id.
	Boot string
	// Clock is the host's clock.
	Clock clock.Clock
	// Secrets are taken out of arguments, wherever those go.
	Secrets redact.Secrets
}

// BootID reads the id that the kernel gave this boot; empty where it cannot.
func BootID(fs *proc.FS) string {
	data, err := fs.File("sys/kernel/random/boot_id", make([]byte, 64))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(data), ""))
}

// EntityID names a process for good: the first 16 hexadecimal digits of the
// SHA-256 over boot id, pid and start time, the numbers in decimal, with a
// newline behind each of the three.
func EntityID(boot string, pid int32, ticks uint64) string {
	b := make([]byte, 0, 64)
	b = append(append(b, boot...), '\n')
	b = append(strconv.AppendInt(b, int64(pid), 10), '\n')
	b = append(strconv.AppendUint(b, ticks, 10), '\n')
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// Entity is EntityID on this host.
func (h *Host) Entity(pid int32, ticks uint64) string { return EntityID(h.Boot, pid, ticks) }

// Started is when a process started, by the host's clock as it is set now.
func (h *Host) Started(ticks uint64) time.Time {
	const most = uint64(1<<63-1) / uint64(clock.Tick)
	return h.Clock.Booted().Add(time.Duration(min(ticks, most)) * clock.Tick).Truncate(clock.Tick)
}

// StartText is a start time as a fact carries it.
func StartText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.00Z07:00") }

// Process is the process block of a reading, without parent and hash.
func (h *Host) Process(r *proc.Reading) *fact.Process {
	p := &fact.Process{
		EntityID:       h.Entity(r.PID, r.StartTicks),
		PID:            int64(r.PID),
		StartTicks:     r.StartTicks,
		Start:          StartText(h.Started(r.StartTicks)),
		ExecutableKind: Kind(r),
		Deleted:        r.Deleted(),
		ArgsTruncated:  r.ArgsCut,
		ContainerID:    r.Container,
		Unreadable:     r.Unreadable,
	}
	p.Name, p.NameB64 = Text(r.Name, costName)
	p.Executable, p.ExecutableB64 = Text(r.Path, costPath)
	p.WorkingDirectory, _ = Text(r.Cwd, costPath)
	p.ExecutableFilesystem, _ = Text(r.System, costName)
	p.Thread = h.thread(r.Caps)
	var cut bool
	args, redacted := h.Secrets.Args(r.Args)
	p.ArgsRedacted = redacted
	p.Args, cut = arguments(args)
	p.ArgsTruncated = p.ArgsTruncated || cut
	p.CommandLine = strings.Join(p.Args, " ")
	return p
}

// Kind tells how the image of a reading relates to the file system.
func Kind(r *proc.Reading) string {
	switch {
	case r.Kernel():
		return fact.ExecutableKernel
	case r.InMemory:
		return fact.ExecutableMemfd
	case r.Deleted():
		return fact.ExecutableDeleted
	case r.HasImage:
		return fact.ExecutableFile
	case slices.ContainsFunc(r.Unreadable, func(s string) bool { return strings.HasPrefix(s, "exe:") }):
		return fact.ExecutableUnreadable
	}
	return ""
}

// thread is what the process may do; nil where that is nothing.
func (h *Host) thread(c proc.Caps) *fact.Thread {
	if c == (proc.Caps{}) {
		return nil
	}
	last := h.FS.LastCap()
	caps := &fact.Capabilities{Effective: proc.CapNames(c.Effective, last), Ambient: proc.CapNames(c.Ambient, last)}
	if c.Permitted != c.Effective {
		caps.Permitted = proc.CapNames(c.Permitted, last)
	}
	return &fact.Thread{Capabilities: caps}
}

// Owner is the user block of a reading; nil where the owner is not known.
func (h *Host) Owner(r *proc.Reading) *fact.User {
	if !r.Owned {
		return nil
	}
	u := h.User(r.IDs)
	if r.LoggedIn {
		u.Audit = h.Login(r.Login)
	}
	for _, g := range r.Groups {
		if name := h.Names.Group(g); name != "" && len(u.Groups) < maxGroups {
			u.Groups = append(u.Groups, name)
		}
	}
	return u
}

// Login is who logged in.
func (h *Host) Login(id uint32) *fact.AuditUser {
	return &fact.AuditUser{ID: strconv.FormatUint(uint64(id), 10), Name: h.Names.User(id)}
}

// maxGroups is how many supplementary groups are told: a fact has a bound, and
// group names can be 256 bytes long.
const maxGroups = 16

// User is the user block of a process with these ids.
func (h *Host) User(ids proc.IDs) *fact.User {
	u := &fact.User{
		ID:        strconv.FormatUint(uint64(ids.User), 10),
		Name:      h.Names.User(ids.User),
		GroupID:   strconv.FormatUint(uint64(ids.Group), 10),
		GroupName: h.Names.Group(ids.Group),
	}
	if ids.RealUser != ids.User {
		u.RealID = strconv.FormatUint(uint64(ids.RealUser), 10)
	}
	return u
}

// Service is the service block of a unit; nil where there is none.
func Service(unit string) *fact.Service {
	if unit == "" {
		return nil
	}
	return &fact.Service{Name: unit}
}
