//go:build linux

package proc

import (
	"bytes"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxMountinfo = 4 << 20
	// mountsAge is how old the table may be: a mount's number is given again
	// once it is gone. Here only root mounts, so some age is safe.
	mountsAge = time.Minute
	// mountsRetry is how soon a mount that is not in the table is looked for
	// again.
	mountsRetry = time.Second
	maxMounts   = 100_000
)

// mount is what proc_pid_mountinfo(5) says of one mount, as far as it matters
// here.
type mount struct {
	id   uint64
	dev  uint64
	kind string // of file system, as in ext4
}

// mounts knows the kinds of the file systems that are mounted here.
type mounts struct {
	mu    sync.Mutex
	read  time.Time
	byID  map[uint64]string
	byDev map[uint64]string
	// foreign are mounts of other namespaces that were asked for.
	foreign map[uint64]string
}

// Slow tells whether opening or reading the image may wait for somebody who
// never answers: a server, or a program of any user. statfs(2) would ask that
// somebody, so the answer is taken from the mount table.
func (d *Dir) Slow(im Image) bool {
	if kind, ok := d.system(im); ok {
		return slowKind(kind)
	}
	if dev, ok := d.fs.memfd(); ok && dev == im.File.Dev {
		return false
	}
	// Without a line in any table, only a disk's number tells a disk.
	return unix.Major(im.File.Dev) == 0
}

// system is the kind of file system that holds the image, as in ext4.
func (d *Dir) system(im Image) (kind string, ok bool) {
	if kind, ok = d.fs.kindOf(im); ok {
		return kind, true
	}
	m := &d.fs.mounts
	m.mu.Lock()
	kind, ok = m.foreign[im.Mount]
	m.mu.Unlock()
	if ok {
		return kind, true
	}
	// Another mount namespace, or none: ask in the process's own.
	kind, ok = d.foreignKind(im)
	m.mu.Lock()
	defer m.mu.Unlock()
	if !ok && unix.Major(im.File.Dev) != 0 {
		// Above the root of its process no table shows a mount. A disk's
		// number tells the file system on it all the same.
		kind, ok = m.byDev[im.File.Dev]
	}
	if ok && im.Mount != 0 {
		if len(m.foreign) < maxMounts {
			m.foreign[im.Mount] = kind
		}
	}
	return kind, ok
}

// InMemory tells whether the image is anonymous memory and not a file that
// only has such a name: the kernel keeps all of those on one file system that
// is mounted nowhere.
func (d *Dir) InMemory(im Image) bool {
	if !strings.HasPrefix(im.Text, "/memfd:") || im.Links != 0 {
		return false
	}
	dev, ok := d.fs.memfd()
	if !ok { // not allowed to make one to compare with
		return unix.Major(im.File.Dev) == 0
	}
	return dev == im.File.Dev
}

// memfdDevice is the device of anonymous memory.
func memfdDevice() (dev uint64, ok bool) {
	fd, err := unix.MemfdCreate("picket", unix.MFD_CLOEXEC)
	if err != nil {
		return 0, false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, false
	}
	return st.Dev, true
}

// kindOf looks the image's mount up in the sensor's own namespace.
func (fs *FS) kindOf(im Image) (string, bool) {
	m := &fs.mounts
	m.mu.Lock()
	defer m.mu.Unlock()
	kind, ok := m.kind(im)
	age := time.Since(m.read)
	if m.byID == nil || age > mountsAge || (!ok && age > mountsRetry && m.foreign[im.Mount] == "") {
		m.read = time.Now()
		m.byID, m.byDev = make(map[uint64]string), make(map[uint64]string)
		m.foreign = make(map[uint64]string)
		for _, mt := range parseMounts(fs.Mountinfo()) {
			m.byID[mt.id] = mt.kind
			m.byDev[mt.dev] = mt.kind
		}
		kind, ok = m.kind(im)
	}
	return kind, ok
}

func (m *mounts) kind(im Image) (string, bool) {
	if im.Mount != 0 {
		kind, ok := m.byID[im.Mount]
		return kind, ok
	}
	kind, ok := m.byDev[im.File.Dev]
	return kind, ok
}

// foreignKind looks the image's mount up in the namespace of its process.
func (d *Dir) foreignKind(im Image) (string, bool) {
	for _, mt := range parseMounts(d.fs.mountinfo(d.fd, "mountinfo")) {
		if mt.id == im.Mount || (im.Mount == 0 && mt.dev == im.File.Dev) {
			return mt.kind, true
		}
	}
	return "", false
}

// mountinfo reads a mount table, cut at the bound.
func (fs *FS) mountinfo(dir int, name string) []byte {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	buf := make([]byte, 16<<10)
	for n := 0; ; {
		k, err := readAll(fd, buf[n:])
		n += k
		if err != nil || n < len(buf) || n >= maxMountinfo {
			return buf[:n]
		}
		buf = append(buf, make([]byte, len(buf))...)
	}
}

// parseMounts reads proc_pid_mountinfo(5): id, parent, major:minor, root,
// mount point, options, any number of tags, a dash, the kind. Lines of another
// form are left out.
func parseMounts(data []byte) []mount {
	var all []mount
	for line := range bytes.Lines(data) {
		head, tail, ok := bytes.Cut(line, []byte(" - "))
		fields := bytes.SplitN(head, []byte(" "), 4)
		if !ok || len(fields) < 4 || len(all) == maxMounts {
			continue
		}
		major, minor, _ := bytes.Cut(fields[2], []byte(":"))
		id, ok1 := ParseUint(fields[0])
		maj, ok2 := ParseUint(major)
		min, ok3 := ParseUint(minor)
		kind, _, _ := bytes.Cut(tail, []byte(" "))
		if !ok1 || !ok2 || !ok3 || maj > 1<<32-1 || min > 1<<32-1 {
			continue
		}
		all = append(all, mount{id: id, dev: unix.Mkdev(uint32(maj), uint32(min)), kind: string(kind)})
	}
	return all
}

// slowKind tells the file systems behind which a server or a program stands.
func slowKind(kind string) bool {
	kind, _, _ = strings.Cut(kind, ".") // as in fuse.sshfs
	switch kind {
	case "fuse", "fuseblk", "virtiofs", "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph",
		"coda", "lustre", "ncpfs", "ncp", "orangefs", "pvfs2", "gpfs", "beegfs", "glusterfs", "autofs":
		return true
	}
	return false
}

// Mountinfo is the mount table of the sensor's own namespace, bounded.
func (fs *FS) Mountinfo() []byte { return fs.mountinfo(fs.fd, "self/mountinfo") }
