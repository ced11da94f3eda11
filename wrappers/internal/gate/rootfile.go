//go:build linux

package gate

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Problem is why the gate could not do its work, with a stable code. It is told
// on standard error, since nobody is there whom a receipt would be for.
type Problem struct {
	// Code is stable, as in "trust.bad_owner".
	Code string
	// Detail says it in words.
	Detail string
}

func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

func problem(code, format string, args ...any) error {
	return &Problem{code, fmt.Sprintf(format, args...)}
}

// openRooted opens what is at path below root, every part of it looked at:
// owned by root, writable by nobody else, no symbolic link. What is above root
// is the test's; in production root is "/".
func openRooted(root, path string, flags int) (*os.File, error) {
	at, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", root, err)
	}
	shown := strings.TrimSuffix(root, "/")
	if err := owned(at, root); err != nil {
		unix.Close(at)
		return nil, err
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, part := range parts {
		how := unix.O_PATH | unix.O_DIRECTORY
		if i == len(parts)-1 {
			how = flags | unix.O_NONBLOCK
		}
		next, err := unix.Openat(at, part, how|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		unix.Close(at)
		shown += "/" + part
		switch {
		case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR) && i < len(parts)-1:
			return nil, problem("trust.bad_owner", "%s is a symbolic link or no folder: put the real one there", shown)
		case err != nil:
			return nil, fmt.Errorf("open %s: %w", shown, err)
		}
		if err := owned(next, shown); err != nil {
			unix.Close(next)
			return nil, err
		}
		at = next
	}
	return os.NewFile(uintptr(at), shown), nil
}

// owned refuses what somebody else than root could have changed.
func owned(fd int, path string) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("stat %s: %w", path, err)
	}
	switch {
	case st.Uid != 0:
		return problem("trust.bad_owner", "%s belongs to uid %d: chown root:root %s", path, st.Uid, path)
	case st.Mode&0o022 != 0:
		return problem("trust.bad_owner", "%s has mode %04o: chmod go-w %s", path, st.Mode&0o7777, path)
	}
	return nil
}

// readRooted reads a file of at most so many bytes. secret asks that nobody but
// root can read it.
func readRooted(root, path string, most int64, secret bool) ([]byte, error) {
	f, err := openRooted(root, path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("stat %s: %w", f.Name(), err)
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, problem("trust.bad_file", "%s is no regular file", f.Name())
	case info.Size() > most:
		return nil, problem("trust.bad_file", "%s has %d bytes where %d are allowed", f.Name(), info.Size(), most)
	case secret && info.Mode().Perm()&0o077 != 0:
		return nil, problem("trust.bad_owner", "%s can be read by others: chmod 0600 %s", f.Name(), f.Name())
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	if int64(len(data)) > most {
		return nil, problem("trust.bad_file", "%s grows while it is read", f.Name())
	}
	return data, nil
}

// folder is an open folder of the gate's own: names in it are resolved from the
// descriptor, so that nothing above can be exchanged meanwhile.
type folder struct{ f *os.File }

func openFolder(root, path string) (folder, error) {
	f, err := openRooted(root, path, unix.O_RDONLY|unix.O_DIRECTORY)
	return folder{f}, err
}

func (d folder) sub(name string) (folder, error) {
	if err := unix.Mkdirat(int(d.f.Fd()), name, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return folder{}, fmt.Errorf("mkdir %s: %w", d.path(name), err)
	}
	fd, err := unix.Openat(int(d.f.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return folder{}, fmt.Errorf("open %s: %w", d.path(name), err)
	}
	if err := owned(fd, d.path(name)); err != nil {
		unix.Close(fd)
		return folder{}, err
	}
	return folder{os.NewFile(uintptr(fd), d.path(name))}, nil
}

func (d folder) path(name string) string { return filepath.Join(d.f.Name(), name) }

func (d folder) names() ([]string, error) {
	if _, err := d.f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("list %s: %w", d.f.Name(), err)
	}
	names, err := d.f.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", d.f.Name(), err)
	}
	return names, nil
}

func (d folder) read(name string, most int64) ([]byte, error) {
	fd, err := unix.Openat(int(d.f.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: d.path(name), Err: err}
	}
	f := os.NewFile(uintptr(fd), d.path(name))
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = problem("state.bad_file", "%s has more than %d bytes", d.path(name), most)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.path(name), err)
	}
	return data, nil
}

// create writes a file that must not be there yet, and returns when it and its
// name are on the disk.
func (d folder) create(name string, data []byte) error {
	fd, err := unix.Openat(int(d.f.Fd()), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return &os.PathError{Op: "create", Path: d.path(name), Err: err}
	}
	f := os.NewFile(uintptr(fd), d.path(name))
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = d.sync()
	}
	if err != nil {
		unix.Unlinkat(int(d.f.Fd()), name, 0) // half of it must not be found later
		return fmt.Errorf("write %s: %w", d.path(name), err)
	}
	return nil
}

// replace exchanges a file for one with other content; after a crash there is
// the one or the other.
func (d folder) replace(name string, data []byte) error {
	const beside = "next"
	if err := unix.Unlinkat(int(d.f.Fd()), beside, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove %s: %w", d.path(beside), err)
	}
	if err := d.create(beside, data); err != nil {
		return err
	}
	if err := unix.Renameat(int(d.f.Fd()), beside, int(d.f.Fd()), name); err != nil {
		return fmt.Errorf("rename %s: %w", d.path(name), err)
	}
	return d.sync()
}

func (d folder) remove(name string) error {
	if err := unix.Unlinkat(int(d.f.Fd()), name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove %s: %w", d.path(name), err)
	}
	return d.sync()
}

func (d folder) sync() error {
	if err := d.f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", d.f.Name(), err)
	}
	return nil
}
