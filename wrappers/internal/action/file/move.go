package file

import (
	"crypto/sha256"
	"encoding/hex"
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
	out, err := action.OpenAt(to, part, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, sum), io.NewSectionReader(f, 0, mostBytes+1))
	if err == nil && (n > mostBytes || hex.EncodeToString(sum.Sum(nil)) != r.SHA256) {
		err = action.Refuse("quar.changed", "%q was written to while it was copied", r.Path)
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
