//go:build linux

package listeners

import (
	"context"
	"strconv"
	"time"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/internal/proc"
)

// unownedAge is how long a socket without an owner is believed to have none:
// the kernel holds some itself, and others belong to processes that the sensor
// may not look into.
const unownedAge = 10 * time.Minute

// owner is a process that holds a socket.
type owner struct {
	pid   int32
	fd    string // as in "fd/3"
	stat  proc.Stat
	path  string
	block *fact.Process
	user  *fact.User
	unit  string
}

// owners knows who holds which socket.
type owners struct {
	host    *describe.Host
	by      map[uint64]*owner // nil where nobody was found
	scanned time.Time
	dents   [64 << 10]byte
}

// of returns the owners of sockets by inode. Every process is looked into only
// where a socket is new or its owner let go of it.
func (o *owners) of(ctx context.Context, sockets []Socket, now time.Time) map[uint64]*owner {
	known := make(map[uint64]*owner, len(sockets))
	missing := make(map[uint64]bool)
	for _, s := range sockets {
		old, seen := o.by[s.Inode]
		switch {
		case s.Inode == 0: // the kernel's own, or one that is going
		case old != nil && o.holds(old, s.Inode):
			known[s.Inode] = old
		case seen && old == nil && now.Sub(o.scanned).Abs() < unownedAge:
			known[s.Inode] = nil
		default:
			missing[s.Inode] = true
		}
	}
	if len(missing) > 0 {
		o.scanned = now
		for inode := range missing {
			known[inode] = nil
		}
		o.search(ctx, known, missing)
	}
	o.by = known
	return known
}

// holds tells whether the process is the same, runs the same image and still
// has the socket.
func (o *owners) holds(w *owner, inode uint64) bool {
	d, err := o.host.FS.Dir(w.pid)
	if err != nil {
		return false
	}
	defer d.Close()
	var buf [1024]byte
	s, err := d.Stat(buf[:])
	if err != nil || !s.SameImage(&w.stat) {
		return false
	}
	got, ok := d.Socket(w.fd)
	return ok && got == inode
}

// search looks through every process for sockets. Of several that hold one,
// the oldest made it; but the first process of all only keeps it for others.
func (o *owners) search(ctx context.Context, known map[uint64]*owner, missing map[uint64]bool) {
	pids, err := o.host.FS.Pids(nil, o.dents[:])
	if err != nil {
		return
	}
	var fds []int32
	for _, pid := range pids {
		if ctx.Err() != nil {
			return
		}
		d, err := o.host.FS.Dir(pid)
		if err != nil {
			continue
		}
		var held []*owner
		var inodes []uint64
		fds, _ = d.Descriptors(fds[:0], o.dents[:])
		for _, fd := range fds {
			name := "fd/" + strconv.Itoa(int(fd))
			if inode, ok := d.Socket(name); ok && missing[inode] {
				held, inodes = append(held, &owner{pid: pid, fd: name}), append(inodes, inode)
			}
		}
		if len(held) > 0 {
			o.choose(d, held, inodes, known)
		}
		d.Close()
	}
}

// choose makes the process the owner of sockets where it is the better one.
func (o *owners) choose(d *proc.Dir, held []*owner, inodes []uint64, known map[uint64]*owner) {
	r, err := d.Read()
	if err != nil {
		return
	}
	block := o.host.Process(r)
	o.host.Lineage(block, r.PPID, r.StartTicks, nil)
	user := o.host.Owner(r)
	for i, w := range held {
		w.stat, w.path, w.block, w.user, w.unit = r.Stat, block.Executable, block, user, r.Unit
		// Still his, after all of that was read?
		if inode, ok := d.Socket(w.fd); !ok || inode != inodes[i] {
			continue
		}
		if other := known[inodes[i]]; other == nil || other.pid == 1 ||
			(w.pid != 1 && w.stat.StartTicks < other.stat.StartTicks) {
			known[inodes[i]] = w
		}
	}
}
