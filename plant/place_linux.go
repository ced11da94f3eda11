package plant

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// resolve never leaves the folder it starts at, and follows no symbolic link,
// not even those of /proc. Source: openat2(2).
const resolve = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS

func openBeneath(dir int, name string, flags uint64, mode uint64) (int, error) {
	for try := 0; ; try++ {
		fd, err := unix.Openat2(dir, name, &unix.OpenHow{Flags: flags | unix.O_CLOEXEC | unix.O_NOFOLLOW, Mode: mode, Resolve: resolve})
		switch {
		case err == unix.EINTR, err == unix.EAGAIN && try < 100: // EAGAIN: something was renamed meanwhile
			continue
		case err == unix.ELOOP, err == unix.EXDEV:
			return -1, ErrUnsafePath
		}
		return fd, err
	}
}

// openFolder opens the folder that path is in, step by step from the root, and
// with make makes what is missing: each folder belongs to the owner of the one
// that it is in.
func openFolder(path string, make bool) (fd int, name string, err error) {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path || path == "/" {
		return -1, "", fmt.Errorf("malformed path %q: not absolute and clean", path)
	}
	dir, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, "", err
	}
	parts := strings.Split(path[1:], "/")
	for _, part := range parts[:len(parts)-1] {
		next, err := openStep(dir, part, make)
		unix.Close(dir)
		if err != nil {
			return -1, "", err
		}
		dir = next
	}
	return dir, parts[len(parts)-1], nil
}

