//go:build linux

package canary

import (
	"path"
	"slices"
	"time"
)

// AuditEvent is what the records of one system call say together.
type AuditEvent struct {
	AuditRecord // of kind AuditSyscall, with WorkingDir and Title of the others
	Paths       []AuditRecord
	began       time.Time
}

const (
	// maxAuditPaths is how many files one system call may name: a rename
	// names five.
	maxAuditPaths = 16
	// maxAuditOpen is how many events may be without their end.
	maxAuditOpen = 256
	// auditPatience is how long an event may be without its end.
	auditPatience = 50 * time.Millisecond
)

// AuditEvents puts records together, whose events may be interleaved and whose
// ends may be missing. The zero value is ready.
type AuditEvents struct {
	open []*AuditEvent // oldest first
	last uint64        // the highest serial so far
	// Lost is how many events are known to be incomplete, or were never seen:
	// the kernel numbers them one by one. The reader sets it back.
	Lost int64
	// holes are serials that have not come yet; two processors may hand in
	// their events out of order.
	holes []hole
}

// hole is a run of serials from first to last.
type hole struct {
	first, last uint64
	since       time.Time
}

// Add takes a record that was read now, and returns the event that it ends;
// nil where it ends none.
func (a *AuditEvents) Add(r AuditRecord, now time.Time) *AuditEvent {
	a.number(r.Serial, now)
	i := slices.IndexFunc(a.open, func(e *AuditEvent) bool { return e.Serial == r.Serial })
	if r.Kind == AuditEnd {
		if i < 0 {
			return nil
		}
		return a.end(i)
	}
	if r.fields() == nil {
		return nil
	}
	if i < 0 {
		if len(a.open) == maxAuditOpen {
			a.open = slices.Delete(a.open, 0, 1)
			a.Lost++
		}
		a.open = append(a.open, &AuditEvent{began: now, AuditRecord: AuditRecord{Serial: r.Serial, Time: r.Time}})
		i = len(a.open) - 1
	}
	e := a.open[i]
	switch {
	case r.Kind == AuditSyscall && e.Kind == 0:
		r.WorkingDir, r.Title = e.WorkingDir, e.Title
		e.AuditRecord = r
	case r.Kind == AuditPath && len(e.Paths) < maxAuditPaths:
		e.Paths = append(e.Paths, r)
	case r.Kind == AuditCwd:
		e.WorkingDir = r.WorkingDir
	case r.Kind == AuditProctitle:
		e.Title = r.Title
	}
	return nil
}

// Overdue returns an event whose end should have come; nil where there is
// none. It also gives up what never came.
func (a *AuditEvents) Overdue(now time.Time) *AuditEvent {
	for len(a.holes) > 0 && now.Sub(a.holes[0].since) > auditPatience {
		a.Lost += int64(min(a.holes[0].last-a.holes[0].first+1, 1<<31))
		a.holes = a.holes[1:]
	}
	for len(a.open) > 0 && now.Sub(a.open[0].began) > auditPatience {
		a.Lost++
		if e := a.end(0); e != nil {
			return e
		}
	}
	return nil
}

// Waiting tells whether there is something that may become overdue.
func (a *AuditEvents) Waiting() bool { return len(a.open)+len(a.holes) > 0 }

// end takes out an event; it is nil where nobody knows who did it.
func (a *AuditEvents) end(i int) *AuditEvent {
	e := a.open[i]
	a.open = slices.Delete(a.open, i, i+1)
	if e.Kind == 0 {
		return nil // of a kind that has no system call, or it was lost
	}
	if len(e.Paths) < int(min(e.Items, maxAuditPaths)) {
		a.Lost++
	}
	return e
}

// number keeps the account of serials.
func (a *AuditEvents) number(serial uint64, now time.Time) {
	switch {
	case a.last == 0 || serial == a.last+1:
	case serial > a.last:
		if len(a.holes) == maxAuditOpen {
			a.Lost += int64(min(a.holes[0].last-a.holes[0].first+1, 1<<31))
			a.holes = a.holes[1:]
		}
		a.holes = append(a.holes, hole{a.last + 1, serial - 1, now})
	default:
		a.filled(serial)
		return
	}
	a.last = serial
}

// filled takes a serial out of the hole that it is in.
func (a *AuditEvents) filled(serial uint64) {
	for i, h := range a.holes {
		if serial < h.first || serial > h.last {
			continue
		}
		var rest []hole
		if serial > h.first {
			rest = append(rest, hole{h.first, serial - 1, h.since})
		}
		if serial < h.last {
			rest = append(rest, hole{serial + 1, h.last, h.since})
		}
		a.holes = append(a.holes[:i:i], append(rest, a.holes[i+1:]...)...)
		return
	}
}

// File is where the file of a record lies: absolute, as the process named it.
func (e *AuditEvent) File(p *AuditRecord) string {
	if path.IsAbs(p.Name) {
		return path.Clean(p.Name)
	}
	return path.Join(e.WorkingDir, p.Name)
}

// The numbers of the system calls that open a file or run it, by architecture
// (AUDIT_ARCH_X86_64, _AARCH64, _I386). Source: the syscall.tbl of each.
var auditOpens = map[uint32][]uint32{
	0xc000003e: {2, 85, 257, 304, 437, 59, 322}, // open, creat, openat, open_by_handle_at, openat2, execve, execveat
	0xc00000b7: {56, 265, 437, 221, 281},
	0x40000003: {5, 8, 295, 342, 437, 11, 358},
}

// opens tells whether the event is the opening of a file. Of an architecture
// whose numbers are not known here, everything is that leaves names alone.
func (e *AuditEvent) opens(p *AuditRecord) bool {
	numbers, known := auditOpens[e.Arch]
	if !known {
		return p.NameType == "NORMAL"
	}
	return slices.Contains(numbers, e.Syscall)
}
