//go:build linux

package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"picket.internal/packaging"
	"picket.internal/sensor/send/launch"
)

// replace puts a file in place, with its mode from the first moment on. check
// looks at it under its temporary name before; nil means that nothing is to be
// checked.
//
// Order: unlink(PATH.new), openat(O_CREAT|O_EXCL, PATH.new, mode), fchmod,
// write, fsync, check, rename(PATH), fsync(folder).
func replace(path string, data []byte, mode os.FileMode, check func(temporary string) error) error {
	fresh := path + ".new" // sudo reads no file with a dot in its name
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()) // the umask may have taken bits away
	if err == nil && check != nil {
		err = check(fresh)
	}
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		os.Remove(fresh)
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// place puts one of packaging's files in place, unless it is there as it is.
func (h *host) place(file packaging.File, check func(string) error) error {
	path := h.path(file.Path)
	if info, err := os.Lstat(path); err == nil && info.Mode() == os.FileMode(file.Mode) {
		if have, err := os.ReadFile(path); err == nil && string(have) == string(file.Content()) {
			return nil
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("making the folder of %s: %w", path, err)
	}
	return replace(path, file.Content(), os.FileMode(file.Mode), check)
}

// keep writes a file that is a person's from then on: one that is there stays.
func (h *host) keep(path string, data []byte) error {
	path = h.path(path)
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	return replace(path, data, 0o644, nil)
}

func (h *host) path(p string) string { return filepath.Join(h.root, p) }

// checkSudoers has visudo read a file.
func (h *host) checkSudoers(path string) error {
	return h.run("/usr/sbin/visudo", "-c", "-q", "-f", path)
}

// exitStatus is the error of a program that ended badly.
type exitStatus struct {
	code int
	said string
}

func (e *exitStatus) Error() string { return fmt.Sprintf("exit status %d: %s", e.code, e.said) }

// run runs a program of the system's.
func (h *host) run(program string, args ...string) error {
	_, err := h.start(launch.Command{Path: program, Args: args})
	return err
}

// start runs a program, which must end well.
func (h *host) start(c launch.Command) (launch.Result, error) {
	ctx, cancel := context.WithTimeout(h.ctx, time.Minute)
	defer cancel()
	r, err := launch.Run(ctx, c, nil)
	if err == nil && r.Code != 0 {
		err = &exitStatus{r.Code, strings.TrimSpace(string(r.Complaint) + string(r.Output))}
	}
	if err != nil {
		return r, fmt.Errorf("%s %s: %w", c.Path, strings.Join(c.Args, " "), err)
	}
	return r, nil
}
