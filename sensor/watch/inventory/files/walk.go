//go:build linux

package files

import (
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket.internal/fact"
	"picket.internal/sensor/watch/internal/account"
	"picket.internal/sensor/watch/internal/describe"
	"picket.internal/sensor/watch/inventory"
)

// retries is how often a file that changes while it is looked at is looked at
// again.
const retries = 3

// errChanged says that a name led to something else at the second look.
var errChanged = errors.New("it changes while it is read")

// walk goes through one configured path. It shares nothing that it changes: it
// may be left behind on a file system that does not answer.
type walk struct {
	cfg   *Config
	path  *Path
	names *account.Names
	slow  map[string]bool
	until time.Time

	budget  int64 // bytes that may still be hashed
	left    int   // entries that may still be kept
	opened  int   // files
	old     map[string]seen
	now     map[string]seen
	facts   []*fact.Fact
	folders []string
	lost    [2]int64 // unreadable, and over a bound
	why     [2]string
}

const (
	unreadable = iota
	overBound
)

// lose counts what is missing; the first reason of each is kept.
func (w *walk) lose(what int, n int, full string, reason any) {
	if w.lost[what] == 0 {
		w.why[what], _ = describe.Text(fmt.Sprintf("%q: %v", full, reason), 512)
	}
	w.lost[what] += int64(n)
}

func (w *walk) gaps() (all []inventory.Gap) {
	for what, cause := range []string{fact.LossUnreadable, fact.LossInventory} {
		if w.lost[what] > 0 {
			all = append(all, gap(cause, w.lost[what], w.why[what]))
		}
	}
	return all
}

func (w *walk) run() {
	full := path.Clean(w.path.Path)
	if behind(w.slow, full) {
		w.lose(unreadable, 1, full, "it lies behind a server or a program that may never answer")
		return
	}
	fd, err := unix.Open(path.Dir(full), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		if err != unix.ENOENT && err != unix.ENOTDIR {
			w.lose(unreadable, 1, full, err)
		}
		return
	}
	defer unix.Close(fd)
	name := path.Base(full)
	if full == "/" {
		name = "."
	}
	w.entry(fd, name, full, 0)
}

// entry tells of what a folder's name leads to.
func (w *walk) entry(dir int, name, full string, depth int) {
	if depth > 0 && w.excluded(full, name) {
		return
	}
	if w.slow[full] {
		w.lose(unreadable, 1, full, "it lies behind a server or a program that may never answer")
		return
	}
	for range retries {
		var st unix.Stat_t
		if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			if err != unix.ENOENT {
				w.lose(unreadable, 1, full, err)
			}
			return
		}
		f, err := w.describe(dir, name, full, &st)
		if err == errChanged {
			continue
		}
		if err != nil || w.left <= 0 {
			w.lose(overBound, 1, full, cmpErr(err))
			return
		}
		w.left--
		w.facts = append(w.facts, &fact.Fact{Kind: fact.KindFile, File: f})
		if f.Type == "dir" && (depth == 0 || w.path.Recursive) {
			w.folder(dir, name, full, depth, f)
		}
		return
	}
	w.lose(unreadable, 1, full, errChanged)
}

func cmpErr(err error) error {
	if err == nil {
		return errors.New("more files than are kept of this path")
	}
	return err
}

// excluded tells whether a pattern leaves the entry out.
func (w *walk) excluded(full, name string) bool {
	for _, pattern := range w.path.Exclude {
		against := name
		if strings.Contains(pattern, "/") {
			against = full
		}
		if ok, _ := path.Match(pattern, against); ok {
			return true
		}
	}
	return false
}

// describe makes the block of one entry.
func (w *walk) describe(dir int, name, full string, st *unix.Stat_t) (*fact.File, error) {
	f := &fact.File{Mode: fmt.Sprintf("%04o", st.Mode&0o7777),
		UID: strconv.FormatUint(uint64(st.Uid), 10), GID: strconv.FormatUint(uint64(st.Gid), 10)}
	f.Path, f.PathB64 = describe.Path(full)
	if f.PathB64 == "" && f.Path != full || f.PathB64 != "" && base64.StdEncoding.EncodedLen(len(full)) != len(f.PathB64) {
		return nil, errors.New("the path is too long to be told")
	}
	f.Watch, _ = describe.Text(w.path.Path, 1024)
	f.Owner, f.Group = w.names.User(st.Uid), w.names.Group(st.Gid)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		f.Type = "file"
		return f, w.content(dir, name, full, st, f)
	case unix.S_IFDIR:
		f.Type = "dir"
	case unix.S_IFLNK:
		f.Type, f.Mode = "symlink", ""
		buf := make([]byte, 4096)
		n, err := unix.Readlinkat(dir, name, buf)
		if err != nil {
			return nil, errChanged
		}
		f.TargetPath, _ = describe.Path(string(buf[:n]))
	case unix.S_IFIFO:
		f.Type = "fifo"
	case unix.S_IFSOCK:
		f.Type = "socket"
	case unix.S_IFBLK:
		f.Type = "block"
	case unix.S_IFCHR:
		f.Type = "char"
	}
	return f, nil
}

// folder tells of a folder's attributes and of what lies in it.
func (w *walk) folder(dir int, name, full string, depth int, f *fact.File) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		w.lose(unreadable, 1, full, err)
		return
	}
	defer unix.Close(fd)
	_, f.Xattrs = attributes(fd)
	if depth > 0 {
		w.folders = append(w.folders, full)
	}
	if depth == maxDepth {
		w.lose(overBound, 1, full, "folders lie too deep")
		return
	}
	names, err := list(fd)
	if err != nil {
		w.lose(unreadable, 1, full, err)
	}
	for i, below := range names {
		if w.left <= 0 || time.Now().After(w.until) {
			w.lose(overBound, len(names)-i, full, "more files than are kept of this path, or than can be read in time")
			return
		}
		w.entry(fd, below, path.Join(full, below), depth+1)
	}
}

// list returns the names in a folder, sorted.
func list(fd int) (names []string, err error) {
	buf := make([]byte, 16<<10)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			sort.Strings(names)
			return names, err
		}
		_, _, names = unix.ParseDirent(buf[:n], maxNames+1, names)
		if len(names) > maxNames {
			sort.Strings(names)
			return names[:maxNames], fmt.Errorf("more than %d names", maxNames)
		}
	}
}
