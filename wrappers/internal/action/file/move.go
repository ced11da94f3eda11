package file

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"picket.internal/wrappers/internal/action"
)

// move renames without writing over anything. Source: renameat2(2).
func move(from *os.File, name string, to *os.File, as string) error {
	if err := unix.Renameat2(int(from.Fd()), name, int(to.Fd()), as, unix.RENAME_NOREPLACE); err != nil {
		return fmt.Errorf("moving %q: %w", name, err)
	}
	return nil
}

// carry moves f, which has that name in a folder of root's own, into another
// such folder, across mounts too: then what is copied is there whole, on disk,
// before the original goes.
func (r *Record) carry(f, from *os.File, name string, to *os.File, as string) error {
	err := unix.Renameat2(int(from.Fd()), name, int(to.Fd()), as, unix.RENAME_NOREPLACE)
	if err != unix.EXDEV {
		return err
	}
	part := as + ".part"
	if err := action.Unlink(to, part); err != nil {
		return err
	}
	out, err := action.OpenAt(to, part, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, io.NewSectionReader(f, 0, mostBytes+1))
	if err == nil {
		err = r.same(out, "quar.changed") // it may have been written to meanwhile
	}
	if err == nil {
		err = out.Sync()
	}
	if err == nil {
		err = move(to, part, to, as)
	}
	if err == nil {
		err = to.Sync()
	}
	if err != nil {
		return fmt.Errorf("copying: %w", err)
	}
	return action.Unlink(from, name)
}
