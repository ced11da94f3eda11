//go:build linux

// Package digest hashes files that somebody else controls: of any size, on any
// file system, changing while they are read. It remembers what it hashed, so
// that a file that did not change is not read twice, and it works on one
// goroutine that comes and goes with the work.
//
// It must never open a path: callers hand it what they have opened, so that
// what is hashed is what they looked at.
package digest

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Key names the content of a file: as long as none of these has changed,
// neither has the content.
type Key struct {
	Dev, Inode   uint64
	Size         int64
	MTime, CTime int64 // nanoseconds since 1970
}

// KeyOf takes the key from a file's status.
func KeyOf(st *unix.Stat_t) Key {
	return Key{
		Dev: st.Dev, Inode: st.Ino, Size: st.Size,
		MTime: unix.TimespecToNsec(st.Mtim), CTime: unix.TimespecToNsec(st.Ctim),
	}
}

// KeyOfStatx is KeyOf for the newer call.
func KeyOfStatx(st *unix.Statx_t) Key {
	return Key{
		Dev: unix.Mkdev(st.Dev_major, st.Dev_minor), Inode: st.Ino, Size: int64(st.Size),
		MTime: st.Mtime.Sec*1e9 + int64(st.Mtime.Nsec), CTime: st.Ctime.Sec*1e9 + int64(st.Ctime.Nsec),
	}
}

// Same tells whether two keys are of one file, whatever became of its content.
func (k Key) Same(other Key) bool { return k.Dev == other.Dev && k.Inode == other.Inode }

// Device is the device as people write it, major:minor.
func (k Key) Device() string {
	return fmt.Sprintf("%d:%d", unix.Major(k.Dev), unix.Minor(k.Dev))
}
