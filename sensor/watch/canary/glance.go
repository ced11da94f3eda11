//go:build linux

package canary

import (
	"os"
	"sort"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/sensor/watch/internal/proc"
)

// glance is one lookout's way to look, with all it needs at hand.
type glance struct {
	l       *lookouts
	self    int32
	lastPid int // a descriptor of the file that tells the newest process id
	fds     []int32
	dirents []byte
	names   [256]string // "fd/0" and on
}

func newGlance(l *lookouts) *glance {
	g := &glance{l: l, self: int32(os.Getpid()), lastPid: -1, dirents: make([]byte, 4096)}
	for _, name := range []string{"/proc/sys/kernel/ns_last_pid", "/proc/loadavg"} {
		if fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			g.lastPid = fd
			break
		}
	}
	for i := range g.names {
		g.names[i] = "fd/" + strconv.Itoa(i)
	}
	return g
}

func (g *glance) close() {
	if g.lastPid >= 0 {
		unix.Close(g.lastPid)
	}
}

// newest is the process id that was given out last.
func (g *glance) newest() int32 {
	var buf [128]byte
	n, err := unix.Pread(g.lastPid, buf[:], 0)
	if err != nil {
		return 0
	}
	return proc.LastPid(buf[:n])
}

// fan reads what fanotify tells, which spares looking around.
func (g *glance) fan() bool {
	return g.l.fan != nil && g.l.fan.tryFill()
}

// around looks at the newest processes: first where a file that was just
// opened is most likely to be, then at all their descriptors.
func (g *glance) around() {
	if g.l.targets.none() {
		return
	}
	newest := g.newest()
	if g.once(newest) {
		return
	}
	for pid := newest; pid > max(newest-nearby, 0); pid-- {
		g.thorough(pid, g.l.targets.has)
	}
}

// once looks at each process of interest where it is most likely.
func (g *glance) once(newest int32) (hit bool) {
	for pid := newest; pid > max(newest-nearby, 0); pid-- {
		hit = g.quick(pid) || hit
	}
	for _, pid := range *g.l.repeat.Load() {
		if pid <= newest-nearby || pid > newest {
			hit = g.quick(pid) || hit
		}
	}
	return hit
}

// newestFirst is for package sort; slices would have its code anew for int32.
type newestFirst []int32

func (p newestFirst) Len() int           { return len(p) }
func (p newestFirst) Less(i, j int) bool { return p[i] > p[j] }
func (p newestFirst) Swap(i, j int)      { p[i], p[j] = p[j], p[i] }

// through looks at every descriptor of every process, the newest first, until
// the time is up or one is found.
func (g *glance) through(pids []int32, target inodeKey, until time.Time) {
	sort.Sort(newestFirst(pids))
	for _, pid := range pids {
		if g.thorough(pid, func(key inodeKey) bool { return key == target }) || time.Now().After(until) {
			return
		}
	}
}

// quick looks where it is most likely.
func (g *glance) quick(pid int32) bool {
	if pid == g.self {
		return false
	}
	d, err := g.l.fs.Dir(pid)
	if err != nil {
		return false
	}
	for _, fd := range firstFDs {
		at := time.Now() // before the look: see holders.zero
		if key, ok := g.match(d, fd, g.l.targets.has); ok {
			g.found(d, key, fd, at)
			return true
		}
	}
	d.Close()
	return false
}

// thorough looks at every descriptor of a process.
func (g *glance) thorough(pid int32, wanted func(inodeKey) bool) bool {
	if pid == g.self {
		return false
	}
	d, err := g.l.fs.Dir(pid)
	if err != nil {
		return false
	}
	fds, err := d.Descriptors(g.fds[:0], g.dirents)
	if err != nil {
		d.Close()
		return false
	}
	g.fds = fds
	for _, n := range fds {
		fd := g.name(n)
		at := time.Now() // before the look: see holders.zero
		if key, ok := g.match(d, fd, wanted); ok {
			g.found(d, key, fd, at)
			return true
		}
	}
	d.Close()
	return false
}

func (g *glance) name(fd int32) string {
	if int(fd) < len(g.names) {
		return g.names[fd]
	}
	return "fd/" + strconv.Itoa(int(fd))
}

func (g *glance) match(d *proc.Dir, fd string, wanted func(inodeKey) bool) (inodeKey, bool) {
	dev, inode, err := d.Target(fd)
	if err != nil {
		return inodeKey{}, false
	}
	key := inodeKey{dev, inode}
	return key, wanted(key)
}

// found notes a process that holds a canary: first what names it, so that it
// is known whatever becomes of it, then the rest.
func (g *glance) found(d *proc.Dir, key inodeKey, fd string, at time.Time) {
	a, err := newActor(d)
	if err != nil {
		d.Close()
		return
	}
	if a.glimpse.Thread {
		if a, err = a.whole(g.l.fs); err != nil {
			return
		}
	}
	if g.l.found.add(sighting{key: key, fd: fd, who: a, at: at}) {
		a.complete()
	}
}
