//go:build linux

package gate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"picket.internal/wrappers/internal/action"
)

// folder is an open folder that only root can have written in: names in it are
// resolved from the descriptor, so that nothing above can be exchanged meanwhile.
type folder struct{ f *os.File }

// openFolder opens the folder at path below root, every part of it looked at:
// owned by root, writable by nobody else, no symbolic link. What is above root
// is the test's; in production root is "/".
func openFolder(root, path string) (folder, error) {
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return folder{}, &os.PathError{Op: "open", Path: root, Err: err}
	}
	at := os.NewFile(uintptr(fd), root)
	d := folder{at}
	err = owned(at)
	for part := range strings.SplitSeq(path, "/") {
		if err != nil {
			break
		}
		above := d
		d, err = above.folder(part)
		above.f.Close()
	}
	if err != nil {
		d.f.Close()
	}
	return d, err
}

// folder opens one in d.
func (d folder) folder(name string) (folder, error) {
	f, err := action.OpenAt(d.f, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
		err = action.Refuse("trust.bad_owner", "%s is a symbolic link or no folder: put the real one there", d.path(name))
	}
	if err == nil {
		err = owned(f)
	}
	return folder{f}, err
}

// owned refuses what somebody else than root could have changed.
func owned(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("stat %s: %w", f.Name(), err)
	}
	switch {
	case st.Uid != 0:
		return action.Refuse("trust.bad_owner", "%s belongs to uid %d: chown root:root %s", f.Name(), st.Uid, f.Name())
	case st.Mode&0o022 != 0:
		return action.Refuse("trust.bad_owner", "%s has mode %04o: chmod go-w %s", f.Name(), st.Mode&0o7777, f.Name())
	}
	return nil
}

// openRooted opens the file at path below root, looked at like the folders that
// it is in.
func openRooted(root, path string) (*os.File, error) {
	dir, err := openFolder(root, filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.f.Close()
	return dir.open(filepath.Base(path))
}

// readRooted reads such a file of at most so many bytes.
func readRooted(root, path string, most int64) ([]byte, error) {
	f, err := openRooted(root, path)
	if err != nil {
		return nil, err
	}
	return drain(f, most)
}

// drain reads all of f, of at most so many bytes, and closes it.
func drain(f *os.File, most int64) ([]byte, error) {
	defer f.Close()
	data, err := action.Read(f, most)
	if errors.Is(err, unix.EFBIG) {
		err = action.Refuse("trust.bad_file", "%v", err)
	}
	return data, err
}

func (d folder) path(name string) string { return filepath.Join(d.f.Name(), name) }

// sub opens a folder in d, and makes it if it is missing.
func (d folder) sub(name string) (folder, error) {
	if err := unix.Mkdirat(int(d.f.Fd()), name, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return folder{}, fmt.Errorf("mkdir %s: %w", d.path(name), err)
	}
	return d.folder(name)
}

func (d folder) open(name string) (*os.File, error) {
	f, st, err := action.Regular(d.f, name)
	switch {
	case errors.Is(err, action.ErrNotRegular) && st.Mode&unix.S_IFMT == unix.S_IFLNK:
		return nil, action.Refuse("trust.bad_owner", "%s is a symbolic link: put the real file there", d.path(name))
	case errors.Is(err, action.ErrNotRegular):
		return nil, action.Refuse("trust.bad_file", "%s is no regular file", d.path(name))
	case err != nil:
		return nil, err
	}
	if err := owned(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (d folder) read(name string, most int64) ([]byte, error) {
	f, err := d.open(name)
	if err != nil {
		return nil, err
	}
	return drain(f, most)
}

// create writes a file that must not be there yet, and returns when it and its
// name are on the disk.
func (d folder) create(name string, data []byte) error {
	f, err := action.OpenAt(d.f, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close(), d.f.Sync()); err != nil {
		unix.Unlinkat(int(d.f.Fd()), name, 0) // half of it must not be found later
		return fmt.Errorf("write %s: %w", d.path(name), err)
	}
	return nil
}

// replace exchanges a file for one with other content; after a crash there is
// the one or the other.
func (d folder) replace(name string, data []byte) error {
	const beside = "next"
	if err := action.Unlink(d.f, beside); err != nil {
		return err
	}
	if err := d.create(beside, data); err != nil {
		return err
	}
	if err := unix.Renameat(int(d.f.Fd()), beside, int(d.f.Fd()), name); err != nil {
		return fmt.Errorf("rename %s: %w", d.path(name), err)
	}
	return d.f.Sync()
}

func (d folder) remove(name string) error {
	return errors.Join(action.Unlink(d.f, name), d.f.Sync())
}
