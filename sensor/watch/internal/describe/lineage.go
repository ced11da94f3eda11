//go:build linux

package describe

import (
	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/proc"
)

// maxAncestors is how many processes above the parent are told.
const maxAncestors = 8

// Kin is what a description needs of a process above another one.
type Kin struct {
	PID        int32
	PPID       int32
	StartTicks uint64
	Name       string // raw bytes
	Path       string // of the image, raw bytes; empty where it may not be read
}

// Known finds a process that was read before.
type Known func(pid int32) (Kin, bool)

// Lineage fills in who a process descends from: out of known where that knows
// it, else out of /proc. A process that started after its child is another
// one that got the parent's number, and ends the line.
func (h *Host) Lineage(p *fact.Process, ppid int32, ticks uint64, known Known) {
	line := h.line(ppid, ticks, known)
	if len(line) == 0 {
		if ppid > 0 {
			p.Parent = &fact.Parent{PID: int64(ppid)}
		}
		return
	}
	parent := line[0]
	p.Parent = &fact.Parent{
		EntityID: h.Entity(parent.PID, parent.StartTicks),
		PID:      int64(parent.PID),
	}
	p.Parent.Name, _ = Text(parent.Name, costName)
	p.Parent.Executable, p.Parent.ExecutableB64 = Text(parent.Path, costParent)
	for _, k := range line[1:] {
		path, _ := Text(k.Path, costAncestor)
		p.Ancestors = append(p.Ancestors, path)
	}
}

// line is the parent and those above it, nearest first.
func (h *Host) line(ppid int32, ticks uint64, known Known) []Kin {
	var line []Kin
	for ppid > 0 && len(line) <= maxAncestors {
		k, ok := Kin{}, false
		if known != nil {
			k, ok = known(ppid)
		}
		if !ok || k.StartTicks > ticks {
			k, ok = ReadKin(h.FS, ppid)
		}
		if !ok || k.StartTicks > ticks {
			break
		}
		line = append(line, k)
		ppid, ticks = k.PPID, k.StartTicks
	}
	return line
}

// ReadKin reads a process that is not known.
func ReadKin(fs *proc.FS, pid int32) (Kin, bool) {
	d, err := fs.Dir(pid)
	if err != nil {
		return Kin{}, false
	}
	defer d.Close()
	var buf [1024]byte
	s, err := d.Stat(buf[:])
	if err != nil {
		return Kin{}, false
	}
	k := Kin{PID: pid, PPID: s.PPID, StartTicks: s.StartTicks, Name: s.Name}
	if !s.Kernel() {
		k.Path, _ = d.ExePath()
	}
	return k, true
}
