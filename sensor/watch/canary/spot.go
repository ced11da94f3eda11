//go:build linux

package canary

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
)

// inodeKey names a file for as long as it exists.
type inodeKey struct{ dev, inode uint64 }

// spot is what lies at a path at one moment, as statx(2) tells. Asking touches
// nothing and causes no event.
type spot struct {
	exists  bool
	regular bool
	key     inodeKey
	links   uint32
	mode    uint16
	uid     uint32
	gid     uint32
	size    uint64
	atime   time.Time
	mtime   time.Time
	ctime   time.Time
}

// look tells what lies at path. A link is not followed: a canary that became a
// link to another file is not that file. The error is the kernel's where it
// does not say whether anything is there.
func look(path string) (spot, error) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW|unix.AT_STATX_DONT_SYNC, unix.STATX_BASIC_STATS, &st)
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return spot{}, nil
	}
	if err != nil {
		return spot{}, err
	}
	return spot{
		exists: true, regular: st.Mode&unix.S_IFMT == unix.S_IFREG,
		key:   inodeKey{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino},
		links: st.Nlink, mode: st.Mode, uid: st.Uid, gid: st.Gid, size: st.Size,
		atime: timeOf(st.Atime), mtime: timeOf(st.Mtime), ctime: timeOf(st.Ctime),
	}, nil
}

func timeOf(t unix.StatxTimestamp) time.Time { return time.Unix(t.Sec, int64(t.Nsec)) }

// kind says in words what lies there instead of a file.
func (s spot) kind() string {
	switch s.mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return "a symbolic link"
	case unix.S_IFDIR:
		return "a folder"
	case unix.S_IFIFO:
		return "a FIFO"
	case unix.S_IFSOCK:
		return "a socket"
	case unix.S_IFCHR, unix.S_IFBLK:
		return "a device"
	}
	return fmt.Sprintf("something of mode %o", s.mode)
}

// missed tells what was done to a file between two looks, for when the events
// of it were lost.
func missed(before, after spot) []string {
	switch {
	case !before.exists:
		return nil
	case !after.exists:
		return []string{fact.CanaryDelete}
	case before.key != after.key:
		return []string{fact.CanaryMove}
	}
	var done []string
	if after.atime.After(before.atime) {
		done = append(done, fact.CanaryRead)
	}
	modified := !after.mtime.Equal(before.mtime) || after.size != before.size
	if modified {
		done = append(done, fact.CanaryModify)
	}
	if !after.ctime.Equal(before.ctime) && (!modified || !sameRights(before, after)) {
		done = append(done, fact.CanaryAttrib)
	}
	return done
}

func sameRights(a, b spot) bool {
	return a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.links == b.links
}

// hidesReads tells whether the next read would leave no trace in the access
// time: under relatime, the usual way to mount, the kernel writes it down only
// where it is not younger than the last change, or a day old.
func (s spot) hidesReads(now time.Time) bool {
	return s.exists && s.atime.After(s.mtime) && s.atime.After(s.ctime) && now.Sub(s.atime) < 24*time.Hour
}
