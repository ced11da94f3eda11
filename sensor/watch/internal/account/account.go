//go:build linux

// Package account knows the names of users and groups from passwd(5) and
// group(5). It must never ask a name service: an answer from the network can
// take for ever, and is not what the host itself holds true.
package account

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/sensor/watch/internal/regular"
)

const (
	maxFile = 8 << 20
	maxName = 256
	// recheck is how often the files are looked at, at most.
	recheck = time.Second
)

// Names gives the names of user and group ids. It is safe for concurrent use.
type Names struct {
	mu     sync.Mutex
	users  file
	groups file
	now    func() time.Time
}

// New reads names from the files passwd and group in etc; "" means /etc.
func New(etc string) *Names {
	if etc == "" {
		etc = "/etc"
	}
	return &Names{users: file{path: etc + "/passwd"}, groups: file{path: etc + "/group"}, now: time.Now}
}

// User is the name of a user; empty where the host has none for the id.
func (n *Names) User(id uint32) string { return n.name(&n.users, id) }

// Group is the name of a group; empty where the host has none for the id.
func (n *Names) Group(id uint32) string { return n.name(&n.groups, id) }

func (n *Names) name(f *file, id uint32) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	f.refresh(n.now())
	return f.names[id]
}

// file is one of the two files, read again when it has changed.
type file struct {
	path    string
	checked time.Time
	stat    stamp
	names   map[uint32]string
}

// stamp tells one state of a file from another.
type stamp struct {
	dev, inode   uint64
	size         int64
	mtime, ctime unix.Timespec
}

func stampOf(st *unix.Stat_t) stamp {
	return stamp{dev: st.Dev, inode: st.Ino, size: st.Size, mtime: st.Mtim, ctime: st.Ctim}
}

func (f *file) refresh(now time.Time) {
	if !f.checked.IsZero() && now.Sub(f.checked).Abs() < recheck {
		return
	}
	f.checked = now
	var st unix.Stat_t
	if err := unix.Stat(f.path, &st); err != nil || stampOf(&st) == f.stat {
		return // what cannot be read now is answered from what was
	}
	data, read, err := regular.Read(f.path, maxFile)
	if err != nil {
		return
	}
	f.names, f.stat = parseNames(data), stampOf(read)
}

// parseNames reads what passwd and group have in common: a name, a password,
// a number. Lines that are not of that form name nobody. As in the C library,
// the first line of an id wins.
func parseNames(data []byte) map[uint32]string {
	names := make(map[uint32]string)
	for len(data) > 0 {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		name, rest, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || len(name) > maxName || name[0] == '#' || name[0] == '+' || name[0] == '-' {
			continue
		}
		_, rest, _ = bytes.Cut(rest, []byte(":"))
		number, _, _ := bytes.Cut(rest, []byte(":"))
		id, err := strconv.ParseUint(string(number), 10, 32)
		if err != nil {
			continue
		}
		if _, taken := names[uint32(id)]; !taken {
			names[uint32(id)] = strings.ToValidUTF8(string(name), "\uFFFD")
		}
	}
	return names
}
