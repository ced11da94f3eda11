package action

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNotRegular is what a folder, link, pipe, socket or device is.
var ErrNotRegular = errors.New("not a regular file")

// OpenAt opens name below dir. No symbolic link is followed on the way; the
// last part may be one where flags hold O_PATH and O_NOFOLLOW. Source: openat2(2).
func OpenAt(dir *os.File, name string, flags int, mode uint32) (*os.File, error) {
	how := unix.OpenHow{Flags: uint64(flags) | unix.O_CLOEXEC, Mode: uint64(mode),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS}
	for try := 0; ; try++ {
		fd, err := unix.Openat2(int(dir.Fd()), name, &how)
		switch {
		case err == unix.EINTR, err == unix.EAGAIN && try < 100: // EAGAIN: something was renamed meanwhile
		case err != nil:
			return nil, &os.PathError{Op: "opening", Path: filepath.Join(dir.Name(), name), Err: err}
		default:
			return os.NewFile(uintptr(fd), filepath.Join(dir.Name(), name)), nil
		}
	}
}

// Parent opens the folder that the file at path is in, for use with *at calls,
// and gives the file's name in it. path is absolute and clean.
func (r Root) Parent(path string) (*os.File, string, error) {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path || path == "/" || len(path) >= unix.PathMax || strings.IndexByte(path, 0) >= 0 {
		return nil, "", Refuse("eat.bad_param", "%.200q is not the absolute and clean path of a file", path)
	}
	top, err := os.Open(r.Dir)
	if err != nil {
		return nil, "", err
	}
	defer top.Close()
	folder := filepath.Dir(path[1:])
	dir, err := OpenAt(top, folder, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, "", fmt.Errorf("opening the folder /%.200s: %w", folder, err)
	}
	return dir, filepath.Base(path), nil
}

// Regular opens the regular file at name in dir for reading. Whatever else is
// there is not opened, since opening a pipe or a device has effects.
func Regular(dir *os.File, name string) (*os.File, unix.Stat_t, error) {
	var st unix.Stat_t
	seen, err := OpenAt(dir, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, st, err
	}
	defer seen.Close()
	if err := unix.Fstat(int(seen.Fd()), &st); err != nil {
		return nil, st, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, st, ErrNotRegular
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", seen.Fd()), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, st, &os.PathError{Op: "opening", Path: seen.Name(), Err: err}
	}
	return os.NewFile(uintptr(fd), seen.Name()), st, nil
}

// Opened is a regular file and the folder that it is in.
type Opened struct {
	Dir, File *os.File
	Name      string // in Dir
	Stat      unix.Stat_t
}

// Open opens the regular file at path for reading, as Parent and Regular do.
func (r Root) Open(path string) (o Opened, err error) {
	if o.Dir, o.Name, err = r.Parent(path); err != nil {
		return o, err
	}
	if o.File, o.Stat, err = Regular(o.Dir, o.Name); err != nil {
		o.Dir.Close()
	}
	return o, err
}

// Close closes both.
func (o Opened) Close() {
	o.Dir.Close()
	o.File.Close()
}

// Read reads the regular file at path, of at most so many bytes.
func (r Root) Read(path string, most int64) ([]byte, error) {
	o, err := r.Open(path)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	return Read(o.File, most)
}

// Unlink removes a file, also where it is gone already.
func Unlink(dir *os.File, name string) error {
	if err := unix.Unlinkat(int(dir.Fd()), name, 0); err != nil && err != unix.ENOENT {
		return &os.PathError{Op: "removing", Path: filepath.Join(dir.Name(), name), Err: err}
	}
	return nil
}

// Folder opens the folder name of State, which is root's alone, and makes it
// if it is missing.
func (r Root) Folder(name string) (*os.File, error) {
	if err := os.MkdirAll(r.State(), 0o700); err != nil {
		return nil, err
	}
	state, base, err := r.Parent("/" + StateDir + "/" + name)
	if err != nil {
		return nil, err
	}
	defer state.Close()
	return Private(state, base)
}

// Private makes a folder that nobody but root can look into in parent, which may
// be anybody's, or takes the one that an earlier try left.
func Private(parent *os.File, name string) (*os.File, error) {
	if err := unix.Mkdirat(int(parent.Fd()), name, 0o700); err != nil && err != unix.EEXIST {
		return nil, fmt.Errorf("making the folder %s: %w", name, err)
	}
	dir, err := OpenAt(parent, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil || st.Uid != 0 || st.Mode&0o777 != 0o700 { // setgid comes from the folder above
		dir.Close()
		return nil, fmt.Errorf("the folder %s is mode %o of user %d: it must be 0700 of root: %w", name, st.Mode&0o7777, st.Uid, unix.EPERM)
	}
	return dir, nil
}

// Read reads all of f from its start and refuses what is longer than most bytes.
func Read(f *os.File, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.NewSectionReader(f, 0, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s is longer than %d bytes: %w", f.Name(), most, unix.EFBIG)
	}
	return data, err
}

// Digest is the SHA-256 of all of f in hex, and refuses what is longer than most bytes.
func Digest(f *os.File, most int64) (string, error) {
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(f, 0, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("it is longer than %d bytes: %w", most, unix.EFBIG)
	}
	return hex.EncodeToString(h.Sum(nil)), err
}

// Hash is the SHA-256 of data in hex.
func Hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// IsHash reports whether s is a SHA-256 in lower-case hex.
func IsHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size && strings.ToLower(s) == s
}