func openStep(dir int, part string, make bool) (int, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY
	fd, err := openBeneath(dir, part, flags, 0)
	if err == unix.ENOTDIR { // so says the kernel of a link, too, where a folder is asked for
		var st unix.Stat_t
		if unix.Fstatat(dir, part, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK {
			return -1, ErrUnsafePath
		}
	}
	if err != unix.ENOENT || !make {
		return fd, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return -1, err
	}
	err = as(&st, func() error { return unix.Mkdirat(dir, part, 0o700) })
	if err != nil && err != unix.EEXIST {
		return -1, err
	}
	return openBeneath(dir, part, flags, 0)
}

// as makes something with the rights, and in the name, of the owner of a
// folder, so that nothing has to be given to them later: who owns the folder
// may have put something else in its place by then.
func as(folder *unix.Stat_t, make func() error) error {
	runtime.LockOSThread()
	gid, _ := unix.SetfsgidRetGid(int(folder.Gid)) // never fail: they tell what was before
	uid, _ := unix.SetfsuidRetUid(int(folder.Uid))
	defer func() {
		_, _ = unix.SetfsuidRetUid(uid)
		_, _ = unix.SetfsgidRetGid(gid)
		if now, _ := unix.SetfsuidRetUid(-1); now == uid {
			runtime.UnlockOSThread() // else the thread ends with its goroutine
		}
	}()
	if now, _ := unix.SetfsuidRetUid(-1); now != int(folder.Uid) {
		return fmt.Errorf("acting for the folder's owner %d: %w", folder.Uid, unix.EPERM)
	}
	return make()
}

// place makes the file of a canary.
func place(k Kind, path string, now time.Time) (Planted, error) {
	content, age, err := k.Make(now)
	if err != nil {
		return Planted{}, err
	}
	dir, name, err := openFolder(path, true)
	if err != nil {
		return Planted{}, err
	}
	defer unix.Close(dir)
	var folder unix.Stat_t
	if err := unix.Fstat(dir, &folder); err != nil {
		return Planted{}, err
	}
	mode := k.Mode
	age, common := neighbours(dir, now, age)
	if k.Loose && common != 0 {
		mode = common
	}
	fd := -1
	err = as(&folder, func() (err error) {
		fd, err = openBeneath(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
		return err
	})
	if err == unix.EEXIST {
		if isLink(dir, name) {
			return Planted{}, ErrUnsafePath
		}
		return Planted{}, ErrTaken
	}
	if err != nil {
		return Planted{}, err
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	st, err := fill(f, content, mode, age)
	if err != nil {
		unlinkIf(dir, name, st)
		return Planted{}, err
	}
	// The folder is to look as if nothing had been made in it.
	_ = unix.UtimesNanoAt(dir, "", []unix.Timespec{folder.Atim, folder.Mtim}, unix.AT_EMPTY_PATH)
	sum := sha256.Sum256(content)
	return Planted{Path: path, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)), Device: st.Dev, Inode: st.Ino}, nil
}

func isLink(dir int, name string) bool {
	var st unix.Stat_t
	return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK
}

// fill writes an open file, and makes it look as if its folder's owner had done
// so at the time age. With both times equal, relatime (mount(8)) notes the next
// read in the access time.
func fill(f *os.File, content []byte, mode uint32, age time.Time) (st unix.Stat_t, err error) {
	fd := int(f.Fd())
	if err := unix.Fstat(fd, &st); err != nil {
		return st, err
	}
	if _, err := f.Write(content); err != nil {
		return st, err
	}
	if err := unix.Fchmod(fd, mode); err != nil {
		return st, err
	}
	if err := f.Sync(); err != nil {
		return st, err
	}
	ts := unix.NsecToTimespec(age.UnixNano())
	err = unix.UtimesNanoAt(fd, "", []unix.Timespec{ts, ts}, unix.AT_EMPTY_PATH)
	if errors.Is(err, unix.EINVAL) { // before 5.8
		tv := unix.NsecToTimeval(age.UnixNano())
		err = unix.Futimes(fd, []unix.Timeval{tv, tv})
	}
	return st, err
}

// neighbours looks at the files of a folder: a canary is to be about as old as
// they are, and mode is what most of them have; 0 where there are none.
func neighbours(dir int, now, age time.Time) (time.Time, uint32) {
	fd, err := openBeneath(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return age, 0
	}
	f := os.NewFile(uintptr(fd), ".")
	defer f.Close()
	names, _ := f.Readdirnames(64) // enough to see what is usual
	modes := map[uint32]int{}
	var most uint32
	var newest time.Time
	for _, name := range names {
		var st unix.Stat_t
		if unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		mode := st.Mode & 0o666
		if modes[mode]++; modes[mode] > modes[most] {
			most = mode
		}
		if t := time.Unix(st.Mtim.Unix()); t.After(newest) && t.Before(now.Add(-time.Hour)) {
			newest = t
		}
	}
	if !newest.IsZero() && age.After(newest) { // younger than all others stands out
		age = newest.Add(-now.Sub(age) / 16)
	}
	return age, most
}

// find opens the folder of a planted canary, and the file without reading it.
func find(p Planted) (dir, fd int, name string, st unix.Stat_t, err error) {
	dir, name, err = openFolder(p.Path, false)
	if err == nil {
		fd, err = openBeneath(dir, name, unix.O_PATH, 0)
		if err == nil {
			if err = unix.Fstat(fd, &st); err == nil {
				return dir, fd, name, st, nil
			}
			unix.Close(fd)
		}
		unix.Close(dir)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		err = ErrGone
	}
	return -1, -1, "", st, err
}

func (p Planted) is(st unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFREG && st.Dev == p.Device && st.Ino == p.Inode && st.Size == p.Size
}

func state(p Planted) string {
	dir, fd, _, st, err := find(p)
	if errors.Is(err, ErrGone) {
		return "gone"
	}
	if err != nil {
		return "changed"
	}
	unix.Close(dir)
	unix.Close(fd)
	if !p.is(st) {
		return "changed"
	}
	return "ok"
}

// takeAway removes a planted file. Between the look and the removal somebody
// may put another file in its place: so it is moved aside first, to a name that
// nobody knows, and looked at there.
func takeAway(p Planted, force bool) error {
	dir, fd, name, st, err := find(p)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	defer unix.Close(fd)
	if st.Mode&unix.S_IFMT == unix.S_IFDIR || !force && (!p.is(st) || !p.same(fd)) {
		return ErrChanged
	}
	if !unlinkIf(dir, name, st) {
		return ErrChanged
	}
	return nil
}

// same tells whether the content is what was planted.
func (p Planted) same(fd int) bool {
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return false
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, p.Size+1))
	return err == nil && n == p.Size && hex.EncodeToString(h.Sum(nil)) == p.SHA256
}

// unlinkIf removes a name, if it is that of the file st.
func unlinkIf(dir int, name string, st unix.Stat_t) bool {
	aside := "." + strings.ToLower(rand.Text())
	if unix.Renameat2(dir, name, dir, aside, unix.RENAME_NOREPLACE) != nil {
		return false
	}
	var now unix.Stat_t
	if unix.Fstatat(dir, aside, &now, unix.AT_SYMLINK_NOFOLLOW) == nil && now.Dev == st.Dev && now.Ino == st.Ino {
		return unix.Unlinkat(dir, aside, 0) == nil
	}
	_ = unix.Renameat2(dir, aside, dir, name, unix.RENAME_NOREPLACE)
	return false
}

func keepOwner(f *os.File, old fs.FileInfo) error {
	st, ok := old.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return f.Chown(int(st.Uid), int(st.Gid))
}
